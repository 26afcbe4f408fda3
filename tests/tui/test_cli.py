"""The command line: what is wrong is told, all of it, in sentences; what is asked for is documented."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import engine
from engine.config import settings
from tui.cli import main


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, so that nobody's settings count."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


@pytest.fixture
def telltop(capfd: pytest.CaptureFixture[str]) -> Telltop:
    return Telltop(capfd)


class Telltop:
    """Runs a command line in this process."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *arguments: str) -> tuple[int | str | None, str, str]:
        """Exit code, standard output, standard error."""
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out, err = self._capture.readouterr()
        return ended.value.code, out, err

    def refused(self, *arguments: str) -> list[str]:
        """The sentences with which a command line is refused."""
        code, out, err = self(*arguments)
        assert (code, out) == (2, "")
        lines = err.splitlines()
        assert all(line.startswith("telltop: ") for line in lines)
        return [line.removeprefix("telltop: ") for line in lines]


def test_version(telltop: Telltop) -> None:
    assert telltop("--version") == (0, f"telltop {engine.__version__}\n", "")


def test_help_names_every_flag_command_and_exit_code(telltop: Telltop) -> None:
    code, out, err = telltop("--help")
    assert (code, err) == (0, "")
    words = set(out.split())
    assert words >= {setting.flag for setting in settings() if setting.flag} | {"--config", "--version", "--no-color"}
    assert words >= {"snapshot", "analyze", "ask", "watch", "doctor"}
    assert words >= {"0", "1", "2", "3", "4", "5", "6", "130", "141"}


@pytest.mark.parametrize(
    ("command", "own"),
    [
        ("snapshot", {"--json"}),
        ("doctor", {"--json"}),
        ("analyze", {"--short", "--json", "--output", "--no-color", "--insights", "--stream", "--filter", "--facts"}),
        ("drill", {"--kinds", "--control", "--json"}),
        ("ask", {"--json", "QUESTION"}),
        ("watch", {"--json", "--seconds"}),
    ],
)
def test_help_of_a_command(command: str, own: set[str], telltop: Telltop) -> None:
    for arguments in ((command, "--help"), ("--help", command), (command, "-h")):
        code, out, err = telltop(*arguments)
        assert (code, err) == (0, "")
        found = set(out.replace("[QUESTION]...", "QUESTION").split())
        assert found >= own | {setting.flag for setting in settings() if setting.flag}


def test_everything_wrong_is_told_at_once(telltop: Telltop, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("TELLTOP_SEED", "x")
    file = home / "c.toml"
    file.write_text("threds = 1")
    arguments = ("--intervall", "2", "--temperature", "hot", "--ascii=1", "--config", str(file), "--threads")
    assert telltop.refused(*arguments) == [
        "--intervall is unknown: did you mean --interval?",
        "--ascii takes no value",
        "--threads needs a value",
        f"{file}: threds is unknown: did you mean threads?",
        'TELLTOP_SEED must be a whole number from 0 to 4294967295, not "x"',
        '--temperature must be a number from 0 to 5, not "hot"',
    ]


@pytest.mark.parametrize(
    ("arguments", "sentences"),
    [
        (("snapshto",), ["the command snapshto is unknown: did you mean snapshot?"]),
        (("m.gguf",), ["m.gguf is not a command: a model is given by --model m.gguf"]),
        (("snapshot", "now"), ['snapshot takes no argument, but was given "now"']),
        (("snapshot", "--jsn"), ["--jsn is unknown: did you mean --json?"]),
        (("--jsn", "snapshot"), ["--jsn is unknown: did you mean --json?"]),
        (("watch", "--seconds", "0"), ['--seconds must be a number of seconds above 0, not "0"']),
        (("watch", "--seconds=nan"), ['--seconds must be a number of seconds above 0, not "nan"']),
        (("watch", "--seconds", "--json"), ["--seconds needs a value"]),
        (("analyze", "--insights", "--short"), ["--short and --insights do not go together"]),
        (("analyze", "--stream", "--output=x"), ["--stream and --output do not go together"]),
        (("ask",), ['ask needs a question, such as: telltop ask "why is load high?"']),
        (("ask", "  "), ['ask needs a question, such as: telltop ask "why is load high?"']),
        (("ask", "why", "--modle", "m"), ["--modle is unknown: did you mean --model?"]),
        (("--interval=", "analyze"), ['--interval must be a number of seconds from 0.2 to 60, not ""']),
        (("--\x1b[2J",), ["--\\x1b[2J is unknown"]),
        (("--config", "/no/such.toml"), ["the configuration file /no/such.toml does not exist"]),
    ],
)
def test_wrong_arguments(arguments: tuple[str, ...], sentences: list[str], telltop: Telltop) -> None:
    assert telltop.refused(*arguments) == sentences


def test_the_dashboard_needs_a_terminal(telltop: Telltop) -> None:
    assert telltop.refused() == [
        "the dashboard needs a terminal: without one, use telltop watch --json or telltop analyze"
    ]


words = st.sampled_from(
    [s.flag for s in settings() if s.flag]
    + ["--", "-", "--json", "--short", "--seconds", "--config", "--no-color", "--x", "-x", "=", "ask", "snapshot", "7"]
) | st.text(max_size=6).filter(lambda text: text != "-h")


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(arguments=st.lists(words, max_size=6))
def test_any_command_line_is_refused_in_sentences_when_something_is_wrong(
    arguments: list[str], telltop: Telltop
) -> None:
    told = telltop.refused("--frobnicate=1", *arguments, "--knobble=2")
    assert "--frobnicate is unknown" in told
    assert all(sentence.isprintable() for sentence in told)
