"""Which columns the process table has, and in which order."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from tui.look import Look
from tui.widgets.choices import Choice, Choices, Page
from tui.widgets.paint import Row
from tui.widgets.process_columns import BY_KEY, COLUMNS


class ColumnsScreen(ModalScreen[tuple[str, ...] | None]):
    """Ends with the keys of the columns that were chosen, with ``()`` for those that suit the width, else ``None``.

    The list begins with the columns that are shown, in their order.
    """

    CSS_PATH = "columns.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,q,ctrl+c,f10", "dismiss", "Close"),
        ("shift+up,u", "shift(-1)", "Further left"),
        ("shift+down,d", "shift(1)", "Further right"),
        ("r", "reset", "As the width suggests"),
    ]

    def __init__(self, look: Look, shown: tuple[str, ...]) -> None:
        super().__init__()
        self._look = look
        self._shown = len(shown)
        self._keys = [*shown, *(column.key for column in COLUMNS if column.key not in shown)]
        self.panel = Choices(look, id="choices")

    def compose(self) -> ComposeResult:
        """One panel."""
        yield self.panel

    def on_mount(self) -> None:
        """Begin at the first column."""
        self._turn(0, frozenset(range(self._shown)))

    def _turn(self, cursor: int, ticked: frozenset[int]) -> None:
        head = (Row(self._look).add(" u and d move a column, r leaves the choice to the width", self._look.dim),)
        choices = tuple(Choice(BY_KEY[key].title, BY_KEY[key].meaning) for key in self._keys)
        page = Page("columns", head, "Space ticks  Enter sets  Esc leaves", choices, several=True)
        self.panel.turn(page, cursor, ticked)

    def action_shift(self, step: int) -> None:
        """Move the column under the cursor in the order."""
        here = self.panel.cursor
        there = here + step
        if 0 <= there < len(self._keys):
            keys = self._keys
            keys[here], keys[there] = keys[there], keys[here]
            ticked = self.panel.ticked
            swapped = {here: there, there: here}
            self._turn(there, frozenset(swapped.get(at, at) for at in ticked))

    def action_reset(self) -> None:
        """Leave it to the width."""
        self.dismiss(())

    def on_choices_chosen(self) -> None:
        """Enter: these; without a tick those that suit the width."""
        self.dismiss(tuple(key for at, key in enumerate(self._keys) if at in self.panel.ticked))
