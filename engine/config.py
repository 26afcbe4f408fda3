"""The settings, and where they come from: defaults < TOML file < environment < flags.

:class:`Config` is the one table of settings. The name of a field (``analysis_every_s``, of which the unit is dropped)
gives the key in the file (``analysis_every = 300``), the variable (``TELLTOP_ANALYSIS_EVERY``) and the flag
(``--analysis-every``); the ``Meta`` of its type gives the range that is enforced, the help, and what is expected.
:func:`load` reads all sources and reports everything that is wrong with any of them at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

from engine.errors import UsageError
from engine.text import inert
from engine.writer_choice import settled

ColorChoice = Literal["auto", "always", "never"]
LogLevel = Literal["debug", "info", "warning", "error"]

VARIABLE_PREFIX = "TELLTOP_"
_FILE_LIMIT_BYTES = 1 << 20
_ALIASES = {
    "endpoint": ("LLM_ENDPOINT", "LLM_BASE_URL"),
    "endpoint_model": ("LLM_MODEL",),
    "api_key": ("LLM_API_KEY",),
    "models_dir": ("HERMES_MODEL_DIR",),
}
"""Variables that other programs read as well; telltop's own go before them, and the first before the second."""


def _meta(text: str, expects: str, metavar: str) -> Meta:
    return Meta(description=text, extra={"expects": expects, "metavar": metavar})


def _number(text: str, noun: str, metavar: str, least: float, most: float) -> Meta:
    extra = {"expects": f"a {noun} from {least} to {most}", "metavar": metavar}
    return Meta(description=text, extra=extra, ge=least, le=most)


def _text(text: str, expects: str, metavar: str, pattern: str, *, secret: bool = False) -> Meta:
    extra = {"expects": expects, "metavar": metavar, "secret": secret}
    return Meta(description=text, extra=extra, pattern=pattern, max_length=1024)


_ADDRESS = r"^https?://[^\s/?#\x00-\x1f]+(/[^\s?#\x00-\x1f]*)?$"
_MODEL = _meta("GGUF model that writes: a file, or a name of telltop models list.", "the path of a file", "FILE")
_ENDPOINT = _text("OpenAI-compatible server that writes.", "an address such as http://host:8080/v1", "URL", _ADDRESS)
_ENDPOINT_MODEL = _text("Name of the model there; --model does as well.", "a name", "NAME", r"^[^\x00-\x1f\x7f]+$")
_API_KEY = _text("Key of the server.", "a key of printable ASCII characters", "KEY", r"^[!-~]+$", secret=True)
_MODELS_DIR = _meta("Folder of the models.", "the path of a folder", "FOLDER")
_CONTEXT = _number("Context of the model, in tokens.", "whole number", "N", 256, 1_048_576)
_THREADS = _number("Threads of the model.", "whole number", "N", 1, 1024)
_MAX_TOKENS = _number("Longest text that is written, in tokens.", "whole number", "N", 1, 100_000)
_TEMPERATURE = _number("How freely words are chosen; 0 takes the likeliest.", "number", "T", 0, 5)
_SEED = _number("Seed of the choice, to get the same text again.", "whole number", "N", 0, 4_294_967_295)
_INTERVAL = _number("Seconds between two samples.", "number of seconds", "S", 0.2, 60)
_ANALYSIS_EVERY = _number("Seconds between two analyses; 0 for none.", "number of seconds", "S", 0, 86_400)
_ASCII = _meta("Draw with ASCII characters only.", "true or false", "")
_COLOR = _meta("Colour: auto, always or never.", "auto, always or never", "WHEN")
_READ_ONLY = _meta("Look only: no process can be signalled or changed.", "true or false", "")
_LOG_FILE = _meta("Where the log goes.", "the path of a file", "FILE")
_LOG_LEVEL = _meta("What is logged: debug, info, warning or error.", "debug, info, warning or error", "LEVEL")


