"""The process table: sorted, filtered, with a cursor that can follow its process."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip

from engine.snapshot import Process, Snapshot
from tui.look import Look
from tui.widgets.paint import Row, frame
from tui.widgets.panel import Panel
from tui.widgets.process_rows import COLUMNS, Column, matches, order, process_row, visible_columns


class ProcessTable(Panel):
    """Draws just the rows that are seen. A row whose process did nothing is not even drawn again."""

    can_focus = True
    SORTABLE: ClassVar[tuple[str, ...]] = tuple(column.key for column in COLUMNS)

    class Moved(Message):
        """The cursor is on another process."""

        def __init__(self, process: Process | None) -> None:
            super().__init__()
            self.process = process

    def __init__(self, look: Look, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(look, id=id)
        self._snapshot: Snapshot | None = None
        self._rows: list[Process] = []
        self._cursor = 0
        self._offset = 0
        self._followed: tuple[int, float] | None = None
        self._cache: dict[int, tuple[Process, int, Strip]] = {}
        self.sort_key = "cpu"
        self.reversed = False
        self.filter_text = ""
        self.filtering = False

    # -- what is shown

    def show(self, snapshot: Snapshot) -> None:
        """Show a new sample; the cursor keeps its row, or its process while it follows one."""
        self._snapshot = snapshot
        self._arrange()

    @property
    def selected(self) -> Process | None:
        """The process under the cursor."""
        return self._rows[self._cursor] if self._rows else None

    def jump(self, pid: int) -> bool:
        """Put the cursor on a process, dropping a filter that hides it; false if it is gone."""
        if self._snapshot is None or all(process.pid != pid for process in self._snapshot.processes):
            return False
        if all(process.pid != pid for process in self._rows):
            self.filter_text = ""
            self._arrange()
        self._move_to(next(at for at, process in enumerate(self._rows) if process.pid == pid))
        self.follow()
        return True

    @property
    def following(self) -> int | None:
        """The pid that the cursor follows."""
        return self._followed[0] if self._followed else None

    def follow(self) -> None:
        """Keep the cursor on its process, wherever the order takes it, until it is moved."""
        process = self.selected
        self._followed = (process.pid, process.started) if process else None
        self.redraw()

    def let_go(self) -> None:
        """Keep the cursor on its row again."""
        self._followed = None
        self.redraw()

    def sort_by(self, key: str) -> None:
        """Sort by a column; by the same once more turns it round."""
        self.reversed = not self.reversed if key == self.sort_key else False
        self.sort_key = key
        self._arrange()

    def sort_next(self, step: int = 1) -> None:
        """Sort by the next column that is shown."""
        keys = [column.key for column in visible_columns(self._inner_width)]
        at = keys.index(self.sort_key) if self.sort_key in keys else 0
        self.sort_key, self.reversed = keys[(at + step) % len(keys)], False
        self._arrange()

    def set_filter(self, text: str) -> None:
        """Show just the processes that match."""
        self.filter_text = text
        self._cursor, self._followed = 0, None
        self._arrange()

    def _arrange(self) -> None:
        if self._snapshot is None:
            return
        processes: tuple[Process, ...] | list[Process] = self._snapshot.processes
        if self.filter_text.strip():
            processes = [process for process in processes if matches(process, self.filter_text)]
        self._rows = order(processes, self.sort_key, reverse=self.reversed)
        if self._followed is not None:
            for at, process in enumerate(self._rows):
                if (process.pid, process.started) == self._followed:
                    self._cursor = at
                    break
            else:
                self._followed = None
        self._cursor = min(self._cursor, max(0, len(self._rows) - 1))
        self._scroll_to_cursor()
        self.redraw()

    # -- moving

    def move(self, step: int) -> None:
        """Move the cursor by some rows."""
        self._move_to(self._cursor + step)

    def _move_to(self, at: int) -> None:
        if not self._rows:
            return
        self._cursor = min(max(0, at), len(self._rows) - 1)
        process = self._rows[self._cursor]
        self._followed = None
        self._scroll_to_cursor()
        self.redraw()
        self.post_message(self.Moved(process))

    def _scroll_to_cursor(self) -> None:
        seen = self._seen_rows
        self._offset = min(max(self._offset, self._cursor - seen + 1), self._cursor)
        self._offset = max(0, min(self._offset, len(self._rows) - seen))

    @property
    def _boxed(self) -> bool:
        return self.size.width >= 60 and self.size.height >= 16 and self.app.size.width >= 100

    @property
    def _inner_width(self) -> int:
        return self.size.width - 2 * self._boxed

    @property
    def _seen_rows(self) -> int:
        return max(1, self.size.height - 1 - 2 * self._boxed)

    # -- drawing

    def draw(self, width: int, height: int) -> list[Strip]:
        """Title, column heads, rows."""
        boxed = self._boxed
        inner = width - 2 * boxed
        columns = visible_columns(inner)
        head = self._head(columns, inner)
        if not boxed:
            rows = [self._strip(at, columns, inner) for at in self._shown()]
            blank = Strip.blank(width, self.look.text)
            return ([head.strip(inner), *rows] + [blank] * height)[:height]
        right = Row(self.look).add(f"by {self.sort_key}{' reversed' if self.reversed else ''}", self.look.dim)
        strips = frame(self.look, (width, height), self._title(), [head], right=right, focused=self.has_focus)
        side = Segment(self.look.glyphs.vertical, self.look.frame_focus if self.has_focus else self.look.frame)
        for line, at in enumerate(self._shown(), 2):
            if line < height - 1:
                strips[line] = Strip([side, *self._strip(at, columns, inner), side], width)
        return strips

    def _shown(self) -> range:
        return range(self._offset, min(len(self._rows), self._offset + self._seen_rows))

    def _title(self) -> str:
        total = len(self._snapshot.processes) if self._snapshot else 0
        if self.filtering or self.filter_text:
            return f"processes {len(self._rows)} of {total}  /{self.filter_text}{'_' if self.filtering else ''}"
        return f"processes {total}" + (f"  following {self.following}" if self._followed else "")

    def _head(self, columns: tuple[Column, ...], width: int) -> Row:
        look, row = self.look, Row(self.look)
        if not self._boxed and (self.filtering or self.filter_text):
            return row.add(f" /{self.filter_text}{'_' if self.filtering else ''}", look.accent)
        for column in columns:
            style = look.accent if column.key == self.sort_key else look.head
            row.cell(column.title, column.width or max(0, width - row.cells), style, right=column.right)
            if column.width:
                row.add(" ")
        return row

    def _strip(self, at: int, columns: tuple[Column, ...], width: int) -> Strip:
        process = self._rows[at]
        if at == self._cursor:
            plain = process_row(self.look, process, columns, width, self._memory_total).strip(width)
            return Strip([Segment(plain.text, self.look.cursor)], width)
        cached = self._cache.get(process.pid)
        if cached is not None and cached[0] is process and cached[1] == width:
            return cached[2]
        strip = process_row(self.look, process, columns, width, self._memory_total).strip(width)
        if len(self._cache) > 4 * self._seen_rows + 64:
            self._cache.clear()
        self._cache[process.pid] = (process, width, strip)
        return strip

    @property
    def _memory_total(self) -> int:
        return self._snapshot.memory.total_bytes if self._snapshot else 0

    # -- keys and mouse

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self._scroll_to_cursor()
        self.redraw()

    def on_key(self, event: events.Key) -> None:
        """While a filter is being typed every printable key belongs to it."""
        if not self.filtering:
            return
        match event.key:
            case "escape":
                self.filtering = False
                self.set_filter("")
            case "enter" | "up" | "down" | "tab":
                self.filtering = False
                self.redraw()
            case "backspace":
                self.set_filter(self.filter_text[:-1])
            case "ctrl+u":
                self.set_filter("")
            case _ if event.is_printable and event.character:
                self.set_filter(self.filter_text + event.character)
            case _:
                return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """Text pasted while a filter is being typed belongs to it."""
        if self.filtering and event.text:
            self.set_filter(self.filter_text + event.text.splitlines()[0])
            event.stop()

    def on_click(self, event: events.Click) -> None:
        """A click on a head sorts, on a row puts the cursor there."""
        top = 1 + self._boxed
        if event.y == top - 1:
            key = self._column_at(event.x - self._boxed)
            if key:
                self.sort_by(key)
        elif 0 <= event.y - top < len(self._shown()):
            self._move_to(self._offset + event.y - top)

    def _column_at(self, x: int) -> str | None:
        at = 0
        for column in visible_columns(self._inner_width):
            at += column.width + 1
            if x < at or not column.width:
                return column.key
        return None

    def on_mouse_scroll_down(self) -> None:
        """The wheel moves the cursor."""
        self.move(3)

    def on_mouse_scroll_up(self) -> None:
        """The wheel moves the cursor."""
        self.move(-3)
