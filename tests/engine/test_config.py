"""Settings: precedence, ranges, and that every problem is told, each in a sentence, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import Config, Setting, load, settings, unknown
from engine.errors import UsageError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, so that nobody's settings count."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def written(folder: Path, content: str) -> Path:
    file = folder / "settings.toml"
    file.write_text(content)
    return file


def problems(
    flags: dict[str, str | bool] | None = None, env: dict[str, str] | None = None, file: Path | None = None
) -> list[str]:
    with pytest.raises(UsageError) as caught:
        load(flags or {}, env or {}, file)
    return caught.value.problems


def test_defaults() -> None:
    config = load({}, {})
    assert config == Config()
    assert (config.model, config.interval_s, config.analysis_every_s, config.max_tokens) == (None, 1.0, 300.0, 400)
    assert (config.temperature, config.color, config.ascii, config.seed) == (0.2, "auto", False, None)


def test_each_source_overrides_the_one_before(home: Path) -> None:
    file = written(home, "interval = 2\nthreads = 3\nseed = 4\n")
    assert load({}, {}, file).interval_s == 2
    env = {"TELLTOP_INTERVAL": "5", "TELLTOP_THREADS": "6"}
    assert load({}, env, file).interval_s == 5
    config = load({"--interval": "7.5"}, env, file)
    assert (config.interval_s, config.threads, config.seed) == (7.5, 6, 4)


def test_the_standard_file_is_read_when_it_is_there(home: Path) -> None:
    assert load({}, {}).max_tokens == 400
    folder = home / "config" / "telltop"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("max_tokens = 50\n")
    assert load({}, {}).max_tokens == 50


def test_a_variable_names_the_file_and_a_flag_names_another(home: Path) -> None:
    one, other = home / "one.toml", home / "other.toml"
    one.write_text("seed = 1")
    other.write_text("seed = 2")
    assert load({}, {"TELLTOP_CONFIG": str(one)}).seed == 1
    assert load({}, {"TELLTOP_CONFIG": str(one)}, other).seed == 2


def test_a_named_file_must_exist(home: Path) -> None:
    assert problems(file=home / "none.toml") == [f"the configuration file {home}/none.toml does not exist"]


EXAMPLES = {
    "model": ("'/m/a.gguf'", "/m/a.gguf", Path("/m/a.gguf")),
    "endpoint": ("'http://h:1/v1'", "http://h:1/v1", "http://h:1/v1"),
    "endpoint_model": ("'m'", "m", "m"),
    "api_key": ("'k'", "k", "k"),
    "models_dir": ("'/d'", "/d", Path("/d")),
    "context": ("1000", "1000", 1000),
    "threads": ("3", "3", 3),
    "max_tokens": ("50", "50", 50),
    "temperature": ("1", "1", 1.0),
    "seed": ("0", "0", 0),
    "interval": ("0.2", "0.2", 0.2),
    "analysis_every": ("0", "0", 0.0),
    "ascii": ("true", "true", True),
    "color": ("'never'", "never", "never"),
    "read_only": ("true", "true", True),
    "log_file": ("'/l'", "/l", Path("/l")),
    "log_level": ("'debug'", "debug", "debug"),
}


@pytest.mark.parametrize("setting", settings(), ids=lambda setting: setting.key)
def test_every_setting_has_a_key_a_variable_and_a_flag(setting: Setting, home: Path) -> None:
    in_file, text, value = EXAMPLES[setting.key]
    found = [load({}, {}, written(home, f"{setting.key} = {in_file}\n")), load({}, {setting.variable: text})]
    if setting.flag:
        found.append(load({setting.flag: text if setting.metavar else True}, {}))
    assert bool(setting.flag) == (setting.key != "api_key"), "what is secret is seen by nobody in a list of processes"
    for config in found:
        assert getattr(config, setting.name) == value
        assert value != getattr(Config(), setting.name)


def test_paths_are_expanded_and_those_in_a_file_are_relative_to_it(home: Path) -> None:
    assert load({}, {}, written(home, 'model = "models/a.gguf"')).model == home / "models" / "a.gguf"
    assert load({}, {}, written(home, 'model = "/m/a.gguf"')).model == Path("/m/a.gguf")
    assert load({"--model": "~/a.gguf"}, {}).model == home / "a.gguf"
    assert load({"--model": "a.gguf"}, {}).model == Path("a.gguf")


def test_the_log_is_in_the_state_folder_or_where_it_was_asked_for(home: Path) -> None:
    assert load({}, {}).log_path == home / "state" / "telltop" / "telltop.log"
    assert load({"--log-file": "/x/y.log"}, {}).log_path == Path("/x/y.log")


def test_the_models_are_in_the_data_folder_or_where_it_was_asked_for(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    assert load({}, {}).models_path == home / "data" / "telltop" / "models"
    assert load({"--models-dir": "/x"}, {}).models_path == Path("/x")


def test_variables_of_other_programs_are_read_after_our_own() -> None:
    env = {"LLM_BASE_URL": "http://b/v1", "LLM_MODEL": "m", "LLM_API_KEY": "k", "HERMES_MODEL_DIR": "/d"}
    config = load({}, env)
    assert (config.endpoint, config.endpoint_model, config.api_key) == ("http://b/v1", "m", "k")
    assert config.models_dir == Path("/d")
    assert load({}, env | {"LLM_ENDPOINT": "http://e"}).endpoint == "http://e"
    assert load({}, env | {"LLM_ENDPOINT": "http://e", "TELLTOP_ENDPOINT": "http://t"}).endpoint == "http://t"
    assert load({"--endpoint": "http://f"}, env).endpoint == "http://f"
    assert problems(env={"LLM_ENDPOINT": "localhost"}) == [
        'LLM_ENDPOINT must be an address such as http://host:8080/v1, not "localhost"'
    ]


def test_a_key_is_never_shown() -> None:
    assert problems(env={"LLM_API_KEY": "se cret"}) == ["LLM_API_KEY must be a key of printable ASCII characters"]
    assert problems({"--api-key": "secret"}) == ["--api-key is unknown"]
    config = load({}, {"TELLTOP_API_KEY": "secret", "TELLTOP_ENDPOINT": "http://e"})
    assert config.api_key == "secret"
    assert "secret" not in repr(config)
    assert "http://e" in repr(config)


@pytest.mark.parametrize(
    ("flags", "env", "file", "chosen"),
    [
        ({"--endpoint": "http://f", "--model": "m"}, {}, "", (None, "http://f", "m")),
        ({"--endpoint": "http://f", "--model": "m.gguf"}, {}, "", (None, "http://f", "m.gguf")),
        ({"--endpoint": "http://f", "--model": "m", "--endpoint-model": "n"}, {}, "", (None, "http://f", "n")),
        ({"--model": "m.gguf"}, {"LLM_ENDPOINT": "http://e", "LLM_MODEL": "n"}, "", (Path("m.gguf"), None, "n")),
        ({"--model": "o/m"}, {"LLM_ENDPOINT": "http://e", "LLM_MODEL": "n"}, "", (None, "http://e", "o/m")),
        ({"--endpoint": "http://f"}, {}, "model = '/m/a.gguf'", (None, "http://f", None)),
        ({"--endpoint": "http://f"}, {}, "model = 'name'", (None, "http://f", "name")),
        ({}, {"LLM_ENDPOINT": "http://e", "LLM_MODEL": "n"}, "model = 'name'", (None, "http://e", "n")),
        ({}, {}, "model = 'name'", (Path("name"), None, None)),
        ({}, {"LLM_MODEL": "n"}, "", (None, None, "n")),
    ],
)
def test_the_stronger_source_decides_who_writes(
    flags: dict[str, str | bool],
    env: dict[str, str],
    file: str,
    chosen: tuple[Path | None, str | None, str | None],
    home: Path,
) -> None:
    config = load(flags, env, written(home, file))
    assert (config.model, config.endpoint, config.endpoint_model) == chosen


def test_no_color_overrides_the_file_but_not_a_flag_or_our_own_variable(home: Path) -> None:
    file = written(home, 'color = "always"')
    assert load({}, {}, file).color == "always"
    assert load({}, {"NO_COLOR": "1"}, file).color == "never"
    assert load({}, {"NO_COLOR": ""}, file).color == "always"
    assert load({}, {"NO_COLOR": "1", "TELLTOP_COLOR": "always"}).color == "always"
    assert load({"--color": "always"}, {"NO_COLOR": "1"}).color == "always"


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert load({}, {"TELLTOP_INTERVAL": "", "TELLTOP_MODEL": ""}) == Config()


def test_everything_wrong_with_every_source_is_told_at_once(home: Path) -> None:
    file = written(home, 'interval = "1"\nthreds = 2\ntemperature = 9\nascii = 1\nlog_file = 3\n')
    env = {"TELLTOP_SEED": "-1", "TELLTOP_COLOUR": "never", "TELLTOP_CONTEXT": "12.5"}
    flags: dict[str, str | bool] = {"--intervall": "2", "--max-tokens": "many", "--interval": "nan"}
    with pytest.raises(UsageError) as caught:
        load(flags, env, file, ["told before"])
    assert caught.value.exit_code == 2
    assert str(caught.value).splitlines() == [
        "told before",
        f'interval in {file} must be a number of seconds from 0.2 to 60, not "1"',
        f"{file}: threds is unknown: did you mean threads?",
        f"temperature in {file} must be a number from 0 to 5, not 9",
        f"ascii in {file} must be true or false, not 1",
        f"log_file in {file} must be the path of a file, not 3",
        'TELLTOP_SEED must be a whole number from 0 to 4294967295, not "-1"',
        "TELLTOP_COLOUR is unknown: did you mean TELLTOP_COLOR?",
        'TELLTOP_CONTEXT must be a whole number from 256 to 1048576, not "12.5"',
        "--intervall is unknown: did you mean --interval?",
        '--max-tokens must be a whole number from 1 to 100000, not "many"',
        '--interval must be a number of seconds from 0.2 to 60, not "nan"',
    ]


def test_variables_that_others_set_are_let_be() -> None:
    assert load({}, {"TELLTOP_PORT": "tcp://10.0.0.1:80", "TELLTOP_SERVICE_HOST": "10.0.0.1"}) == Config()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"interval = = 2\n", "is not valid TOML: *(at line 1, column 12)"),
        (b"seed = 1\nseed = 2\n", "is not valid TOML: *(at line 2, column 9)"),
        (b"model = '\xff'\n", "is not UTF-8 text: byte 9 is wrong"),
        (b"#" * (1 << 20) + b"\n", "is larger than 1 MiB"),
        (b"a = " + b"[" * 50_000, "is nested too deeply"),
    ],
    ids=["syntax", "twice", "encoding", "huge", "deep"],
)
def test_a_file_that_is_no_configuration(content: bytes, sentence: str, home: Path) -> None:
    file = home / "bad.toml"
    file.write_bytes(content)
    beginning, _, end = f"the configuration file {file} {sentence}".partition("*")
    (told,) = problems(file=file)
    assert told.startswith(beginning)
    assert told.endswith(end)


def test_a_folder_is_no_configuration(home: Path) -> None:
    assert problems(file=home) == [f"the configuration file {home} is not a regular file"]


def test_hostile_names_and_values_are_shown_inert(home: Path) -> None:
    file = written(home, '"\\u001b[2J" = 1\nseed = "\\u202e\\n"\n')
    told = problems({"--x\x1b]0;": "1", "--interval": "\x07"}, {}, file)
    assert len(told) == 4
    assert all(sentence.isprintable() for sentence in told)


def test_a_path_with_a_null_byte_or_of_an_unknown_user() -> None:
    assert len(problems({"--model": "a\0b", "--log-file": "~no_such_user_here/x"})) == 2


def test_suggestions_are_given_only_when_likely() -> None:
    flags = [setting.flag for setting in settings()]
    assert unknown("--modle", flags) == "--modle is unknown: did you mean --model?"
    assert unknown("--analysis-evry", flags) == "--analysis-evry is unknown: did you mean --analysis-every?"
    assert unknown("--frobnicate", flags) == "--frobnicate is unknown"


@given(
    flags=st.dictionaries(
        st.sampled_from([s.flag for s in settings()]) | st.text(max_size=12), st.text() | st.booleans()
    ),
    env=st.dictionaries(st.sampled_from([s.variable for s in settings()]), st.text()),
)
def test_whatever_is_given_the_settings_are_valid_or_every_problem_is_a_sentence(
    flags: dict[str, str | bool], env: dict[str, str]
) -> None:
    told: list[str] = []
    config = Config()
    try:
        config = load(flags, env)
    except UsageError as error:
        told = error.problems or ["nothing"]
    assert all(problem.isprintable() and len(problem) < 400 and " " in problem for problem in told)
    assert 0.2 <= config.interval_s <= 60
    assert 0 <= config.temperature <= 5
    assert config.color in {"auto", "always", "never"}
