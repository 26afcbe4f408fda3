"""The node as a front end meets it: real samples, a real model, real threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from engine.config import Config
from engine.events import (
    AnalysisDelta,
    AnalysisFinished,
    AnalysisStarted,
    AnswerDelta,
    AnswerFinished,
    AnswerStarted,
    Event,
    ModelChanged,
    Notice,
    SnapshotTaken,
)
from engine.local_node import LocalNode

PATIENCE_S = 30.0
T = TypeVar("T")


class Heard:
    """Everything that the node said, and a way to wait for something in it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._loop = asyncio.get_running_loop()
        self._more = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self._loop.call_soon_threadsafe(self._more.set)

    async def until(self, kind: type[T], holds: Callable[[T], object] = lambda _: True) -> T:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for event in list(self.events):
                    if isinstance(event, kind) and holds(event):
                        return event
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[tuple[LocalNode, Heard]]:
    before = set(threading.enumerate())
    node, heard = LocalNode(config), Heard()
    node.start(heard)
    try:
        yield node, heard
    finally:
        await node.close()
    left = set(threading.enumerate()) - before
    assert not [thread.name for thread in left if thread.name in {"telltop-sampler", "telltop-model"}]


async def test_without_a_model_the_rules_narrate_and_are_not_degraded() -> None:
    async with running(Config()) as (_, heard):
        assert (await heard.until(ModelChanged)).state == "none"
        taken = await heard.until(SnapshotTaken)
        assert taken.snapshot.processes
        analysis = (await heard.until(AnalysisFinished)).analysis
        assert (analysis.source, analysis.model, analysis.degraded, analysis.outcome) == (
            "rules",
            "rules",
            False,
            "stop",
        )
        assert analysis.grounding.grounded == analysis.grounding.claims > 0


async def test_a_model_loads_analyses_and_answers(tiny_gguf: Path) -> None:
    async with running(Config(model=tiny_gguf, max_tokens=40)) as (node, heard):
        await heard.until(ModelChanged, lambda change: change.state == "ready")
        analysis = (await heard.until(AnalysisFinished)).analysis
        assert (analysis.source, analysis.degraded) == ("model", False)
        assert analysis.timings.completion_tokens == 40
        identity = node.ask("why is load high?")
        answer = (await heard.until(AnswerFinished, lambda event: event.answer.id == identity)).answer
        assert answer.question == "why is load high?"
        assert answer.timings.completion_tokens == 40
        text = "".join(event.text for event in heard.events if isinstance(event, AnswerDelta) and event.id == identity)
        assert text == answer.text


async def test_a_question_is_answered_while_an_analysis_is_being_written(tiny_gguf: Path) -> None:
    async with running(Config(model=tiny_gguf, max_tokens=3000)) as (node, heard):
        await heard.until(ModelChanged, lambda change: change.state == "ready")
        analysing = node.analyze()
        await heard.until(AnalysisDelta, lambda event: event.id == analysing)
        asking = node.ask("why?")
        await heard.until(AnswerDelta, lambda event: event.id == asking)
        assert not any(isinstance(event, AnalysisFinished) and event.analysis.id == analysing for event in heard.events)
        assert node.cancel(asking)
        answer = (await heard.until(AnswerFinished, lambda event: event.answer.id == asking)).answer
        assert answer.outcome == "cancelled"
        assert not any(isinstance(event, AnalysisFinished) and event.analysis.id == analysing for event in heard.events)


async def test_a_new_analysis_takes_the_place_of_the_one_being_written(tiny_gguf: Path) -> None:
    async with running(Config(model=tiny_gguf, max_tokens=3000)) as (node, heard):
        await heard.until(ModelChanged, lambda change: change.state == "ready")
        first = node.analyze()
        await heard.until(AnalysisDelta, lambda event: event.id == first)
        second = node.analyze()
        done = await heard.until(AnalysisFinished, lambda event: event.analysis.id == first)
        assert done.analysis.outcome == "cancelled"
        await heard.until(AnalysisDelta, lambda event: event.id == second)


async def test_a_model_that_cannot_be_used_leaves_the_rules_degraded(tmp_path: Path) -> None:
    async with running(Config(model=tmp_path / "missing.gguf")) as (_, heard):
        failed = await heard.until(ModelChanged, lambda change: change.state == "failed")
        assert "missing.gguf" in failed.detail
        assert "The rules narrator goes on." in (await heard.until(Notice)).text
        analysis = (await heard.until(AnalysisFinished)).analysis
        assert (analysis.source, analysis.degraded) == ("rules", True)


async def test_each_text_is_started_once_and_finished_once(tiny_gguf: Path) -> None:
    async with running(Config(model=tiny_gguf, max_tokens=2000)) as (node, heard):
        await heard.until(ModelChanged, lambda change: change.state == "ready")
        for _ in range(5):
            node.analyze()
            node.ask("why?")
            await asyncio.sleep(0)
    analyses = [event.id for event in heard.events if isinstance(event, AnalysisStarted)]
    answers = [event.id for event in heard.events if isinstance(event, AnswerStarted)]
    assert sorted(analyses) == sorted(
        event.analysis.id for event in heard.events if isinstance(event, AnalysisFinished)
    )
    assert sorted(answers) == sorted(event.answer.id for event in heard.events if isinstance(event, AnswerFinished))
    assert answers


async def test_closing_while_the_model_loads_and_twice_is_fine(tiny_gguf: Path) -> None:
    node = LocalNode(Config(model=tiny_gguf))
    node.start(Heard())
    await node.close()
    await node.close()


async def test_a_question_before_the_first_sample_waits_for_it() -> None:
    async with running(Config()) as (node, heard):
        node.ask("how much memory is free?")
        answer = (await heard.until(AnswerFinished)).answer
        assert answer.outcome == "stop"
        assert "memory" in answer.text.lower()


async def test_the_interval_writes_by_itself() -> None:
    async with running(Config(analysis_every_s=0.0)) as (_, heard):
        assert (await heard.until(AnalysisFinished)).analysis.trigger == "interval"
