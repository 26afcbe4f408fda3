"""One turn of the conversation."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from engine.report import Answer
from tui.look import Look
from tui.widgets.analysis import score
from tui.widgets.paint import Row
from tui.widgets.prose import Prose


class Turn(Vertical):
    """A question, its answer, and what the answer took."""

    def __init__(self, look: Look, question: str) -> None:
        super().__init__()
        self.look = look
        self.prose = Prose()
        self._question = Static(Content(f"{look.glyphs.prompt} {look.plain(question)}"), classes="question")
        self._foot = Static("", classes="foot")

    def compose(self) -> ComposeResult:
        """Question, answer, foot."""
        yield self._question
        yield self.prose
        yield self._foot

    def waiting(self, who: str) -> None:
        """Say who is about to answer."""
        self._foot.update(Content(f"{who} is reading the node, Esc stops"))

    def done(self, answer: Answer) -> None:
        """Say who answered, how fast, and how much of it is borne out."""
        row = Row(self.look).add(answer.model if answer.source != "rules" else "rules")
        if answer.degraded:
            row.add(" fallback")
        if answer.outcome in {"cancelled", "failed"}:
            row.add(f" {self.look.glyphs.dot} {answer.outcome}")
        if answer.source != "rules" and answer.timings.completion_tokens:
            timings = answer.timings
            row.add(f" {self.look.glyphs.dot} {timings.first_token_s:.1f} s, {timings.decode_tokens_s:.0f} tok/s")
        self._foot.update(Content(row.extend(score(self.look, answer.grounding)).strip(200).text.rstrip()))
