"""The lines at the bottom: the model and what telltop itself costs, the newest words in small, and the keys."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.strip import Strip

from engine import units
from engine.events import ModelChanged
from engine.report import Timings
from engine.snapshot import Snapshot
from tui.actions import Action
from tui.look import Look
from tui.widgets.paint import Row, bar
from tui.widgets.panel import Panel


class StatusLine(Panel):
    """Model, its state, its speed; telltop's own processor time and memory."""

    def __init__(self, look: Look, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(look, id=id)
        self._model = ModelChanged(state="none", name="")
        self._timings = Timings()
        self._snapshot: Snapshot | None = None

    def show(self, snapshot: Snapshot) -> None:
        """Show what the newest sample says of telltop itself."""
        self._snapshot = snapshot
        self.redraw()

    def show_model(self, change: ModelChanged) -> None:
        """Show the model's state."""
        self._model = change
        self.redraw()

    def show_timings(self, timings: Timings) -> None:
        """Show how fast the last text was written."""
        if timings.completion_tokens:
            self._timings = timings
            self.redraw()

    def draw(self, width: int, height: int) -> list[Strip]:
        """The line; the figures at its right stay when room is short."""
        look = self.look
        right = Row(look)
        if self._snapshot is not None:
            own = self._snapshot.self_use
            right.add("self ", look.dim).add(f"{own.cpu_percent:.1f}% {units.compact(own.rss_bytes)} ", look.label)
        row = self._left()
        if row.cells + right.cells > width:
            row = Row(look).cell(
                "".join(segment.text for segment in row.strip(row.cells)), width - right.cells, look.label
            )
        return [row.skip_to(width - right.cells).extend(right).strip(width)]

    def _left(self) -> Row:
        look, model, timings = self.look, self._model, self._timings
        row = Row(look).add(" model ", look.dim)
        match model.state:
            case "none":
                row.add("none", look.label).add("  rules narrate; --model FILE.gguf loads one", look.dim)
            case "loading":
                row.add(f"{model.name} ", look.label).extend(bar(look, model.progress * 100, 10, look.accent))
                row.add(f" loading {model.progress * 100:.0f}%", look.warn)
            case "failed":
                row.add("failed: ", look.bad).add(model.detail, look.label)
            case "idle":
                row.add(model.name, look.accent).add(" unloaded until it is asked", look.dim)
            case "ready":
                row.add(model.name, look.accent).add(" ready", look.good)
                if model.detail:
                    row.add(f" {model.detail}", look.dim)
        if model.state == "ready" and timings.completion_tokens:
            row.add(f"  {look.glyphs.dot} first word ", look.dim).add(f"{timings.first_token_s:.2f} s", look.label)
            row.add(f" {look.glyphs.dot} ", look.dim).add(f"{timings.decode_tokens_s:.0f} tok/s", look.label)
            if timings.cached_tokens:
                row.add(f" {look.glyphs.dot} kept {timings.cached_tokens}/{timings.prompt_tokens}", look.dim)
        return row


class Glimpse(Panel):
    """The newest analysis in one line, where there is no room for its panel."""

    def __init__(self, look: Look, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(look, id=id)
        self._text = ""

    def show(self, text: str) -> None:
        """Show the end of what is being written, or the beginning of what is whole."""
        self._text = " ".join(text.replace("**", "").replace("`", "").split())
        self.redraw()

    def draw(self, width: int, height: int) -> list[Strip]:
        """The line."""
        look = self.look
        row = Row(look).add(" ").add(look.glyphs.prompt, look.accent).add(" ")
        row.cell(self._text or "no analysis yet: a writes one", max(0, width - row.cells), look.label)
        return [row.strip(width)]

    def on_click(self, event: events.Click) -> None:
        """A click opens it whole."""
        event.stop()
        self.screen.run_worker(self.screen.run_action("zoom('analysis')"))


class KeyLine(Panel):
    """The keys that matter, as many as there is room for; a click does what the key does."""

    def __init__(self, look: Look, actions: Sequence[Action], *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(look, id=id)
        self._actions = [action for action in actions if action.footer]
        self._spots: list[tuple[int, int, Action]] = []

    def draw(self, width: int, height: int) -> list[Strip]:
        """The line."""
        row, self._spots = Row(self.look), []
        room, chosen = width, set[str]()
        for action in sorted(self._actions, key=lambda action: not action.needed):
            cells = len(action.shown_key) + len(action.footer) + 4
            if cells <= room:
                room -= cells
                chosen.add(action.name)
        for action in self._actions:
            if action.name in chosen:
                start = row.cells
                row.add(f" {action.shown_key} ", self.look.key).add(f" {action.footer} ", self.look.label)
                self._spots.append((start, row.cells, action))
        return [row.strip(width)]

    def on_click(self, event: events.Click) -> None:
        """A click on a key."""
        for start, end, action in self._spots:
            if start <= event.x < end:
                self.screen.run_worker(self.screen.run_action(action.name))
