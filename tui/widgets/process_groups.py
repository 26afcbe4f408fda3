"""One row for each program. Knows no widget."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from engine.snapshot import Process
from tui.widgets.process_tree import total

_GRAVEST = "DZRtTXSI"
"""States, the one first that a row for several processes shows when any of them has it."""


def program(process: Process) -> str:
    """What a process is counted under: its name; all workers of one kind (``kworker/0:1``) under ``[kworker]``."""
    return f"[{process.name.partition('/')[0]}]" if process.kernel else process.name


def members_by_program(processes: Iterable[Process]) -> dict[str, list[Process]]:
    """The processes of each program, in the order given."""
    found: dict[str, list[Process]] = {}
    for process in processes:
        name = program(process)
        if name in found:
            found[name].append(process)
        else:
            found[name] = [process]
    return found


def program_row(name: str, members: list[Process]) -> Process:
    """The figures of all members under the name of their program; a single one as it is."""
    first = members[0]
    if len(members) == 1:
        return first
    states = {one.state for one in members}
    shown = name.removeprefix("[").removesuffix("]") if first.kernel else name
    return msgspec.structs.replace(
        total(first, members),
        pid=min([one.pid for one in members]),
        name=shown,
        command=shown,
        user=_common({one.user for one in members}, "several"),
        container=_common({one.container for one in members}, "several"),
        unit=_common({one.unit for one in members}, "several"),
        state=next((state for state in _GRAVEST if state in states), first.state),
        nice=min([one.nice for one in members]),
    )


def _common(values: set[str], otherwise: str) -> str:
    return values.pop() if len(values) == 1 else otherwise
