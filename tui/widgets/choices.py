"""A framed list to choose from, under a few lines that say what it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from tui.look import Look
from tui.widgets.paint import Row, frame
from tui.widgets.panel import Panel

Tone = Literal["", "good", "warn", "bad"]


@dataclass(frozen=True)
class Choice:
    """One line of the list."""

    label: str
    note: str = ""
    number: int | None = None
    """What may be typed to get here."""
    tone: Tone = ""


_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Page:
    """What is shown: lines above, then choices if there are any, and the keys below."""

    title: str
    head: tuple[Row, ...]
    foot: str
    choices: tuple[Choice, ...] = ()
    several: bool = False
    """Space ticks choices."""


class Choices(Panel):
    """Draws a page. The arrows move, typed digits jump, a click moves and a second one on the same line chooses."""

    can_focus = True

    class Chosen(Message):
        """Enter, or a click on the line under the cursor."""

    def __init__(
        self,
        look: Look,
        chosen: Callable[[], None] | None = None,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
    ) -> None:
        """``chosen`` is called at once, in place of the message: where the next key, already here, depends on it."""
        super().__init__(look, id=id)
        self._chosen: Callable[[], object] = chosen or (lambda: self.post_message(self.Chosen()))
        self.page = Page("", (), "")
        self.cursor = 0
        self.ticked: frozenset[int] = frozenset()
        self._offset = 0
        self._top = 1
        self._typed = ""

    def turn(self, page: Page, cursor: int = 0, ticked: frozenset[int] = _NONE) -> None:
        """Show another page."""
        self.page, self.cursor, self.ticked, self._offset, self._typed = page, cursor, ticked, 0, ""
        self.refresh(layout=True)
        self.redraw()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as the page has, with its frame."""
        return len(self.page.head) + len(self.page.choices) + 2

    def draw(self, width: int, height: int) -> list[Strip]:
        """The frame with the page; of a list that is too long the part around the cursor."""
        look, page = self.look, self.page
        room = max(1, height - 2)
        head = page.head[: max(0, room - min(len(page.choices), max(3, room // 2)))] if page.choices else page.head
        seen, self._top = room - len(head), 1 + len(head)
        self._offset = max(0, min(max(self._offset, self.cursor - seen + 1), self.cursor, len(page.choices) - seen))
        rows = [*head]
        for at, choice in list(enumerate(page.choices))[self._offset : self._offset + seen]:
            rows.append(self._line(at, choice, max(1, width - 2)))
        foot = Row(look).add(page.foot, look.dim)
        return frame(look, (width, height), page.title, rows, foot=foot, focused=True)

    def _line(self, at: int, choice: Choice, width: int) -> Row:
        look = self.look
        here = at == self.cursor
        tick = ("[x] " if at in self.ticked else "[ ] ") if self.page.several else ""
        widest = max(len(one.label) for one in self.page.choices) + 2
        row = Row(look).add(f" {look.glyphs.cursor if here else ' '} ", look.accent)
        tones = {"": look.text, "good": look.good, "warn": look.warn, "bad": look.bad}
        style = look.cursor if here else tones[choice.tone]
        row.cell(tick + choice.label, max(0, min(width - 3, len(tick) + widest)), style)
        return row.add(choice.note, look.cursor if here else look.dim).skip_to(width)

    # -- keys and mouse

    def move(self, step: int) -> None:
        """Move the cursor."""
        self.cursor = min(max(0, self.cursor + step), max(0, len(self.page.choices) - 1))
        self.redraw()

    def tick(self) -> None:
        """Tick the choice under the cursor, or take its tick away."""
        if self.page.several:
            self.ticked ^= {self.cursor}
            self.redraw()

    def on_key(self, event: events.Key) -> None:
        """What moves and chooses; other keys are left to the screen."""
        typed, self._typed = self._typed, ""
        match event.key:
            case "up":
                self.move(-1)
            case "down":
                self.move(1)
            case "pageup":
                self.move(-10)
            case "pagedown":
                self.move(10)
            case "home":
                self.move(-len(self.page.choices))
            case "end":
                self.move(len(self.page.choices))
            case "space":
                self.tick()
            case "enter":
                self._chosen()
            case _ if event.character and event.character in "-0123456789" and self.page.choices:
                self._jump(typed + event.character)
            case _:
                return
        event.stop()
        event.prevent_default()

    def _jump(self, typed: str) -> None:
        """Go to the number that is being typed; one that there is not begins a new one."""
        for text in (typed, typed[-1]):
            for at, choice in enumerate(self.page.choices):
                if choice.number is not None and (str(choice.number) == text or text == "-"):
                    self._typed = text
                    if text != "-":
                        self.cursor = at
                    self.redraw()
                    return

    def on_click(self, event: events.Click) -> None:
        """A click on a line goes there; on the line under the cursor it chooses, or ticks."""
        at = event.y - self._top + self._offset
        if not self._offset <= at < len(self.page.choices) or event.y >= self.size.height - 1:
            return
        if self.page.several:
            self.cursor = at
            self.tick()
        elif at == self.cursor:
            self._chosen()
        else:
            self.move(at - self.cursor)

    def on_mouse_scroll_down(self) -> None:
        """The wheel moves the cursor."""
        self.move(1)

    def on_mouse_scroll_up(self) -> None:
        """The wheel moves the cursor."""
        self.move(-1)
