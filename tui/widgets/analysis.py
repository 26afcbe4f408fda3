"""The streamed analysis: who writes it, when, how much of it the telemetry bears out, and the words."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.strip import Strip

from engine.events import AnalysisDelta, AnalysisFinished, AnalysisStarted
from engine.report import Analysis, Grounding, Source
from tui.look import Look
from tui.widgets.paint import Row, pad_rows
from tui.widgets.panel import Panel
from tui.widgets.paper import Paper

if TYPE_CHECKING:
    from tui.widgets.prose import Prose

_SOURCES: dict[Source, str] = {"model": "model", "rules": "rules", "remote": "remote"}


class Byline(Panel):
    """One line above a text: its writer, its time, its score."""

    def __init__(self, look: Look, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(look, id=id)
        self._row = Row(look).add(" none yet: a writes one", look.dim)

    def say(self, row: Row) -> None:
        """Show this line."""
        self._row = row
        self.redraw()

    def draw(self, width: int, height: int) -> list[Strip]:
        """The line."""
        return pad_rows(self.look, [self._row], width, height)


class AnalysisPanel(Vertical):
    """A framed text that streams; the one before stays until the first new word."""

    def __init__(self, look: Look, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self.look = look
        self.border_title = "analysis"
        self._byline = Byline(look, id="byline")
        self._prose: Prose | None = None
        self._paper = Paper(id="analysis-paper")
        self._writer = Row(look)
        self._current = ""
        self._fresh = False

    def compose(self) -> ComposeResult:
        """A byline over a scrolled text."""
        yield self._byline
        yield self._paper

    @property
    def text(self) -> str:
        """What is written so far."""
        return self._prose.written if self._prose else ""

    @property
    def writing(self) -> str:
        """The id of the analysis that is being written, or nothing."""
        return self._current

    async def begin(self, event: AnalysisStarted) -> None:
        """A new analysis is under way; its first word may take a while."""
        self._current, self._fresh = event.id, True
        self._byline.say(
            byline(self.look, event.source, event.model, event.time).add(" reading the node", self.look.warn)
        )

    async def feed(self, event: AnalysisDelta) -> None:
        """More words."""
        if event.id != self._current:
            return
        if self._prose is None:
            # Only now: reading the Markdown library would delay the first frame.
            from tui.widgets.prose import Prose

            self._prose = Prose(id="prose")
            await self._paper.mount(self._prose)
        if self._fresh:
            self._fresh = False
            self._byline.say(Row(self.look).extend(self._writer).add(" writing", self.look.warn))
            await self._prose.begin()
            self._paper.restart()
        await self._prose.feed(event.text)
        self._paper.follow()

    async def finish(self, event: AnalysisFinished) -> None:
        """All words are there."""
        analysis = event.analysis
        if analysis.id != self._current:
            return
        self._current = ""
        if self._prose is not None:
            await self._prose.end()
        self._byline.say(finished_byline(self.look, analysis))


def byline(look: Look, source: Source, model: str, moment: float) -> Row:
    """``model NAME, 14:03:20``: the rules narrator is never called a model."""
    row = Row(look).add(f" {_SOURCES[source]}", look.accent if source != "rules" else look.label)
    if source != "rules":
        row.add(f" {model[:24]}", look.label)
    return row.add(f" {look.glyphs.dot} {time.strftime('%H:%M:%S', time.localtime(moment))}", look.dim)


def finished_byline(look: Look, analysis: Analysis) -> Row:
    """The byline of a whole analysis, with its outcome and its grounding."""
    row = byline(look, analysis.source, analysis.model, analysis.time)
    if analysis.degraded:
        row.add(" fallback", look.warn)
    if analysis.outcome in {"cancelled", "failed"}:
        row.add(f" {analysis.outcome}", look.warn)
    return row.extend(score(look, analysis.grounding))


def score(look: Look, grounding: Grounding) -> Row:
    """``grounded 9/9``: how many claims the telemetry bears out."""
    if not grounding.claims:
        return Row(look)
    style = look.good if grounding.grounded == grounding.claims else look.warn
    if grounding.wrong:
        style = look.bad
    return Row(look).add(f" {look.glyphs.dot} grounded {grounding.grounded}/{grounding.claims}", style)
