"""The help, made from the registry of actions."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.actions import by_group, show_key
from tui.look import Look


class HelpScreen(ModalScreen[None]):
    """Every key with what it does; any of the keys that opened it closes it."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,f1,question_mark,h,enter,ctrl+c", "dismiss", "Close")]

    def __init__(self, look: Look, *, read_only: bool = False) -> None:
        super().__init__()
        self._look = look
        self._read_only = read_only

    def compose(self) -> ComposeResult:
        """A line an action, under the name of its group."""
        with VerticalScroll(id="help") as scroll:
            scroll.border_title = "telltop: top that tells you why"
            scroll.border_subtitle = "Esc closes"
            yield Static(self._text())

    def _text(self) -> Content:
        pieces: list[Content] = []
        for group, actions in by_group(read_only=self._read_only):
            pieces.append(Content.styled(f"{group}\n", "bold"))
            for action in actions:
                keys = " ".join(dict.fromkeys(map(show_key, action.keys)))
                pieces.append(Content(f"  {keys:<10} {action.help}\n"))
            pieces.append(Content("\n"))
        return Content("").join(pieces)
