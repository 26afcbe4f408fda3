"""Analyses: what the node is doing, why, and what to do, written by whichever backend there is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from engine.analysis import prompt
from engine.analysis.digest import digest
from engine.analysis.draft import Draft
from engine.analysis.grounding import ground
from engine.events import AnalysisDelta, AnalysisFinished, AnalysisStarted, Event, Notice
from engine.inference.protocol import DEFAULT_SAMPLING, Backend, Briefing, Priority, Request, Sampling
from engine.report import Analysis, Trigger
from engine.telemetry.history import Point


class Analyst:
    """Writes analyses. It keeps nothing between two of them."""

    def __init__(self, sampling: Sampling = DEFAULT_SAMPLING) -> None:
        self._sampling = sampling

    async def analyse(
        self,
        backend: Backend,
        briefing: Briefing,
        *,
        identity: str,
        trigger: Trigger,
        degraded: bool,
        emit: Callable[[Event], None],
        points: Sequence[Point] = (),
    ) -> Analysis:
        """Write one analysis and tell of it by events: one started, deltas, one finished, however it ends.

        A failure is told by a notice as well, and is the text where nothing had been written. Cancelled, it tells
        that it has finished and raises ``CancelledError``.
        """
        emit(AnalysisStarted(identity, time.time(), trigger, backend.source, backend.model))
        source, model = backend.source, backend.model
        draft = Draft(one_line=briefing.form == "short")
        try:
            facts = digest(briefing.snapshot, briefing.findings, points)
            messages = prompt.analysis(facts, briefing.form)
            request = Request(messages, briefing, prompt.sampling(briefing.form, self._sampling), Priority.ANALYSIS)
            await draft.write(backend, request, lambda text: emit(AnalysisDelta(identity, text)))
        finally:
            if draft.failure:
                emit(Notice(draft.failure, "error"))
            done = Analysis(
                id=identity,
                time=time.time(),
                trigger=trigger,
                text=draft.text,
                source=source,
                model=model,
                degraded=degraded,
                outcome=draft.outcome,
                grounding=ground(draft.words, briefing.snapshot, briefing.findings),
                timings=draft.timings,
                snapshot=briefing.snapshot.sequence,
            )
            emit(AnalysisFinished(done))
        return done
