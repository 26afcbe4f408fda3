"""Which processes are shown, in which order, and in which columns. Knows no widget."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rich.style import Style

from engine import units
from engine.snapshot import Process
from tui.look import Look
from tui.widgets.paint import Row


@dataclass(frozen=True)
class Column:
    """One column: what it shows, how wide, and by what it sorts."""

    key: str
    title: str
    width: int
    sort: Callable[[Process], float | str]
    descending: bool = False
    """The larger value first when this column is chosen."""
    right: bool = True
    from_width: int = 0
    """Shown only in tables at least this wide."""


COLUMNS: tuple[Column, ...] = (
    Column("pid", "PID", 7, lambda process: process.pid),
    Column("user", "USER", 9, lambda process: process.user, right=False, from_width=56),
    Column("cpu", "CPU%", 6, lambda process: process.cpu_percent, descending=True),
    Column("mem", "MEM%", 5, lambda process: process.rss_bytes, descending=True, from_width=72),
    Column("res", "RES", 6, lambda process: process.rss_bytes, descending=True),
    Column("io", "IO/s", 6, lambda process: _io(process) or 0.0, descending=True, from_width=88),
    Column("threads", "THR", 4, lambda process: process.threads, descending=True, from_width=110),
    Column("nice", "NI", 3, lambda process: process.nice, from_width=110),
    Column("time", "TIME+", 9, lambda process: process.cpu_seconds, descending=True, from_width=96),
    Column("state", "S", 1, lambda process: process.state, right=False),
    Column("command", "COMMAND", 0, lambda process: process.command.lower(), right=False),
)
_BY_KEY = {column.key: column for column in COLUMNS}


def visible_columns(width: int) -> tuple[Column, ...]:
    """The columns that a table of this width has room for; MEM% gives way to RES first."""
    return tuple(column for column in COLUMNS if width >= column.from_width)


def order(processes: Iterable[Process], key: str, *, reverse: bool = False) -> list[Process]:
    """Sorted by a column, ties by pid; ``reverse`` turns the column's own direction round."""
    column = _BY_KEY[key]
    by_pid = sorted(processes, key=lambda process: process.pid)
    return sorted(by_pid, key=column.sort, reverse=column.descending != reverse)


def matches(process: Process, needle: str) -> bool:
    """Every word of the filter occurs in the pid, name, user or command, in any case."""
    words = needle.lower().split()
    if not words:
        return True
    hay = f"{process.pid} {process.name} {process.user} {process.command}".lower()
    return all(word in hay for word in words)


def process_row(look: Look, process: Process, columns: tuple[Column, ...], width: int, memory_total: int) -> Row:
    """One line of the table; the command takes what is left."""
    row = Row(look)
    for column in columns:
        room = column.width or max(0, width - row.cells)
        text, style = _cell(look, process, column.key, memory_total)
        row.cell(text, room, style, right=column.right)
        if column.width:
            row.add(" ")
    return row


def _cell(look: Look, process: Process, key: str, memory_total: int) -> tuple[str, Style]:
    share = 100 * process.rss_bytes / memory_total if memory_total else 0.0
    match key:
        case "pid":
            return str(process.pid), look.label
        case "user":
            return process.user, look.dim if process.user == "root" else look.accent
        case "cpu":
            style = look.heat(process.cpu_percent) if process.cpu_percent >= 0.05 else look.dim
            return f"{process.cpu_percent:.1f}", style
        case "mem":
            return f"{share:.1f}", look.heat(share) if share >= 1 else look.dim
        case "res":
            return units.compact(process.rss_bytes), look.text if share >= 1 else look.dim
        case "io":
            io = _io(process)
            return ("" if not io else units.compact(io)), look.text
        case "threads":
            return str(process.threads), look.dim
        case "nice":
            return str(process.nice), look.warn if process.nice < 0 else look.dim
        case "time":
            return clock(process.cpu_seconds), look.dim
        case "state":
            busy = {"R": look.good, "D": look.bad, "Z": look.bad, "T": look.warn}
            return process.state, busy.get(process.state, look.dim)
        case _:
            return (f"[{process.name}]", look.dim) if process.kernel else (process.command, look.text)


def clock(seconds: float) -> str:
    """Processor time as ``top`` writes it: ``1:02.33``, ``12h04m`` from ten hours on."""
    if seconds >= 36000:
        return f"{seconds // 3600:.0f}h{seconds % 3600 // 60:02.0f}m"
    return f"{seconds // 60:.0f}:{seconds % 60:05.2f}"


def _io(process: Process) -> float | None:
    if process.read_bytes_s is None or process.write_bytes_s is None:
        return None
    return process.read_bytes_s + process.write_bytes_s
