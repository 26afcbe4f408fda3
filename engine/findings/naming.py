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


ORDINARY_WORDS = frozenset(
    """
    a about above all also an and any apply are as at available average be below block busy but by can cat cause check
    container core cpu crash critical cron data date disk do docker does doing echo error exec expand fact file find
    fmt for free from get go group has have head high host how i id if in init install io is it job join kill last
    less link load log login low made main make man many me memory mem more most mount much my name net network nice no
    node normal not now of on open or out over pressure process ps quiet read renice report reset restart rev run
    running same script sed see server service set sh shell should show shut sleep so some sort space split start state
    stat stop storage strace swap sync system tail task tee tell test than that the then there these this those time
    to too top total tree try type uniq up use used user uses using wait warning was watch wc well were what when where
    which who why will with write yes you
    """.split()  # noqa: SIM905 - words read better as text than as a list
)
"""Words of an English sentence about a node that are names of programs as well: alone they name no process."""
