"""The process table: draws what its listing holds, and takes what is typed and clicked on it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip

from engine.snapshot import Process, Snapshot
from tui.look import Look
from tui.widgets.paint import Row, fit, frame
from tui.widgets.process_columns import BY_KEY, Column, visible_columns
from tui.widgets.process_rows import Mark, process_row
from tui.widgets.process_typing import TypingPanel

_SIDEWAYS = 8
"""Characters by which the commands move."""


class ProcessTable(TypingPanel):
    """Draws just the rows that are seen. A row whose process did nothing is not even drawn again."""

    can_focus = True

    class Moved(Message):
        """The cursor is on another process."""

        def __init__(self, process: Process | None) -> None:
            super().__init__()
            self.process = process

    def __init__(self, look: Look, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(look, id=id)
        self._offset = 0
        self._sideways = 0
        self._columns: tuple[str, ...] = ()
        self._drawn_as: tuple[object, ...] = ()
        self._cache: dict[int, tuple[Process, Mark, Strip]] = {}

    # -- what is shown

    def show(self, snapshot: Snapshot) -> None:
        """Show a new sample; the cursor keeps its row, or its process while it follows one."""
        self.listing.show(snapshot)
        self.renew()

    def renew(self, *, moved: bool = False) -> None:
        """Draw what the listing holds now, with the cursor in sight; ``moved`` tells of it."""
        seen, listing = self._seen_rows, self.listing
        self._offset = min(max(self._offset, listing.cursor - seen + 1), listing.cursor)
        self._offset = max(0, min(self._offset, len(listing.rows) - seen))
        self.redraw()
        if moved:
            self.post_message(self.Moved(self.selected))

    @property
    def selected(self) -> Process | None:
        """The process under the cursor."""
        return self.listing.selected

    @property
    def targets(self) -> tuple[Process, ...]:
        """What is to be acted upon: the tagged processes, else what is under the cursor."""
        return self.listing.targets

    @property
    def columns(self) -> tuple[str, ...]:
        """Keys of the columns that were chosen, in their order; empty leaves it to the width."""
        return self._columns

    @columns.setter
    def columns(self, keys: Sequence[str]) -> None:
        self._columns = tuple(dict.fromkeys(key for key in keys if key in BY_KEY))
        self.redraw()

    @property
    def shown_columns(self) -> tuple[Column, ...]:
        """The columns that there is room for now."""
        return visible_columns(self._inner_width, self._columns, self.listing.told)

    def move(self, step: int) -> None:
        """Move the cursor by some rows."""
        self.listing.move_to(self.listing.cursor + step)
        self.renew(moved=True)

    def move_page(self, pages: int) -> None:
        """Move the cursor by what is seen."""
        self.move(pages * max(1, self._seen_rows - 1))

    def sideways(self, step: int) -> None:
        """Fold or unfold in the tree, as file managers do; elsewhere move the commands."""
        listing = self.listing
        if listing.mode != "tree":
            self._sideways = max(0, self._sideways + step * _SIDEWAYS)
        elif step < 0:
            if not listing.fold(True):
                listing.to_parent()
        elif not listing.fold(False):
            listing.move_to(listing.cursor + 1)
        self.renew()

    # -- drawing

    @property
    def _boxed(self) -> bool:
        return self.size.width >= 60 and self.size.height >= 16 and self.app.size.width >= 100

    @property
    def _inner_width(self) -> int:
        return self.size.width - 2 * self._boxed

    @property
    def _seen_rows(self) -> int:
        return max(1, self.size.height - 1 - 2 * self._boxed)

    def draw(self, width: int, height: int) -> list[Strip]:
        """Title, column heads, rows."""
        boxed, look = self._boxed, self.look
        inner = width - 2 * boxed
        columns = self.shown_columns
        drawn_as = (columns, width, self.has_focus, boxed, self._sideways, self.listing.memory_total, self.listing.mode)
        if drawn_as != self._drawn_as:
            self._cache.clear()
            self._drawn_as = drawn_as
        edge = Segment(look.glyphs.vertical, look.frame_focus if self.has_focus else look.frame)
        side = [edge] if boxed else []
        rows = [self._strip(at, columns, inner, side) for at in self._shown()]
        if not rows and self.listing.filter_text:
            hint = Row(look).add(" no process matches", look.dim).strip(inner)
            rows = [Strip([*side, *hint, *side], width)]
        head = self._head(columns, inner)
        if not boxed:
            return ([head.strip(inner), *rows] + [Strip.blank(width, look.text)] * height)[:height]
        right = Row(look).add(self.problem or self._order(), look.bad if self.problem else look.dim)
        title = self._title(max(0, width - right.cells - 12))
        top, first, bottom = frame(look, (width, 3), title, [head], right=right, focused=self.has_focus)
        blank = Strip([*side, *Strip.blank(inner, look.text), *side], width)
        return [*([top, first, *rows] + [blank] * height)[: height - 1], bottom]

    def _shown(self) -> range:
        return range(self._offset, min(len(self.listing.rows), self._offset + self._seen_rows))

    def _title(self, room: int) -> str:
        """What is shown, and the end of what is typed."""
        listing = self.listing
        matched = sum(map(len, listing.members.values())) if listing.members else len(listing.rows)
        title = f"processes {listing.total}"
        if listing.filter_text:
            title = f"processes {matched - len(listing.context)} of {listing.total}"
        title = "  ".join([title, *self._state()])
        typing = self.typing(room - len(title) - 2)
        return fit(self.look, f"{title}  {typing}", room).rstrip()

    def _state(self) -> list[str]:
        listing = self.listing
        said = []
        if listing.tags:
            said.append(f"{listing.tags} tagged")
        if listing.following is not None:
            said.append(f"following {listing.following}")
        return said

    def _order(self) -> str:
        key, turned = self.listing.sort
        mode = {"flat": "", "tree": "tree ", "programs": "programs "}[self.listing.mode]
        hidden = ", no kernel threads" if self.listing.kernel_hidden else ""
        return f"{mode}by {key}{' reversed' if turned else ''}{hidden}"

    def _head(self, columns: tuple[Column, ...], width: int) -> Row:
        look, row = self.look, Row(self.look)
        typing = self.typing(max(8, width - len(self.problem) - 4))
        if not self._boxed and (typing or self.problem):
            return row.add(f" {typing}", look.accent).add(f"  {self.problem}", look.bad)
        fixed = sum(column.width + 1 for column in columns if column.width)
        for column in columns:
            style = look.accent if column.key == self.listing.sort[0] else look.head
            title = self._head_of(column)
            room = column.width or max(0, width - fixed - (column is not columns[-1]))
            row.cell(title, room, style, right=column.right)
            if column is not columns[-1] or column.width:
                row.add(" ")
        return row

    def _head_of(self, column: Column) -> str:
        if column.key == "pid" and self.listing.mode == "programs":
            return "COUNT"
        if column.width or self._boxed:
            return column.title
        mode = "" if self.listing.mode == "flat" else self.listing.mode
        return "  ".join([column.title, *filter(None, [mode, *self._state()])])

    def _strip(self, at: int, columns: tuple[Column, ...], width: int, side: list[Segment]) -> Strip:
        listing, look = self.listing, self.look
        process, twig = listing.rows[at], listing.twig(at)
        mark = Mark(
            twig.prefix(look) if twig else "",
            listing.tagged(process),
            process.pid in listing.context,
            listing.count_of(process),
        )
        chosen = at == listing.cursor
        cached = self._cache.get(process.pid)
        if cached is not None and not chosen and cached[0] == process and cached[1] == mark:
            return cached[2]
        row = process_row(look, process, columns, width, self.listing.memory_total, mark, self._sideways).strip(width)
        if chosen:
            return Strip([*side, Segment(row.text, look.cursor), *side], width + 2 * len(side))
        strip = Strip([*side, *row, *side], width + 2 * len(side))
        if len(self._cache) > 4 * self._seen_rows + 64:
            self._cache.clear()
        self._cache[process.pid] = (process, mark, strip)
        return strip

    # -- size and mouse

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self.renew()

    def on_click(self, event: events.Click) -> None:
        """A click on a head sorts, on a row puts the cursor there, on the sign of a subtree folds it."""
        top = 1 + self._boxed
        x = event.x - self._boxed
        if event.y == top - 1:
            self._sort_at(x)
        elif 0 <= event.y - top < len(self._shown()):
            self.listing.move_to(self._offset + event.y - top)
            twig = self.listing.twig(self.listing.cursor)
            column, start = self._column_at(x)
            if twig is not None and column.key == "command" and x - start < len(twig.prefix(self.look)):
                self.listing.fold()
            self.renew(moved=True)

    def _sort_at(self, x: int) -> None:
        self.listing.sort_by(self._column_at(x)[0].key)
        self.renew()

    def _column_at(self, x: int) -> tuple[Column, int]:
        """The column at ``x``, and where it begins."""
        columns, start = self.shown_columns, 0
        fixed = sum(column.width + 1 for column in columns if column.width)
        for column in columns:
            end = start + (column.width or max(0, self._inner_width - fixed - 1)) + 1
            if x < end:
                break
            start = end
        return column, min(start, x)

    def on_mouse_scroll_down(self) -> None:
        """The wheel moves the cursor."""
        self.move(3)

    def on_mouse_scroll_up(self) -> None:
        """The wheel moves the cursor."""
        self.move(-3)
