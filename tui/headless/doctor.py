"""``telltop doctor``: what can and cannot be seen here and why, each with its cure."""

from __future__ import annotations

import getpass
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import msgspec

import engine
from engine.config import Config
from engine.errors import ModelError
from engine.telemetry.capabilities import Capability, capabilities
from engine.text import inert
from tui.headless import checks
from tui.headless.output import colored, print_all


def run(config: Config, file: Path | None, *, json: bool) -> int:
    """Print it; returns 0 if telltop can be used, else the exit code that it would end with."""
    node = capabilities()
    model = checks.model(config)
    own = [*checks.surroundings(config, file), checks.library(load=config.model is not None), model]
    code = 0 if model.seen else ModelError.exit_code
    if json:
        print_all(msgspec.json.encode(_object(node, own, usable=code == 0)) + b"\n")
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 120
        text = words(node, own, width=min(max(width, 40), 160), color=colored(config))
        print_all(text.encode("utf-8", "backslashreplace"))
    return code


def _object(node: Sequence[Capability], own: Sequence[Capability], *, usable: bool) -> dict[str, object]:
    system = os.uname()
    return {
        "telltop": engine.__version__,
        "host": inert(system.nodename),
        "system": f"{system.sysname} {inert(system.release)}",
        "user": _user(),
        "usable": usable,
        "node": [msgspec.to_builtins(one) for one in node],
        "own": [msgspec.to_builtins(one) for one in own],
    }


def words(node: Sequence[Capability], own: Sequence[Capability], *, width: int, color: bool) -> str:
    """Aligned lines of at most ``width`` characters: a mark, what it is about, why; below it the cure."""
    system = os.uname()
    head = f"telltop {engine.__version__} on {inert(system.nodename)}, {system.sysname} {inert(system.release)}"
    lines = [f"{head}, as {_user()}"]
    column = max(len(one.name) for one in (*node, *own)) + 7
    for title, part in (("What is seen of this node", node), ("What telltop has here", own)):
        lines += ["", title]
        for one in part:
            lines += _lines(one, column, width, color=color)
    missing = sum(not one.seen for one in (*node, *own))
    lines += ["", f"{missing} of {len(node) + len(own)} are not as they could be." if missing else "All is well."]
    return "\n".join(lines) + "\n"


def _lines(one: Capability, column: int, width: int, *, color: bool) -> list[str]:
    mark = "yes" if one.seen else "no "
    if color:
        mark = f"\x1b[{32 if one.seen else 33}m{mark}\x1b[0m"
    room = max(20, width - column)
    why = textwrap.wrap(one.why, room) or [""]
    cure = textwrap.wrap(f"cure: {one.cure}", room, subsequent_indent="      ") if one.cure and not one.seen else []
    blank = " " * column
    first = f"{mark}  {one.name:<{column - 5}}{why[0]}"
    return [first, *(blank + line for line in (*why[1:], *cure))]


def _user() -> str:
    try:
        return inert(getpass.getuser(), 80)
    except (KeyError, OSError):  # a number without a name
        return str(os.getuid())
