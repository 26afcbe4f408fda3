"""One process whole: graphs of what it uses, and lines about all that is known of it, to be scrolled through."""

from __future__ import annotations

import textwrap
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from textual.strip import Strip

from engine import units
from engine.snapshot import Process, Snapshot
from engine.telemetry.inspect import Details, Relative
from tui.look import Look
from tui.widgets.graph import area
from tui.widgets.paint import Row, frame, pad_rows
from tui.widgets.panel import Panel

_KEPT = 600
"""Samples of the graphs: ten minutes at one a second."""
_GRAPH_LINES = 6
_LABEL = 13


@dataclass(frozen=True)
class Used:
    """What the process used in one sample; ``io`` is ``None`` where it is not known."""

    cpu_percent: float
    rss_bytes: int
    io_bytes_s: float


class DetailPanel(Panel):
    """Draws what it was told last; the head and the graphs stand still, the lines below scroll."""

    can_focus = True

    def __init__(self, look: Look, process: Process, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(look, id=id)
        self.process = process
        self.details: Details | None = None
        self.note = "reading"
        """What is to be said beside the title: that it has ended, or does not answer."""
        self.ended = False
        self.used: deque[Used] = deque(maxlen=_KEPT)
        self._now = 0.0
        self._offset = 0
        self._total = 0

    def show(self, snapshot: Snapshot, *, newest: bool = True) -> None:
        """Take the process from a sample; one that is not in the newest has ended."""
        mine = (self.process.pid, self.process.started)
        found = next((one for one in snapshot.processes if (one.pid, one.started) == mine), None)
        self._now = snapshot.uptime_s
        if found is None:
            if newest:
                self.say("has ended", ended=True)
            return
        self.process = found
        io = (found.read_bytes_s or 0.0) + (found.write_bytes_s or 0.0)
        self.used.append(Used(found.cpu_percent, found.rss_bytes, io))
        self.redraw()

    def tell(self, details: Details) -> None:
        """Show what was read of it."""
        self.details = details
        if not self.ended:
            self.note = ""
        self.redraw()

    def say(self, note: str, *, ended: bool = False) -> None:
        """Say something beside the title; what is shown stays."""
        if not self.ended:
            self.note, self.ended = note, ended
            self.redraw()

    def scroll(self, step: int) -> None:
        """Scroll the lines."""
        self._offset += step
        self.redraw()

    # -- drawing

    def draw(self, width: int, height: int) -> list[Strip]:
        """Title, graphs where there is room, lines."""
        process, inner, room = self.process, max(1, width - 2), max(1, height - 2)
        graphs = self._graphs(inner, _GRAPH_LINES) if room >= 3 * _GRAPH_LINES else self._meters(inner)
        lines = [row for text in self._lines(inner) for row in text]
        seen = max(1, room - len(graphs))
        self._total = len(lines)
        self._offset = max(0, min(self._offset, self._total - seen))
        body = [*graphs, *lines[self._offset : self._offset + seen]]
        if width < 20 or height < 4:
            return pad_rows(self.look, body, width, height)
        right = Row(self.look).add(self.note, self.look.bad if self.ended else self.look.warn)
        foot = Row(self.look).add("Esc closes", self.look.dim)
        if self._total > seen:
            foot = Row(self.look).add(f"{self._offset + 1}-{self._offset + seen} of {self._total}  ", self.look.dim)
            foot.add("Esc closes", self.look.dim)
        title = f"{process.name} ({process.pid})"
        return frame(self.look, (width, height), title, body, right=right, foot=foot, focused=True)

    def _series(self) -> tuple[tuple[str, list[float], Callable[[float], str], float], ...]:
        """Name, values, how they are written, and the least top of the scale."""
        return (
            ("cpu", [one.cpu_percent for one in self.used], units.percent, 100.0),
            ("memory", [float(one.rss_bytes) for one in self.used], units.size, float(1 << 20)),
            ("disk", [one.io_bytes_s for one in self.used], units.rate, float(1 << 20)),
        )

    def _meters(self, width: int) -> list[Row]:
        """One line of figures, where graphs have no room."""
        row = Row(self.look)
        for name, values, written, _ in self._series():
            now = written(values[-1]) if values else "-"
            row.add(f" {name} ", self.look.dim).add(now, self.look.label)
        return [row]

    def _graphs(self, width: int, height: int) -> list[Row]:
        """Three graphs side by side; the scale of each is told, and holds until it is outgrown."""
        each = max(8, (width - 2) // 3)
        columns = []
        for name, values, written, least in self._series():
            top = least
            while values and max(values) > top:
                top *= 2
            now, peak = (written(values[-1]), written(max(values))) if values else ("-", "-")
            head = Row(self.look).add(f" {name} ", self.look.dim).add(now, self.look.strong)
            scale = Row(self.look).add(f" peak {peak} of {written(top)}", self.look.dim)
            columns.append([head, *area(self.look, values, each - 1, height - 2, top), scale])
        rows = []
        for line in range(height):
            row = Row(self.look)
            for at, column in enumerate(columns):
                piece = column[line].strip(each - 1)
                row.skip_to(at * (each + 1))
                for segment in piece:
                    row.add(segment.text, segment.style)
            rows.append(row)
        return rows

    # -- the lines

    def _lines(self, width: int) -> Iterator[list[Row]]:
        process, details = self.process, self.details
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() - max(0.0, self._now - process.started)))
        yield self._field("command", " ".join(details.command) if details else process.command, width)
        yield self._field("user", f"{process.user}  state {process.state}  niceness {process.nice}", width)
        yield self._field("began", f"{began}, {units.span(self._now - process.started)} ago", width)
        yield self._field("cpu time", f"{process.cpu_seconds:.1f} s in {process.threads} threads", width)
        if details is None:
            return
        yield from self._state(details, width)
        yield from self._lists(details, width)

    def _state(self, details: Details, width: int) -> Iterator[list[Row]]:
        if use := details.memory:
            figures = (("rss", use.rss_bytes), ("pss", use.pss_bytes), ("uss", use.uss_bytes), ("swap", use.swap_bytes))
            text = "  ".join(f"{name} {units.size(value)}" for name, value in figures)
            yield self._field("memory", text, width)
        if details.files_open is not None:
            limit = f" of at most {details.files_limit}" if details.files_limit is not None else ""
            yield self._field("open files", f"{details.files_open}{limit}", width)
        if details.oom_score is not None:
            text = f"{details.oom_score} of 2000, adjusted by {details.oom_adjustment or 0}"
            yield self._field("OOM score", text, width)
        for label, text in (
            ("waits in", details.waits_in),
            ("program", details.executable),
            ("folder", details.folder),
            ("cgroup", details.cgroup),
            ("container", f"{details.labels.container} {details.labels.runtime}".strip()),
            ("pod", details.labels.pod),
            ("unit", details.labels.unit),
        ):
            if text:
                yield self._field(label, text, width)

    def _lists(self, details: Details, width: int) -> Iterator[list[Row]]:
        yield self._list("parents", map(_relative, details.parents), width)
        yield self._list("children", map(_relative, details.children), width)
        yield self._list("threads", map(_relative, details.threads) if len(details.threads) > 1 else (), width)
        sockets = (f"{one.protocol}  {one.local}  {one.remote}  {one.state}" for one in details.sockets)
        yield self._list("sockets", sockets, width)
        yield self._list("files", (f"{one.number:>4}  {one.target}" for one in details.files), width)
        limits = (f"{one.name:<24} {one.soft:>12} {one.hard:>12}  {one.unit}" for one in details.limits)
        yield self._list("limits: now, at most", limits, width)
        maps = (f"{units.size(one.rss_bytes):>9}  {one.name}" for one in details.mappings)
        yield self._list("mapped", maps, width)
        yield self._list("environment, secrets masked", (f"{key}={value}" for key, value in details.environment), width)
        yield self._list("not to be seen", details.missing, width)

    def _field(self, label: str, text: str, width: int) -> list[Row]:
        look = self.look
        wrapped = textwrap.wrap(text, max(8, width - _LABEL - 1), max_lines=6, placeholder=" ...") or [""]
        return [
            Row(look).cell(f" {label}" if not at else "", _LABEL, look.dim).add(line, look.text)
            for at, line in enumerate(wrapped)
        ]

    def _list(self, label: str, lines: Iterable[str], width: int) -> list[Row]:
        look = self.look
        rows = [Row(look).add("   ").cell(line, max(1, width - 4), look.label) for line in lines]
        return [Row(look).add(f" {label} ", look.accent).add(str(len(rows)), look.dim), *rows] if rows else []


def _relative(one: Relative) -> str:
    return f"{one.pid:>7}  {one.state}  {one.cpu_seconds:>9.1f} s  {one.name}"
