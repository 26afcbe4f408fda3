"""What typer leaves open: options made from the table of settings, and all that is wrong with them told at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from engine.config import Config, closest, load, settings, settings_file, unknown
from engine.text import inert

Job = Callable[[], int]
"""What a command line asks for, ready to be done; returns the exit code."""

_NAMED = "telltop.named"


class Given:
    """The settings of a command line, not yet checked; a command adds what is wrong with its own arguments."""

    def __init__(self, context: typer.Context, flags: dict[str, str | bool], file: str | None) -> None:
        self.context = context
        self.problems = _problems(context)
        self._flags = flags
        self._file = Path(file) if file else None

    def seconds(self, flag: str, text: str | None) -> float | None:
        """The value of a flag that takes a number of seconds above 0."""
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value <= 1e9:
            self.problems.append(f'{flag} must be a number of seconds above 0, not "{inert(text, 80)}"')
        return value

    @property
    def file(self) -> Path | None:
        """The configuration file that is read, ``None`` without any."""
        return settings_file(os.environ, self._file)

    def config(self) -> Config:
        """Load the settings from all sources; raises UsageError with all that is wrong, here and there."""
        return load(self._flags, os.environ, self._file, self.problems)


def with_settings(command: Callable[..., Job]) -> Callable[..., Job]:
    """Make the first parameter of a command (:class:`Given`) into options: one for every setting, and ``--config``."""

    def wrapped(ctx: typer.Context, config: str | None, no_color: bool, **values: Any) -> Job:
        flags = {setting.flag: values.pop(setting.name) for setting in settings() if setting.flag}
        if no_color:
            flags["--color"] = "never"
        used = {flag: value for flag, value in flags.items() if value not in {None, False}}
        return command(Given(ctx, used, config), **values)

    own = list(signature(command, eval_str=True).parameters.values())[1:]
    wrapped.__dict__["__signature__"] = Signature([*own, *_parameters()])
    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    return wrapped


def _parameters() -> Iterator[Parameter]:
    yield Parameter("ctx", Parameter.KEYWORD_ONLY, annotation=typer.Context)
    for setting in settings():  # as text, for engine.config.load checks it together with the other sources
        if setting.flag:
            yield _option(setting.name, setting.flag, setting.help, setting.metavar)
    yield _option("config", "--config", "Read settings from this TOML file.", "FILE")
    yield _option("no_color", "--no-color", "The same as --color never.", "")


def _option(name: str, flag: str, text: str, metavar: str) -> Parameter:
    kind, unused = (str | None, None) if metavar else (bool, False)
    option = typer.Option(unused, flag, help=text, metavar=metavar or None, show_default=False)
    return Parameter(name, Parameter.KEYWORD_ONLY, default=option, annotation=kind)


class Command(TyperCommand):
    """A command that collects what is wrong with its arguments in place of failing on the first."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take what can be taken; ``--help`` is typer's."""
        parameters = self.get_params(ctx)
        values, words = _sift(parameters, args, _problems(ctx))
        if values.keys() & ctx.help_option_names:
            return super().parse_args(ctx, ["--help"])
        taker = next((parameter.name for parameter in parameters if parameter.param_type_name == "argument"), None)
        if words and taker is None:
            shown = " ".join(inert(word, 80) for word in words)
            _problems(ctx).append(f'{self.name} takes no argument, but was given "{shown}"')
        _take(ctx, parameters, values)
        if taker is not None:
            ctx.params[taker] = words
        return []


class Group(TyperGroup):
    """Commands of which none need be named, and before or after which options may stand."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Leave the arguments to the command that is named among them, or else take them here."""
        parameters = super().get_params(ctx)
        _, words = _sift(parameters, args, [], self.commands)
        for word in words:
            if word in self.commands:
                ctx.meta[_NAMED, ctx.info_name] = True
                rest = list(args)
                rest.remove(word)
                super().parse_args(ctx, ["--", word, *rest])
                _take(ctx, parameters, {})
                return list(ctx.args)
        values, words = _sift(parameters, args, _problems(ctx))
        if values.keys() & {*ctx.help_option_names, "--version"}:
            return super().parse_args(ctx, ["--version" if "--version" in values else "--help"])
        if words:
            _problems(ctx).append(_not_a_command(words[0], self.commands))
        _take(ctx, parameters, values)
        return []

    def get_params(self, ctx: Any) -> list[Any]:
        """None when a command is named, for which all options are left."""
        return [] if ctx.meta.get((_NAMED, ctx.info_name)) else super().get_params(ctx)


def _take(ctx: Any, parameters: Iterable[Any], values: Mapping[str, str | bool]) -> None:
    """Hand the values to the command as they are. Typer would have pydantic convert each of them, text to text: to
    import that takes longer than everything else up to the first sample.
    """
    for parameter in parameters:
        if parameter.expose_value:
            given = (values[name] for name in parameter.opts if name in values)
            ctx.params[parameter.name] = next(given, parameter.default)


def _not_a_command(word: str, commands: Iterable[str]) -> str:
    if word.endswith(".gguf"):
        return f"{inert(word, 300)} is not a command: a model is given by --model {inert(word, 300)}"
    return f"the command {unknown(word, commands)}"


def _problems(context: Any) -> list[str]:
    """What is wrong with the arguments so far, a sentence each; a group and its command share it."""
    found: list[str] = context.meta.setdefault("telltop.problems", [])
    return found


def _sift(
    parameters: Iterable[Any], args: list[str], problems: list[str], commands: Container[str] = ()
) -> tuple[dict[str, str | bool], list[str]]:
    """Part the arguments into the values of options, true for a switch, and words; the rest is told in ``problems``.

    A word behind an unknown option passes for its value, unless a switch was likely meant or it is a command.
    """
    known = {name: parameter for parameter in parameters for name in parameter.opts if name.startswith("-")}
    values: dict[str, str | bool] = {}
    words: list[str] = []
    left = list(args)
    while left:
        token = left.pop(0)
        if token == "--":
            return values, words + left
        if not token.startswith("-") or token == "-":
            words.append(token)
            continue
        name, equals, value = token.partition("=")
        option = known.get(name)
        if option is None:
            problems.append(unknown(name, known))
            meant = closest(name, known)
            switch = meant is not None and known[meant].is_flag
            if not (equals or switch) and left and not left[0].startswith("-") and left[0] not in commands:
                left.pop(0)
        elif option.is_flag:
            values[name] = True
            if equals:
                problems.append(f"{name} takes no value")
        elif equals:
            values[name] = value
        elif left and left[0] not in known:
            values[name] = left.pop(0)
        else:
            problems.append(f"{name} needs a value")
    return values, words
