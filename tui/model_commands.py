"""The commands under ``telltop models``."""

from __future__ import annotations

from typing import Annotated

import typer

from tui.arguments import Command, Given, Group, Job, with_settings

app = typer.Typer(cls=Group, rich_markup_mode=None)

_MARKS = """\
In the list, * marks the default, - the fallback and + what is recommended. A model is named by its name, by a beginning
of it that no other has, or by its file.
"""

Json = Annotated[bool, typer.Option("--json", help="Print JSON.", show_default=False)]
Name = Annotated[list[str] | None, typer.Argument(metavar="NAME", show_default=False)]


def _one(given: Given, command: str, words: list[str] | None) -> str:
    """The one word that a command needs; what is wrong with it is told with all else."""
    if not words:
        given.problems.append(f"models {command} needs the name of a model; telltop models list shows them")
    elif len(words) > 1:
        given.problems.append(f"models {command} takes one name, but was given {len(words)}")
    return words[0] if words else ""


@app.callback(invoke_without_command=True, epilog=_MARKS)
@with_settings
def models(given: Given, json: Json = False) -> Job:
    """List, choose, fetch, check and remove models. Without a COMMAND it lists them."""
    return (lambda: 0) if given.context.invoked_subcommand else _listed(given, json=json)


@app.command("list", cls=Command)
@with_settings
def list_models(given: Given, json: Json = False) -> Job:
    """List the models of this machine, also those of Ollama, LM Studio, llama.cpp and Hugging Face."""
    return _listed(given, json=json)


def _listed(given: Given, *, json: bool) -> Job:
    config = given.config()

    def job() -> int:
        from tui.headless import models as commands

        return commands.show_list(config, json=json)

    return job


@app.command(cls=Command)
@with_settings
def info(given: Given, name: Name = None, json: Json = False) -> Job:
    """Say what is known of a model."""
    one = _one(given, "info", name)
    config = given.config()

    def job() -> int:
        from tui.headless import models as commands

        return commands.show_info(config, one, json=json)

    return job


@app.command(cls=Command)
@with_settings
def fit(given: Given, name: Name = None, json: Json = False) -> Job:
    """Say how a model would be loaded here, and what memory that takes."""
    one = _one(given, "fit", name)
    config = given.config()

    def job() -> int:
        from tui.headless import models as commands

        return commands.show_fit(config, one, json=json)

    return job


@app.command(cls=Command)
@with_settings
def use(given: Given, name: Name = None) -> Job:
    """Make a model the default."""
    one = _one(given, "use", name)
    config = given.config()

    def job() -> int:
        from tui.headless import models as commands

        return commands.use(config, one)

    return job


@app.command(cls=Command)
@with_settings
def pull(
    given: Given,
    repository: Annotated[list[str] | None, typer.Argument(metavar="OWNER/NAME[:FILE]", show_default=False)] = None,
) -> Job:
    """Download a model from the Hugging Face hub; goes on where it was interrupted."""
    if not repository:
        given.problems.append("models pull needs a repository: OWNER/NAME or OWNER/NAME:FILE")
    one = _one(given, "pull", repository) if repository else ""
    config = given.config()

    def job() -> int:
        from tui.headless import models as commands

        return commands.pull(config, one)

    return job


@app.command(cls=Command)
@with_settings
def verify(given: Given, name: Name = None) -> Job:
    """Read a model whole, and compare it with its checksum where that is known."""
    one = _one(given, "verify", name)
    config = given.config()

    def job() -> int:
        from tui.headless import models as commands

        return commands.verify(config, one)

    return job


@app.command(cls=Command)
@with_settings
def remove(
    given: Given,
    name: Name = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.", show_default=False)] = False,
) -> Job:
    """Delete a model from the folder of models."""
    one = _one(given, "remove", name)
    config = given.config()

    def job() -> int:
        from tui.headless import models as commands

        return commands.remove(config, one, sure=yes)

    return job
