"""The part of the dashboard that says what the process table lists and where its cursor stands."""

from __future__ import annotations

from textual.screen import Screen

from tui.widgets.process_entry import Kind
from tui.widgets.process_listing import Mode
from tui.widgets.processes import ProcessTable


class ListingScreen(Screen[None]):
    """The actions of tui/actions.py that concern the table and change nothing on the node."""

    processes: ProcessTable

    def show_table(self) -> None:
        """Bring the table on the screen, and the keys to it."""
        self.set_focus(self.processes)

    def _type(self, kind: Kind) -> None:
        self.show_table()
        self.processes.type(kind)

    def action_filter(self) -> None:
        """Type a filter."""
        self._type("filter")

    def action_filter_user(self) -> None:
        """Type a user to filter by."""
        self._type("filter")
        self.processes.set_filter("user=")

    def action_search(self) -> None:
        """Search on, or type what for."""
        self.show_table()
        self.processes.find_next()

    def action_search_anew(self) -> None:
        """Type what to search for."""
        self._type("search")

    def action_search_back(self) -> None:
        """Go to the match before."""
        self.show_table()
        self.processes.find_next(-1)

    def action_goto(self) -> None:
        """Type a pid to go to."""
        self._type("pid")

    def action_follow(self) -> None:
        """Keep the cursor on its process, or let it go."""
        listing = self.processes.listing
        listing.follow(listing.following is None)
        self.processes.renew()

    def action_mode(self, mode: Mode) -> None:
        """Show the tree, or programs; once more shows a plain list."""
        listing = self.processes.listing
        listing.set_mode("flat" if listing.mode == mode else mode)
        self.processes.renew()

    def action_fold(self, folded: bool) -> None:
        """Fold the subtree under the cursor, or unfold it."""
        self.processes.listing.fold(folded)
        self.processes.renew()

    def action_fold_all(self) -> None:
        """Fold all subtrees, or unfold them."""
        self.processes.listing.fold_all()
        self.processes.renew()

    def action_kernel(self) -> None:
        """Leave kernel threads out, or show them again."""
        listing = self.processes.listing
        listing.hide_kernel(not listing.kernel_hidden)
        self.processes.renew()

    def action_tag(self) -> None:
        """Tag the process under the cursor, or take its tag away."""
        self.processes.listing.tag()
        self.processes.renew(moved=True)

    def action_untag(self) -> None:
        """Take all tags away."""
        self.processes.listing.untag()
        self.processes.renew()

    def action_columns(self) -> None:
        """Choose the columns and their order."""
        from tui.screens.columns import ColumnsScreen

        table = self.processes
        keys = tuple(column.key for column in table.shown_columns)
        self.app.push_screen(ColumnsScreen(table.look, table.columns or keys), self._choose_columns)

    def _choose_columns(self, keys: tuple[str, ...] | None) -> None:
        if keys is not None:
            self.processes.columns = keys

    def action_sort_next(self, step: int) -> None:
        """Sort by a neighbouring column."""
        self.processes.listing.sort_next([column.key for column in self.processes.shown_columns], step)
        self.processes.renew()

    def action_sort_by(self, key: str) -> None:
        """Sort by a column."""
        self.processes.listing.sort_by(key)
        self.processes.renew()

    def action_reverse(self) -> None:
        """Turn the order round."""
        self.action_sort_by(self.processes.listing.sort[0])

    def action_move(self, step: int) -> None:
        """Move the cursor of the table."""
        self.processes.move(step)

    def action_move_page(self, pages: int) -> None:
        """Move the cursor of the table by what is seen of it."""
        self.processes.move_page(pages)

    def action_sideways(self, step: int) -> None:
        """Fold or unfold in the tree; else move the commands sideways."""
        self.processes.sideways(step)