class Config(Struct, frozen=True, kw_only=True):
    """All settings, valid. Make it by :func:`load`, or directly from values that are known to be good."""

    model: Annotated[Path | None, _MODEL] = None
    endpoint: Annotated[str | None, _ENDPOINT] = None
    endpoint_model: Annotated[str | None, _ENDPOINT_MODEL] = None
    api_key: Annotated[str | None, _API_KEY] = None
    models_dir: Annotated[Path | None, _MODELS_DIR] = None
    context: Annotated[int | None, _CONTEXT] = None
    threads: Annotated[int | None, _THREADS] = None
    max_tokens: Annotated[int, _MAX_TOKENS] = 400
    temperature: Annotated[float, _TEMPERATURE] = 0.2
    seed: Annotated[int | None, _SEED] = None
    interval_s: Annotated[float, _INTERVAL] = 1.0
    analysis_every_s: Annotated[float, _ANALYSIS_EVERY] = 300.0
    ascii: Annotated[bool, _ASCII] = False
    color: Annotated[ColorChoice, _COLOR] = "auto"
    read_only: Annotated[bool, _READ_ONLY] = False
    log_file: Annotated[Path | None, _LOG_FILE] = None
    log_level: Annotated[LogLevel, _LOG_LEVEL] = "info"

    def __repr__(self) -> str:
        """All that is set, without the key: it must get into no log."""
        shown = ((name, getattr(self, name)) for name in self.__struct_fields__ if name != "api_key")
        return f"Config({', '.join(f'{name}={value!r}' for name, value in shown if value is not None)})"

    @property
    def models_path(self) -> Path:
        """The folder of the models: the one that was asked for, else ``models`` in the platform's data folder."""
        if self.models_dir is not None:
            return self.models_dir
        from platformdirs import user_data_path

        return user_data_path("telltop") / "models"

    @property
    def log_path(self) -> Path:
        """The log file: the one that was asked for, else ``telltop.log`` in the platform's state folder."""
        if self.log_file is not None:
            return self.log_file
        from platformdirs import user_state_path

        return user_state_path("telltop") / "telltop.log"


class Setting(Struct, frozen=True, eq=False):
    """One field of :class:`Config`, as the sources name it and as a person is told of it."""

    name: str
    key: str
    """In the TOML file."""
    variable: str
    """In the environment."""
    flag: str
    """Empty for a secret: everybody on a node can read the arguments of its processes."""
    kind: Any
    """The type that a value must have once it is there, with its range."""
    help: str
    expects: str
    metavar: str
    """What stands for the value in the help; empty for a switch."""
    aliases: tuple[str, ...] = ()
    """Variables of other programs that are read if ``variable`` is not set."""


@cache
def settings() -> tuple[Setting, ...]:
    """The table of settings, in order of their declaration."""
    return tuple(_setting(name, hint) for name, hint in get_type_hints(Config, include_extras=True).items())


def _setting(name: str, hint: Any) -> Setting:
    declared, meta = get_args(hint)
    options = get_args(declared)
    bare = options[0] if type(None) in options else declared
    key = name.removesuffix("_s")
    return Setting(
        name=name,
        key=key,
        variable=VARIABLE_PREFIX + key.upper(),
        flag="" if meta.extra.get("secret") else "--" + key.replace("_", "-"),
        kind=bare if bare is Path else Annotated[bare, meta],
        help=meta.description,
        metavar=meta.extra["metavar"],
        expects=meta.extra["expects"],
        aliases=_ALIASES.get(name, ()),
    )


def closest(name: str, known: Iterable[str]) -> str | None:
    """The one of the names ``known`` that was likely meant; what all names of a kind begin with does not count."""
    from difflib import get_close_matches

    bare = {_bare(one): one for one in known}
    return next((bare[close] for close in get_close_matches(_bare(name), bare, n=1, cutoff=0.7)), None)


def _bare(name: str) -> str:
    return name.lstrip("-").removeprefix(VARIABLE_PREFIX)


def unknown(name: str, known: Iterable[str]) -> str:
    """One sentence about a ``name`` that is not one of those ``known``, with the one that was likely meant."""
    meant = closest(name, known)
    return f"{inert(name, 80)} is unknown" + (f": did you mean {meant}?" if meant else "")


def load(
    flags: Mapping[str, str | bool],
    env: Mapping[str, str],
    file: Path | None = None,
    problems: Sequence[str] = (),
) -> Config:
    """Read all sources and check every value.

    ``flags`` maps the flag (``--interval``) to its text, or to true for a switch. ``file``, or the one that the
    variable ``TELLTOP_CONFIG`` names, must exist; without either, ``config.toml`` in the platform's configuration
    folder is read if it is there. ``problems`` are those that the caller found already: they are told with the others.

    Raises UsageError with one sentence for each problem of each source, also of values that another source overrides.
    """
    wrong = list(problems)
    sources = (_from_file(settings_file(env, file), wrong), _from_environment(env, wrong), _from_flags(flags, wrong))
    if wrong:
        raise UsageError(wrong)
    values: dict[str, Any] = {}
    ranks: dict[str, int] = {}
    for rank, source in enumerate(sources):
        values |= source
        ranks |= dict.fromkeys(source, rank)
    return Config(**settled(values, ranks))


