"""The prompt console: questions about the node, and answers that stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from engine.events import AnswerDelta, AnswerFinished, AnswerStarted
from tui.look import Look
from tui.widgets.paper import Paper

if TYPE_CHECKING:
    from tui.widgets.turn import Turn

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
        from tui.widgets.turn import Turn  # only now: reading the Markdown library would delay the first frame

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
