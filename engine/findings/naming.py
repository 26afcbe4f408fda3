"""How findings and texts name what the node calls itself by names of its own choosing."""

from __future__ import annotations

import re

from engine.snapshot import Process

NAME_LIMIT = 32
"""Characters of a process name that are shown; the kernel keeps 15 bytes, other systems more."""
PATH_LIMIT = 60
"""Characters of a mount point that are shown."""

_PLAIN = re.compile(r"/?[A-Za-z0-9]+(?:(?:[-_]+|[/:+]|\.(?=[0-9]))[A-Za-z0-9]+)*|/")


def quoted(name: str, limit: int = NAME_LIMIT) -> str:
    """A name that can act on nothing: an ordinary one as it is, any other as a Markdown code span.

    ``python3``, ``my_tool``, ``kworker/0:1`` and ``/var/lib`` stay plain. Within a code span nothing is markup and
    nothing becomes a link, and in plain text the backquotes read as quotation marks.
    """
    cut = name if len(name) <= limit else name[: limit - 3] + "..."
    if _PLAIN.fullmatch(cut):
        return cut
    if not cut.strip():
        return "(no name)"
    fence = "`"
    while fence in cut:
        fence += "`"
    pad = " " if cut.startswith(("`", " ")) or cut.endswith(("`", " ")) else ""
    return f"{fence}{pad}{cut}{pad}{fence}"


def who(process: Process) -> str:
    """``python3 (4121)``."""
    return f"{quoted(process.name)} ({process.pid})"
