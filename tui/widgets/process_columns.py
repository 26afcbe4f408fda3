"""The columns of the process table: what each shows, by what it sorts, and which there is room for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from engine.snapshot import Process

_LEAST_COMMAND = 12
"""Cells that are left for the command before a chosen column is dropped."""


@dataclass(frozen=True)
class Column:
    """One column. ``width`` 0 takes what the others leave."""

    key: str
    title: str
    width: int
    sort: Callable[[Process], Any]
    meaning: str
    descending: bool = False
    """The larger value first when this column is chosen."""
    right: bool = True
    from_width: int = 0
    """Shown unasked only in tables at least this wide."""
    below_width: int = 10_000
    """And only in those narrower than this: wider ones have room for something better."""
    told: str = ""
    """Shown unasked only once some process has told this field."""


def io_rate(process: Process) -> float | None:
    """Bytes per second read and written; ``None`` where neither is known."""
    if process.read_bytes_s is None and process.write_bytes_s is None:
        return None
    return (process.read_bytes_s or 0.0) + (process.write_bytes_s or 0.0)


COLUMNS: tuple[Column, ...] = (
    Column("pid", "PID", 7, attrgetter("pid"), "process id"),
    Column("user", "USER", 9, attrgetter("user"), "whom it runs as", right=False, from_width=56),
    Column("cpu", "CPU%", 6, attrgetter("cpu_percent"), "processor, percent of one core", descending=True),
    Column("mem", "MEM%", 5, attrgetter("rss_bytes"), "resident memory, percent", descending=True, from_width=72),
    Column("res", "RES", 6, attrgetter("rss_bytes"), "resident memory", descending=True),
    Column("io", "IO/s", 6, lambda process: io_rate(process) or 0.0, "read and written per second",
           descending=True, from_width=88, below_width=150),
    Column("read", "READ/s", 6, lambda process: process.read_bytes_s or 0.0, "read from storage per second",
           descending=True, from_width=150),
    Column("write", "WRIT/s", 6, lambda process: process.write_bytes_s or 0.0, "written to storage per second",
           descending=True, from_width=150),
    Column("gpu", "GPU%", 5, lambda process: process.gpu_percent or 0.0, "share of GPUs",
           descending=True, from_width=100, told="gpu_percent"),
    Column("gpumem", "GMEM", 6, lambda process: process.gpu_memory_bytes or 0, "memory of GPUs",
           descending=True, from_width=100, told="gpu_memory_bytes"),
    Column("threads", "THR", 4, attrgetter("threads"), "threads", descending=True, from_width=110),
    Column("nice", "NI", 3, attrgetter("nice"), "niceness", from_width=110),
    Column("time", "TIME+", 9, attrgetter("cpu_seconds"), "processor time since its start",
           descending=True, from_width=96),
    Column("state", "S", 1, attrgetter("state"), "state", right=False),
    Column("container", "CONTAINER", 12, attrgetter("container"), "container",
           right=False, from_width=130, told="container"),
    Column("unit", "UNIT", 20, attrgetter("unit"), "systemd unit", right=False, from_width=160, told="unit"),
    Column("command", "COMMAND", 0, lambda process: process.command.lower(), "command line", right=False),
)  # fmt: skip
BY_KEY = {column.key: column for column in COLUMNS}
_TOLD = tuple({column.told for column in COLUMNS if column.told})


def visible_columns(width: int, chosen: Collection[str] = (), told: Collection[str] = ()) -> tuple[Column, ...]:
    """The columns of a table of this width.

    Those that were chosen, in their order, the last dropped first where room is short (never the command); without a
    choice what the width suggests. ``told`` are the fields that some process has told.
    """
    if not chosen:
        return tuple(
            column
            for column in COLUMNS
            if column.from_width <= width < column.below_width and (not column.told or column.told in told)
        )
    shown = [BY_KEY[key] for key in chosen]
    while len(shown) > 1 and sum((one.width or _LEAST_COMMAND) + 1 for one in shown) > width + 1:
        at = max(index for index, one in enumerate(shown) if one.width or len(shown) == 1)
        del shown[at]
    return tuple(shown)


def told_fields(processes: Collection[Process], known: frozenset[str]) -> frozenset[str]:
    """``known``, and the optional fields that one of the processes tells."""
    fresh = [field for field in _TOLD if field not in known and any(filter(None, map(attrgetter(field), processes)))]
    return known.union(fresh) if fresh else known


def order(processes: Iterable[Process], key: str, *, reverse: bool = False) -> list[Process]:
    """Sorted by a column, ties by pid; ``reverse`` turns the column's own direction round."""
    column = BY_KEY[key]
    rows = sorted(processes, key=attrgetter("pid"))
    rows.sort(key=column.sort, reverse=column.descending != reverse)
    return rows
