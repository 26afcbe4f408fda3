"""One row of the process table, drawn. Knows no widget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from rich.cells import cell_len, set_cell_size
from rich.style import Style

from engine import units
from engine.snapshot import Process
from tui.look import Look
from tui.widgets.paint import Row, fit
from tui.widgets.process_columns import Column, io_rate


@dataclass(frozen=True, slots=True)
class Mark:
    """What a row shows beside its process."""

    prefix: str = ""
    """The lines of the tree."""
    tagged: bool = False
    context: bool = False
    """It is there only for its descendants."""
    count: int = 0
    """How many processes it stands for."""


PLAIN = Mark()


def process_row(
    look: Look,
    process: Process,
    columns: tuple[Column, ...],
    width: int,
    memory_total: int,
    mark: Mark = PLAIN,
    sideways: int = 0,
) -> Row:
    """One line of the table; the command takes what is left, without its first ``sideways`` characters."""
    row = Row(look)
    fixed = sum([column.width + 1 for column in columns if column.width])
    over = look.warn if mark.tagged else look.dim if mark.context else None
    for column in columns:
        if not column.width:
            last = column is columns[-1]
            _command(row, process, max(0, width - fixed - (not last)), mark, over, sideways)
            row.add("" if last else " ")
            continue
        end = look.glyphs.tag if mark.tagged and column is columns[0] else " "
        text, style = _cell(look, process, column.key, memory_total, mark)
        row.add(fit(look, look.plain(text), column.width, right=column.right) + end, over or style)
    return row


def _cell(look: Look, process: Process, key: str, memory_total: int, mark: Mark) -> tuple[str, Style]:
    match key:
        case "pid":
            return (f"{mark.count}x", look.strong) if mark.count > 1 else (str(process.pid), look.label)
        case "user":
            return process.user, look.dim if process.user == "root" else look.accent
        case "cpu":
            style = look.heat(process.cpu_percent) if process.cpu_percent >= 0.05 else look.dim
            return f"{process.cpu_percent:.1f}", style
        case "mem" | "res":
            share = 100 * process.rss_bytes / memory_total if memory_total else 0.0
            if key == "res":
                return units.compact(process.rss_bytes), look.text if share >= 1 else look.dim
            return f"{share:.1f}", look.heat(share) if share >= 1 else look.dim
        case "gpu":
            busy = process.gpu_percent
            return (f"{busy:.0f}", look.heat(busy)) if busy else ("", look.dim)
        case "nice":
            return str(process.nice), look.warn if process.nice < 0 else look.dim
        case "state":
            striking = {"R": look.good, "D": look.bad, "Z": look.bad, "T": look.warn}
            return process.state, striking.get(process.state, look.dim)
        case "io" | "read" | "write" | "gpumem":
            amount = _AMOUNTS[key](process)
            return units.compact(amount) if amount else "", look.text
        case _:
            return _PLAIN_CELLS[key](process), look.dim


_AMOUNTS: dict[str, Callable[[Process], float | None]] = {
    "io": io_rate,
    "read": attrgetter("read_bytes_s"),
    "write": attrgetter("write_bytes_s"),
    "gpumem": attrgetter("gpu_memory_bytes"),
}
_PLAIN_CELLS: dict[str, Callable[[Process], str]] = {
    "threads": lambda process: str(process.threads),
    "time": lambda process: clock(process.cpu_seconds),
    "container": attrgetter("container"),
    "unit": attrgetter("unit"),
}


def _command(row: Row, process: Process, room: int, mark: Mark, over: Style | None, sideways: int) -> None:
    look = row.look
    pieces = [(mark.prefix, look.frame)] if mark.prefix else []
    for text, style in _command_pieces(look, process):
        if sideways >= len(text):
            sideways -= len(text)
            continue
        # Characters may be of no width: several for each cell are looked at, not thousands.
        pieces.append((look.plain(text[sideways : sideways + 4 * room]), over or style))
        sideways = 0
    end = row.cells + room
    for text, style in _cut(look, pieces, room):
        row.add(text, style)
    row.skip_to(end)


def _command_pieces(look: Look, process: Process) -> Sequence[tuple[str, Style]]:
    """A command line with the name of its program standing out from its folder and its arguments."""
    if process.kernel:
        return ((f"[{process.name}]", look.dim),)
    path, space, rest = process.command.partition(" ")
    folder, slash, base = path.rpartition("/")
    if not base or not slash:  # arguments and names may hold slashes too: only a path is taken apart
        return ((path, look.strong), (space + rest, look.text)) if rest else ((path, look.text),)
    return ((folder + slash, look.dim), (base, look.strong), (space + rest, look.text))


def _cut(look: Look, pieces: list[tuple[str, Style]], room: int) -> list[tuple[str, Style]]:
    """Pieces in at most ``room`` cells, with an ellipsis where something is cut off."""
    kept: list[tuple[str, Style]] = []
    left = room
    for index, (text, style) in enumerate(pieces):
        cells = len(text) if text.isascii() else cell_len(text)
        after = index + 1 < len(pieces)
        if cells < left or (cells == left and not after):
            kept.append((text, style))
            left -= cells
        else:
            if left > 0:
                kept.append((set_cell_size(text, left - 1) + look.glyphs.ellipsis, style))
            break
    return kept


def clock(seconds: float) -> str:
    """Processor time as ``top`` writes it: ``1:02.33``, ``12h04m`` from ten hours on."""
    if seconds >= 36000:
        return f"{seconds // 3600:.0f}h{seconds % 3600 // 60:02.0f}m"
    return f"{seconds // 60:.0f}:{seconds % 60:05.2f}"
