"""The prompt console: questions about the node, and answers that stream."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from engine.events import AnswerDelta, AnswerFinished, AnswerStarted
from engine.report import Answer
from tui.look import Look
from tui.widgets.analysis import score
from tui.widgets.paint import Row
from tui.widgets.prose import Paper, Prose

_KEPT_TURNS = 40
"""Questions with their answers that stay on screen; older ones are dropped so that memory stays bounded."""


class Prompt(Input):
    """One line to type in; Up and Down bring back earlier prompts, an unsent line included."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(placeholder="ask about this node, Enter sends", id=id, compact=True, select_on_focus=False)
        self._earlier: list[str] = []
        self._at = 0
        self._draft = ""

    def remember(self, text: str) -> None:
        """Keep a prompt that was sent."""
        if not self._earlier or self._earlier[-1] != text:
            self._earlier.append(text)
        self._at, self._draft = len(self._earlier), ""

    def on_key(self, event: events.Key) -> None:
        """Up and Down walk through the earlier prompts."""
        if event.key not in {"up", "down"}:
            return
        event.stop()
        event.prevent_default()
        if self._at == len(self._earlier):
            self._draft = self.value
        self._at = min(max(0, self._at + (1 if event.key == "down" else -1)), len(self._earlier))
        self.value = self._draft if self._at == len(self._earlier) else self._earlier[self._at]
        self.cursor_position = len(self.value)


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


class ConsolePanel(Vertical):
    """A scrolled conversation over a prompt."""

    class Asked(Message):
        """A question was sent."""

        def __init__(self, question: str) -> None:
            super().__init__()
            self.question = question

    def __init__(self, look: Look, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self.look = look
        self.border_title = "ask"
        self.prompt = Prompt(id="prompt")
        self._turns: dict[str, Turn] = {}
        self._writing = ""
        self._last = ""

    def compose(self) -> ComposeResult:
        """The conversation and the prompt."""
        yield Paper(id="conversation")
        yield self.prompt

    @property
    def writing(self) -> str:
        """The id of the answer that is being written, or nothing."""
        return self._writing

    @property
    def last_answer(self) -> str:
        """The newest answer's text, for copying."""
        turn = self._turns.get(self._last)
        return turn.prose.written if turn else ""

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter sends the prompt."""
        event.stop()
        question = event.value.strip()
        if question:
            self.prompt.remember(question)
            self.prompt.clear()
            self.post_message(self.Asked(question))

    async def begin(self, event: AnswerStarted) -> None:
        """An answer is under way."""
        paper = self.query_one(Paper)
        turn = Turn(self.look, event.question)
        self._turns[event.id] = turn
        self._writing = self._last = event.id
        await paper.mount(turn)
        paper.anchor()
        turn.waiting(event.model if event.source != "rules" else "the rules narrator")
        for identity in list(self._turns)[:-_KEPT_TURNS]:
            await self._turns.pop(identity).remove()

    async def feed(self, event: AnswerDelta) -> None:
        """More words."""
        if turn := self._turns.get(event.id):
            await turn.prose.feed(event.text)

    async def finish(self, event: AnswerFinished) -> None:
        """All words are there."""
        if self._writing == event.answer.id:
            self._writing = ""
        if turn := self._turns.get(event.answer.id):
            await turn.prose.end()
            turn.done(event.answer)

    async def clear(self) -> None:
        """Forget the conversation on screen."""
        self._turns.clear()
        self._writing = self._last = ""
        await self.query_one(Paper).remove_children()