def settings_file(env: Mapping[str, str], file: Path | None = None) -> Path | None:
    """The TOML file that is read: ``file``, else the one that the environment names, else the standard one if any."""
    if file is None and env.get("TELLTOP_CONFIG"):
        file = Path(env["TELLTOP_CONFIG"])
    if file is None:
        from platformdirs import user_config_path

        standard = user_config_path("telltop") / "config.toml"
        return standard if standard.exists() else None
    return file


def _from_file(path: Path | None, wrong: list[str]) -> dict[str, Any]:
    if path is None:
        return {}
    table = _read(path, wrong)
    known = {setting.key: setting for setting in settings()}
    values: dict[str, Any] = {}
    for key, value in table.items():
        if setting := known.get(key):
            _put(values, setting, value, wrong, where=f"{key} in {_shown(path)}", base=path.parent)
        else:
            wrong.append(f"{_shown(path)}: {unknown(key, known)}")
    return values


def _read(path: Path, wrong: list[str]) -> dict[str, Any]:
    import tomllib

    where = f"the configuration file {_shown(path)}"
    try:
        if path.exists() and not path.is_file():
            wrong.append(f"{where} is not a regular file")
            return {}
        with path.open("rb") as stream:
            content = stream.read(_FILE_LIMIT_BYTES + 1)
        if len(content) > _FILE_LIMIT_BYTES:
            wrong.append(f"{where} is larger than 1 MiB")
            return {}
        return tomllib.loads(content.decode())
    except FileNotFoundError:
        wrong.append(f"{where} does not exist")
    except (OSError, ValueError) as error:
        wrong.append(f"{where} {_reason(error)}")
    except RecursionError:
        wrong.append(f"{where} is nested too deeply")
    return {}


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or error}"
    if isinstance(error, UnicodeDecodeError):
        return f"is not UTF-8 text: byte {error.start} is wrong"
    return f"is not valid TOML: {inert(str(error), 200)}"


def _from_environment(env: Mapping[str, str], wrong: list[str]) -> dict[str, Any]:
    known = {setting.variable: setting for setting in settings()}
    # NO_COLOR (no-color.org) speaks louder than the file, and more softly than telltop's own variable or a flag.
    values: dict[str, Any] = {"color": "never"} if env.get("NO_COLOR") else {}
    for one in settings():
        alias = next((name for name in one.aliases if env.get(name)), None)
        if alias and not env.get(one.variable):
            _put(values, one, env[alias], wrong, where=alias)
    for variable, text in env.items():
        if not variable.startswith(VARIABLE_PREFIX) or not text or variable == "TELLTOP_CONFIG":
            continue
        if setting := known.get(variable):
            _put(values, setting, text, wrong, where=variable)
        elif closest(variable, known):
            # Others may begin so too: Kubernetes sets TELLTOP_PORT for every program beside a service named telltop.
            wrong.append(unknown(variable, known))
    return values


def _from_flags(flags: Mapping[str, str | bool], wrong: list[str]) -> dict[str, Any]:
    known = {setting.flag: setting for setting in settings() if setting.flag}
    values: dict[str, Any] = {}
    for flag, value in flags.items():
        if setting := known.get(flag):
            _put(values, setting, value, wrong, where=flag)
        else:
            wrong.append(unknown(flag, known))
    return values


def _put(
    values: dict[str, Any], setting: Setting, value: Any, wrong: list[str], *, where: str, base: Path | None = None
) -> None:
    """Convert and keep ``value``, or say what is wrong with it. A file (``base``) has types; elsewhere all is text."""
    try:
        if setting.kind is Path:
            values[setting.name] = _path(value, None if setting.name == "model" and _is_name(value) else base)
        else:
            values[setting.name] = msgspec.convert(value, setting.kind, strict=base is not None)
    except (ValueError, RuntimeError):  # ValidationError is a ValueError; "~nobody" is a RuntimeError
        shown = inert(value if isinstance(value, str) else repr(value), 80)
        quoted = f'"{shown}"' if isinstance(value, str) else shown
        wrong.append(f"{where} must be {setting.expects}" + (f", not {quoted}" if setting.flag else ""))


def _is_name(value: Any) -> bool:
    """Whether a model is named as the catalogue or a server names it; such a name is relative to no folder."""
    return isinstance(value, str) and "/" not in value and not value.lower().endswith(".gguf")


def _path(value: Any, base: Path | None) -> Path:
    """A path; ``~`` is the home folder, and one in a file is relative to that file's folder."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError
    path = Path(value).expanduser()
    return base / path if base else path


def _shown(path: Path) -> str:
    return inert(str(path), 300)
