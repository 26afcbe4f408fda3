"""What is wrong: a line a finding, the gravest first; Enter jumps to the process to blame."""

from __future__ import annotations

import time

from textual import events
from textual.message import Message
from textual.strip import Strip

from engine.finding import Finding
from tui.look import Look
from tui.widgets.paint import Row, frame, pad_rows
from tui.widgets.panel import Panel


class FindingsPanel(Panel):
    """A framed list with a cursor; a single line without a frame where there is just room for that."""

    can_focus = True

    class Chosen(Message):
        """Enter or a click on a finding."""

        def __init__(self, finding: Finding) -> None:
            super().__init__()
            self.finding = finding

    def __init__(self, look: Look, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(look, id=id)
        self._findings: tuple[Finding, ...] = ()
        self._sampled = False
        self._cursor = 0

    def show(self, findings: tuple[Finding, ...]) -> None:
        """Show the findings that are open now."""
        self._findings, self._sampled = findings, True
        self._cursor = min(self._cursor, max(0, len(findings) - 1))
        self.redraw()

    @property
    def selected(self) -> Finding | None:
        """The finding under the cursor."""
        return self._findings[self._cursor] if self._findings else None

    def move(self, step: int) -> None:
        """Move the cursor."""
        self._cursor = min(max(0, self._cursor + step), max(0, len(self._findings) - 1))
        self.redraw()

    def choose(self) -> None:
        """Say that the finding under the cursor was chosen."""
        if self.selected is not None:
            self.post_message(self.Chosen(self.selected))

    def draw(self, width: int, height: int) -> list[Strip]:
        """The list."""
        boxed = height >= 3 and width >= 20
        inner, room = width - 2 * boxed, height - 2 * boxed
        first = max(0, self._cursor - room + 1)
        shown = self._findings[first : first + room]
        rows = [self._row(finding, inner, room, chosen=first + at == self._cursor) for at, finding in enumerate(shown)]
        if not rows and self._sampled:
            rows = [
                Row(self.look).add(f" {self.look.glyphs.quiet} ", self.look.good).add("nothing wrong", self.look.dim)
            ]
        if not boxed:
            return pad_rows(self.look, rows, width, height)
        hidden = len(self._findings) - len(shown)
        right = Row(self.look).add(f"{hidden} more", self.look.dim) if hidden > 0 else None
        title = f"findings {len(self._findings)}" if self._findings else "findings"
        return frame(self.look, (width, height), title, rows, right=right, focused=self.has_focus)

    def _row(self, finding: Finding, width: int, room: int, *, chosen: bool) -> Row:
        look = self.look
        since = time.strftime("%H:%M", time.localtime(finding.since))
        tail = f" since {since}" if width >= 70 else ""
        more = len(self._findings) - 1
        if room == 1 and more:
            tail = f" +{more}{tail}"
        row = Row(look).add(f" {look.mark(finding.severity)} ", look.severity(finding.severity))
        if width >= 100:
            row.cell(finding.kind, 17, look.label)
        style = look.cursor if chosen and self.has_focus else look.text
        row.cell(finding.sentence, max(0, width - row.cells - len(tail) - 1), style)
        return row.add(tail, look.dim)

    def on_key(self, event: events.Key) -> None:
        """Arrows and Enter while it has the focus."""
        match event.key:
            case "up":
                self.move(-1)
            case "down":
                self.move(1)
            case "enter":
                self.choose()
            case _:
                return
        event.stop()
        event.prevent_default()

    def on_click(self, event: events.Click) -> None:
        """A click chooses."""
        boxed = self.size.height >= 3
        at = event.y - boxed
        if 0 <= at < len(self._findings):
            self._cursor = at
            self.redraw()
            self.choose()
