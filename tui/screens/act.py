"""Acting on processes: choose, confirm, be told of each. The targets are those of the moment at which it was opened."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Sequence
from typing import ClassVar, Literal

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from engine.control import Act, Control, Outcome, Signal, Target, summary
from tui.look import Look
from tui.screens.menus import Menu
from tui.widgets.choices import Choice, Choices, Page, Tone
from tui.widgets.paint import Row

_NAMED = 6
"""So many targets are named one by one; of more the number of the rest is told."""


class ActScreen(ModalScreen[list[Outcome] | None]):
    """Ends with what became of each target, or with ``None`` when nothing was done."""

    CSS_PATH = "act.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "back", "Back"),
        ("q,ctrl+c,f10", "close", "Close"),
    ]

    def __init__(self, look: Look, control: Control, targets: Sequence[Target], menu: Menu) -> None:
        super().__init__()
        self._look = look
        self._control = control
        self._targets = tuple(targets)
        self._menu = menu
        self._stage: Literal["choose", "confirm", "act", "told"] = "choose"
        self._act: Act | None = None
        self._at = menu.cursor, menu.ticked
        self._outcomes: list[Outcome] | None = None
        self.panel = Choices(look, self._on)

    def compose(self) -> ComposeResult:
        """One panel."""
        yield self.panel

    def on_mount(self) -> None:
        """Begin with the list."""
        self._choose()

    def on_key(self, event: events.Key) -> None:
        """Yes and no, when asked."""
        if self._stage == "confirm" and event.key in {"y", "n"}:
            event.stop()
            if event.key == "y":
                self._begin()
            else:
                self._choose()

    def _on(self) -> None:
        """Enter: on to the next stage."""
        if self._stage == "choose":
            self._act = self._menu.act(self.panel.cursor, self.panel.ticked)
            if self._act is not None:
                self._confirm(self._act)
        elif self._stage == "confirm":
            self._begin()
        elif self._stage == "told":
            self.dismiss(self._outcomes)

    def action_back(self) -> None:
        """Esc: to the list, or away."""
        if self._stage == "confirm":
            self._choose()
        else:
            self.action_close()

    def action_close(self) -> None:
        """Away; what has begun is not left without being told."""
        if self._stage != "act":
            self.dismiss(self._outcomes)

    # -- the stages

    def _choose(self) -> None:
        menu = self._menu
        self._stage = "choose"
        title = f"{menu.title} {self._whom()}"
        foot = "Space ticks  Enter sets  Esc leaves" if menu.several else "Enter chooses  Esc leaves"
        page = Page(title, self._head(), foot, menu.choices, several=menu.several)
        self.panel.turn(page, *self._at)

    def _confirm(self, act: Act) -> None:
        self._stage = "confirm"
        self._at = self.panel.cursor, self.panel.ticked
        look = self._look
        question = Row(look).add(f" {act.wish[0].upper()}{act.wish[1:]} {self._whom()}?", look.warn)
        note = self._menu.choices[self.panel.cursor].note
        meaning = (
            (Row(look).add(f" {act.number.name}: {note}", look.label),) if isinstance(act, Signal) and note else ()
        )
        page = Page("are you sure?", (question, *meaning, Row(look), *self._head()), "Enter does it  Esc goes back")
        self.panel.turn(page)

    def _begin(self) -> None:
        assert self._act is not None
        self._stage = "act"
        self.panel.turn(Page("at it", self._head(), ""))
        self.run_worker(self._apply(self._act), exit_on_error=True)

    async def _apply(self, act: Act) -> None:
        self._outcomes = await asyncio.to_thread(self._control.apply, act, self._targets)
        if len(self._outcomes) == 1 and self._outcomes[0].done:
            self.dismiss(self._outcomes)
            return
        self._stage = "told"
        self.panel.turn(Page(summary(self._outcomes), (), "Enter or Esc closes", _told(self._outcomes)))

    # -- words

    def _whom(self) -> str:
        count = len(self._targets)
        return str(self._targets[0]) if count == 1 else f"{count} processes"

    def _head(self) -> tuple[Row, ...]:
        look = self._look
        rows = []
        for target in self._targets[: _NAMED if len(self._targets) > _NAMED + 1 else None]:
            row = Row(look).add(f" {target.pid:>7} ", look.label).add(target.name, look.strong)
            rows.append(row.add(f" of {target.user}", look.dim))
        if len(rows) < len(self._targets):
            rows.append(Row(look).add(f"         and {len(self._targets) - len(rows)} more", look.dim))
        return (*rows, Row(look))


def _told(outcomes: list[Outcome]) -> tuple[Choice, ...]:
    """A line or more for each target, what did not go well first."""
    lines = []
    for outcome in sorted(outcomes, key=lambda outcome: outcome.done):
        tone: Tone = "good" if outcome.done else "bad" if outcome.result == "failed" else "warn"
        words = textwrap.wrap(f"{outcome.result}: {outcome.sentence}", 64, subsequent_indent="  ")
        lines += [Choice(line, tone="" if at else tone) for at, line in enumerate(words)]
    return tuple(lines)
