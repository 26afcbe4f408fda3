import pytest

from engine.telemetry.masking import MASK, masked, masked_words


@pytest.mark.parametrize(
    "name",
    ["GITHUB_TOKEN", "aws_secret_access_key", "PGPASSWORD", "MYSQL_PWD", "API_KEY", "DB_PASS", "SENTRY_DSN", "Auth",
     "SESSION_COOKIE", "GOOGLE_CREDENTIALS", "SSH_PRIVATE", "CARD_PIN"],
)  # fmt: skip
def test_a_variable_that_says_that_it_is_secret(name: str) -> None:
    assert masked("hunter2", name) == MASK
    assert masked("", name) == ""


@pytest.mark.parametrize(
    "name", ["PATH", "PWD", "HOME", "SSH_AUTH_SOCK", "GIT_AUTHOR_NAME", "LANG", "PASSAGE", "OLDPWD"]
)
def test_a_variable_that_is_none(name: str) -> None:
    assert masked("/usr/bin:/bin", name) == "/usr/bin:/bin"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://app:s3cr3t@db:5432/x", f"postgres://app:{MASK}@db:5432/x"),
        ("redis://:p@ss@cache/0", f"redis://:{MASK}@cache/0"),
        ("https://x.org/?a=1&api_key=abc&b=2", f"https://x.org/?a=1&api_key={MASK}&b=2"),
        ("--password=hunter2", f"--password={MASK}"),
        ("ghp_" + "a" * 36, MASK),
        ("Bearer eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.c2lnbmF0dXJl", f"Bearer {MASK}"),
        ("https://x.org/path", "https://x.org/path"),
        ("/usr/lib/keyboard", "/usr/lib/keyboard"),
    ],
)
def test_secrets_within_a_text(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_the_word_after_an_option() -> None:
    words = ["mysql", "--user", "root", "--password", "hunter2", "-h", "db"]
    assert masked_words(words) == ("mysql", "--user", "root", "--password", MASK, "-h", "db")
