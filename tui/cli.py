"""The command ``telltop``: reads the command line and hands over; the heavy parts are imported by what needs them."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from typer.main import get_command

import engine
from engine.config import Config
from engine.errors import OutputError, TelltopError, UsageError
from engine.text import inert
from tui import model_commands
from tui.arguments import Command, Given, Group, Job, with_settings

if TYPE_CHECKING:
    from engine.inference.protocol import Form

EXIT_UNEXPECTED = 1
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141

_EPILOG = """\
Settings are also read from config.toml in telltop's configuration folder (interval = 2) and from the environment
(TELLTOP_INTERVAL=2); flags go before the environment, the environment goes before the file. NO_COLOR is honoured.

\b
Exit codes:
  0    all is well
  1    unexpected: the log file has the details
  2    flags, environment or configuration file are wrong
  3    the model cannot be used
  4    the node cannot be sampled
  5    a text could not be written to its end
  6    the output cannot be written
  130  interrupted by Ctrl-C; 143 by SIGTERM, 129 by SIGHUP
  141  who read the output has gone
"""

app = typer.Typer(
    cls=Group,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.", show_default=False)]
Output = Annotated[
    str | None,
    typer.Option("--output", metavar="FILE", help="Write to this file, whole or not at all.", show_default=False),
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"telltop {engine.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True, epilog=_EPILOG)
@with_settings
def dashboard(
    given: Given,
    version: Annotated[  # noqa: ARG001 - its callback prints and ends
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.", show_default=False)
    ] = False,
) -> Job:
    """Top that tells you why: a dashboard for this node, with a language model inside. Without a COMMAND it opens."""
    if given.context.invoked_subcommand:
        return lambda: 0
    config = given.config()
    return lambda: _dashboard(config)


@app.command(cls=Command)
@with_settings
def snapshot(given: Given, json: Json = False) -> Job:
    """Print one sample of the node."""
    config = given.config()

    def job() -> int:
        from tui.headless import snapshot as command

        return command.run(config, json=json)

    return _headless(config, job)


@app.command(cls=Command)
@with_settings
def analyze(
    given: Given,
    short: Annotated[bool, typer.Option("--short", help="One line.", show_default=False)] = False,
    insights: Annotated[
        bool, typer.Option("--insights", help="For programs: JSON by a schema.", show_default=False)
    ] = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="Follow: again whenever findings change.", show_default=False)
    ] = False,
    only: Annotated[
        str | None,
        typer.Option("--filter", metavar="TAG", help="Only findings of this kind or severity.", show_default=False),
    ] = None,
    facts: Annotated[
        bool, typer.Option("--facts", help="Also print the facts that it was written from.", show_default=False)
    ] = False,
    json: Json = False,
    output: Output = None,
) -> Job:
    """Say what the node is doing and which process is to blame."""
    given.problems += _clashes(
        {"--short": short, "--insights": insights}, {"--stream": stream, "--output": output is not None},
        {"--stream": stream, "--insights": insights}, {"--stream": stream, "--facts": facts},
    )  # fmt: skip
    if only:
        from tui.headless.analyze import wrong_tag

        given.problems += wrong_tag(only)
    config = given.config()

    def job() -> int:
        from tui.headless import analyze as command

        form: Form = "insights" if insights else "short" if short else "full"
        return command.run(config, form=form, json=json, output=output, only=only or "", facts=facts, stream=stream)

    return _headless(config, job)


def _clashes(*pairs: dict[str, bool]) -> list[str]:
    """A sentence for each pair of flags of which only one may be given."""
    return [f"{' and '.join(pair)} do not go together" for pair in pairs if all(pair.values())]


@app.command(cls=Command)
@with_settings
def ask(
    given: Given,
    question: Annotated[list[str] | None, typer.Argument(metavar="QUESTION", show_default=False)] = None,
    json: Json = False,
) -> Job:
    """Answer a question about the node."""
    words = " ".join(question or ()).strip()
    if not words:
        given.problems.append('ask needs a question, such as: telltop ask "why is load high?"')
    config = given.config()

    def job() -> int:
        from tui.headless import ask as command

        return command.run(config, words, json=json)

    return _headless(config, job)


@app.command(cls=Command)
@with_settings
def watch(
    given: Given,
    json: Json = False,  # noqa: ARG001 - JSON is the only form; the flag says so in scripts
    seconds: Annotated[
        str | None, typer.Option("--seconds", metavar="N", help="End after this time.", show_default=False)
    ] = None,
) -> Job:
    """Print what happens on the node as JSON, one object a line."""
    limit_s = given.seconds("--seconds", seconds)
    config = given.config()

    def job() -> int:
        from tui.headless import watch as command

        return command.run(config, limit_s)

    return _headless(config, job)


@app.command(cls=Command)
@with_settings
def doctor(given: Given, json: Json = False) -> Job:
    """Say what can and cannot be seen here and why, with the cure of each. Ends with 0 if telltop can be used."""
    config, file = given.config(), given.file

    def job() -> int:
        from tui.headless import doctor as command

        return command.run(config, file, json=json)

    return _headless(config, job)


@app.command(cls=Command)
@with_settings
def drill(
    given: Given,
    kinds: Annotated[
        str | None,
        typer.Option("--kinds", metavar="A,B,...", help="Only these faults and controls.", show_default=False),
    ] = None,
    control: Annotated[
        str | None,
        typer.Option("--control", metavar="N", help="Seconds of each control (30).", show_default=False),
    ] = None,
    json: Json = False,
) -> Job:
    """Make real, bounded faults on this node, one after the other, and grade how telltop deals with them."""
    from tui.headless import drill as command

    wanted = [kind.strip() for kind in (kinds or "").split(",") if kind.strip()]
    given.problems += command.unknown_kinds(wanted)
    control_s = given.seconds("--control", control)
    config = given.config()
    return _headless(config, lambda: command.run(config, wanted, control_s=control_s, json=json))


app.add_typer(model_commands.app, name="models")


@app.command(cls=Command)
@with_settings
def demo(given: Given) -> Job:
    """Open the dashboard while real, bounded faults come and go on this node, one after the other."""
    config = given.config()

    def job() -> int:
        from engine.drill.demo import Demonstration

        return _dashboard(config, Demonstration)

    return job


def _headless(config: Config, work: Job) -> Job:
    def job() -> int:
        from tui.terminal import private_streams

        _begin_log(config)
        with private_streams(config.log_path):
            return work()

    return job


def _dashboard(config: Config, beside: Callable[[], AbstractContextManager[object]] = nullcontext) -> int:
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(["the dashboard needs a terminal: without one, use telltop watch --json or telltop analyze"])
    from tui.launch import run
    from tui.terminal import own_terminal

    _begin_log(config)
    with own_terminal(config.log_path) as guard, beside():
        return run(config, guard)


def _begin_log(config: Config) -> None:
    from engine.logs import set_up

    if notice := set_up(config.log_path, config.log_level):
        _complain(notice)


def _complain(sentences: str) -> None:
    with suppress(OSError, ValueError):  # nobody listens
        print(*(f"telltop: {line}" for line in sentences.splitlines()), sep="\n", file=sys.stderr, flush=True)


def _parse(arguments: list[str]) -> Job | int:
    """What the command line asks for, or an exit code when it is done already (``--help``)."""
    try:
        asked: Job | int = get_command(app).main(arguments, prog_name="telltop", standalone_mode=False)
        sys.stdout.flush()
    except OSError as error:
        raise OutputError(f"the output cannot be written: {error.strerror or error}") from error
    except SystemExit:  # typer's answer to a broken pipe
        return EXIT_BROKEN_PIPE
    return asked


def _check_streams() -> None:
    """Put ``/dev/null`` where a standard descriptor was closed, so that no file of ours is taken for it."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)
    if sys.stdout is None:
        raise OutputError("standard output is closed: nothing can be written")


def _run(arguments: list[str]) -> int:
    try:
        _check_streams()
        asked = _parse(arguments)
        return asked if isinstance(asked, int) else asked()
    except TelltopError as error:
        _complain(str(error))
        return error.exit_code
    except BrokenPipeError:
        return EXIT_BROKEN_PIPE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a person gets a sentence whatever happens; the log gets the traceback
        return _unexpected(error)


def _unexpected(error: Exception) -> int:
    from engine.logs import where

    if not logging.getLogger().handlers:
        _begin_log(Config())
    logging.getLogger("telltop").critical("unexpected error", exc_info=error)
    told = f"; details are in {log}" if (log := where()) else ""
    _complain(f"unexpected error, please report it: {type(error).__name__}: {inert(str(error), 300)}{told}")
    return EXIT_UNEXPECTED


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run ``telltop``; ends the process with one of the documented exit codes."""
    code = _run(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):
        # What cannot be written has been told. Python would try again at its end, and complain by itself.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(code)


if __name__ == "__main__":
    main()
