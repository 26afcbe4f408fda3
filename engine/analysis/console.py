"""The conversation at the console: answers from the newest figures, with what was said before."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from engine.analysis import prompt
from engine.analysis.digest import digest
from engine.analysis.draft import Draft
from engine.analysis.grounding import ground
from engine.events import AnswerDelta, AnswerFinished, AnswerStarted, Event, Notice
from engine.inference.protocol import DEFAULT_SAMPLING, Backend, Briefing, Priority, Request, Sampling
from engine.report import Answer
from engine.telemetry.history import Point

MOST_TURNS = 20
"""Turns that are remembered; what is passed on is bounded in characters as well."""


class Conversation:
    """Questions and answers so far. Belongs to one event loop."""

    def __init__(self, sampling: Sampling = DEFAULT_SAMPLING) -> None:
        self._sampling = sampling
        self._turns: deque[tuple[str, str]] = deque(maxlen=MOST_TURNS)
        self._generation = 0

    @property
    def turns(self) -> tuple[tuple[str, str], ...]:
        """Question and answer of each turn, oldest first."""
        return tuple(self._turns)

    def forget(self) -> None:
        """Begin anew. An answer that is still being written will not be remembered."""
        self._turns.clear()
        self._generation += 1

    async def ask(
        self,
        backend: Backend,
        briefing: Briefing,
        *,
        identity: str,
        degraded: bool,
        emit: Callable[[Event], None],
        points: Sequence[Point] = (),
    ) -> Answer:
        """Answer ``briefing.question`` and tell of it by events, as :meth:`Analyst.analyse` does.

        What has been written is remembered, also of an answer that was cancelled; a bare failure is not.
        """
        source, model = backend.source, backend.model
        emit(AnswerStarted(identity, time.time(), briefing.question, source, model))
        draft, generation = Draft(), self._generation
        try:
            facts = digest(briefing.snapshot, briefing.findings, points)
            messages = prompt.answer(facts, briefing.question, self.turns)
            request = Request(messages, briefing, prompt.sampling("answer", self._sampling), Priority.CONSOLE)
            await draft.write(backend, request, lambda text: emit(AnswerDelta(identity, text)))
        finally:
            if draft.failure:
                emit(Notice(draft.failure, "error"))
            if draft.words.strip() and generation == self._generation:
                self._turns.append((briefing.question, draft.words))
            done = Answer(
                id=identity,
                time=time.time(),
                question=briefing.question,
                text=draft.text,
                source=source,
                model=model,
                degraded=degraded,
                outcome=draft.outcome,
                grounding=ground(draft.words, briefing.snapshot, briefing.findings),
                timings=draft.timings,
                snapshot=briefing.snapshot.sequence,
            )
            emit(AnswerFinished(done))
        return done
