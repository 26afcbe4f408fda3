"""What is typed into the process table takes effect while it is typed: a filter, a search, a pid."""

from __future__ import annotations

from textual import events

from tui.look import Look
from tui.widgets.filter_values import FilterError
from tui.widgets.panel import Panel
from tui.widgets.process_entry import PROMPTS, Entry, Kind
from tui.widgets.process_filter import Filter, parse_filter
from tui.widgets.process_listing import Listing


class TypingPanel(Panel):
    """A panel over a listing that can be typed into; a subclass draws it, and says how in :meth:`renew`."""

    def __init__(self, look: Look, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(look, id=id)
        self.listing = Listing()
        self.entry: Entry | None = None
        """What is being typed."""
        self._search: Filter | None = None
        self._told = ""

    def renew(self, *, moved: bool = False) -> None:
        """Draw what the listing holds now."""
        raise NotImplementedError

    def jump(self, pid: int) -> bool:
        """Put the cursor on a process; false if it is gone."""
        found = self.listing.jump(pid)
        self.renew(moved=found)
        return found

    @property
    def problem(self) -> str:
        """What is wrong with what was typed, in a few words."""
        return self._told or self.listing.problem

    def typing(self, room: int) -> str:
        """The end of what is typed, or the filter, in ``room`` characters."""
        entry, text = self.entry, self.listing.filter_text
        typed = f"/{text}" if text else ""
        if entry is not None:
            typed = f"{PROMPTS[entry.kind]}{entry.text}_"
        return typed if len(typed) <= room else self.look.glyphs.ellipsis + typed[len(typed) - max(0, room - 1) :]

    def type(self, kind: Kind) -> None:
        """Begin to type a filter (on with the one there is), something to search for, or a pid."""
        self.entry = Entry(kind, self.listing.filter_text if kind == "filter" else "")
        self._told = ""
        self.redraw()

    def set_filter(self, text: str) -> None:
        """Show just the processes that match."""
        self.listing.set_filter(text)
        if self.entry is not None and self.entry.kind == "filter":
            self.entry.text = text
        self.renew()

    def find_next(self, step: int = 1, *, here: bool = False) -> None:
        """Go to the next match of what was searched for; with nothing searched for, ask."""
        if self._search is None or not self._search.text.strip():
            if self.entry is None:
                self.type("search")
            return
        try:
            self._told = "" if self.listing.seek(self._search, step, here=here) else "not found"
        except FilterError as error:
            self._told = str(error)
        self.renew(moved=True)

    def _typed(self, entry: Entry) -> None:
        """Something was typed: it takes effect at once."""
        self._told = ""
        if entry.kind == "filter":
            self.set_filter(entry.text)
        elif entry.kind == "search":
            try:
                self._search = parse_filter(entry.text, self.listing.memory_total)
            except FilterError as error:
                self._told = str(error)
            else:
                self.find_next(here=True)
        elif entry.text and not self.jump(int(entry.text)):
            self._told = "no such process"
        self.redraw()

    def on_key(self, event: events.Key) -> None:
        """While something is being typed every printable key belongs to it."""
        entry = self.entry
        if entry is None:
            return
        match event.key:
            case "escape":
                self.entry = None
                if entry.kind == "filter":
                    self.set_filter("")
            case "f3" | "ctrl+f" if entry.kind == "search":
                self.find_next()
            case "enter" | "up" | "down" | "tab":
                self.entry = None
            case _ if entry.edit(event):
                self._typed(entry)
            case _:
                return
        self.redraw()
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """Text pasted while something is being typed belongs to it."""
        if self.entry is not None and event.text:
            self.entry.add(event.text)
            self._typed(self.entry)
            event.stop()

    def on_blur(self) -> None:
        """Typing ends when the keys go elsewhere; not when it is the terminal that loses them for a while."""
        if self.app.app_focus:
            self.entry = None
