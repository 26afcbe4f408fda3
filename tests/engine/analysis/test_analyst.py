"""One started, deltas, one finished: however an analysis ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from engine.analysis.analyst import Analyst
from engine.analysis.draft import LONGEST
from engine.errors import GenerationError
from engine.events import AnalysisDelta, AnalysisFinished, AnalysisStarted, Event, Notice
from engine.inference.narrator import Narrator
from engine.inference.protocol import Backend, Briefing, Delta, Failed, Finished, Form, Generation, Request, Started
from engine.report import Analysis, Timings
from tests.engine.analysis.conftest import FAILURES, TIMINGS, Scripted
from tests.engine.findings.scenes import SCENES
from tests.engine.hostile import RAW_NAMES
from tests.engine.strategies import findings_of

SNAPSHOT = SCENES[1].at(0)
FINDINGS = findings_of(SNAPSHOT)


async def analyse(backend: Backend, heard: list[Event], form: Form = "full") -> Analysis:
    briefing = Briefing(SNAPSHOT, FINDINGS, form)
    return await Analyst().analyse(
        backend, briefing, identity="a1", trigger="demand", degraded=False, emit=heard.append
    )


def check(heard: list[Event]) -> Analysis:
    """The order of events, that the deltas are the text; the analysis that was told of."""
    told = [event for event in heard if not isinstance(event, Notice)]
    first, *deltas, last = told
    assert isinstance(first, AnalysisStarted)
    assert isinstance(last, AnalysisFinished)
    assert all(isinstance(delta, AnalysisDelta) and delta.id == "a1" and delta.text for delta in deltas)
    assert "".join(delta.text for delta in deltas if isinstance(delta, AnalysisDelta)) == last.analysis.text
    assert first.id == last.analysis.id == "a1"
    assert (first.source, first.model) == (last.analysis.source, last.analysis.model)
    assert last.analysis.snapshot == SNAPSHOT.sequence
    return last.analysis


@pytest.mark.parametrize("form", ["full", "short"])
async def test_the_narrator_writes_one(heard: list[Event], form: Form) -> None:
    result = await analyse(Narrator(), heard, form)
    assert result == check(heard)
    assert (result.source, result.model, result.outcome) == ("rules", "rules", "stop")
    assert "loop (4121)" in result.text
    assert result.grounding.claims == result.grounding.grounded > 2
    assert not [event for event in heard if isinstance(event, Notice)]


async def test_a_model_writes_one(heard: list[Event]) -> None:
    backend = Scripted("\n**loop** (4121) uses ", "99 % of ", "a core; CPU is 80 %.")
    result = await analyse(backend, heard)
    assert result == check(heard)
    assert result.text == "**loop** (4121) uses 99 % of a core; CPU is 80 %."
    assert (result.outcome, result.timings) == ("stop", TIMINGS)
    assert (result.grounding.grounded, result.grounding.claims) == (3, 4)
    assert result.grounding.wrong == ("80 %",)
    (request,) = backend.requests
    assert request.briefing.findings == FINDINGS
    assert "cpu_spin" in request.messages[-1].content
    assert backend.closed == 1


async def test_the_limit_is_told(heard: list[Event]) -> None:
    result = await analyse(Scripted("too long", Finished("length", Timings())), heard)
    assert (check(heard).outcome, result.text) == ("length", "too long")


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_failure_is_told_and_is_the_text_where_there_is_none(
    heard: list[Event], failure: Failed | GenerationError
) -> None:
    result = await analyse(Scripted(failure), heard)
    assert check(heard).outcome == "failed"
    assert result.text == "The model ran out of memory. Use a smaller one."
    assert result.grounding.claims == 0
    assert Notice(result.text, "error") in heard


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_failure_in_the_middle_keeps_what_was_written(
    heard: list[Event], failure: Failed | GenerationError
) -> None:
    result = await analyse(Scripted("loop (4121) is ", failure), heard)
    assert (check(heard).outcome, result.text) == ("failed", "loop (4121) is ")
    assert [event.text for event in heard if isinstance(event, Notice)] == [
        "The model ran out of memory. Use a smaller one."
    ]


@pytest.mark.parametrize("steps", [(), ("",), (" \n ",), (Delta("and on and on", "thinking"),), ("\x1b\x07",)])
async def test_a_model_that_says_nothing_has_failed(heard: list[Event], steps: tuple[str | Delta, ...]) -> None:
    result = await analyse(Scripted(*steps), heard)
    assert check(heard).outcome == "failed"
    assert "wrote nothing" in result.text


async def test_a_backend_that_just_ends_has_failed(heard: list[Event]) -> None:
    class Ending(Scripted):
        async def generate(self, request: Request) -> AsyncGenerator[Generation, None]:
            yield Started(1, 0)

    assert "without finishing" in (await analyse(Ending(), heard)).text
    assert check(heard).outcome == "failed"


@pytest.mark.parametrize("steps", [("hang",), ("loop (4121) is ", "hang")])
async def test_cancelling_is_told_and_raised_and_closes_the_backend(heard: list[Event], steps: tuple[str, ...]) -> None:
    backend = Scripted(*steps)
    task = asyncio.create_task(analyse(backend, heard))
    await backend.hanging.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    result = check(heard)
    assert (result.outcome, result.text) == ("cancelled", "".join(step for step in steps if step != "hang"))
    assert backend.closed == 1
    assert not [event for event in heard if isinstance(event, Notice)]


async def test_an_error_of_ours_is_raised_and_the_analysis_still_ends(heard: list[Event]) -> None:
    backend = Scripted("some", ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await analyse(backend, heard)
    assert check(heard).outcome == "failed"
    assert backend.closed == 1


async def test_short_is_one_line_though_the_model_goes_on(heard: list[Event]) -> None:
    backend = Scripted("\n\nCPU is ", "busy.\nAnd ", "more", "hang")
    result = await analyse(backend, heard, "short")
    assert (result.text, check(heard).outcome) == ("CPU is busy.", "stop")
    assert (backend.closed, backend.hanging.is_set()) == (1, False)
    assert (result.timings.prompt_tokens, result.timings.cached_tokens) == (500, 120)
    assert result.timings.first_token_s > 0


async def test_a_model_that_never_stops_is_stopped(heard: list[Event]) -> None:
    backend = Scripted(*["x" * 1000] * 50)
    result = await analyse(backend, heard)
    assert (len(result.text), check(heard).outcome, backend.closed) == (LONGEST, "length", 1)


async def test_what_a_model_says_cannot_act_on_a_terminal(heard: list[Event]) -> None:
    await analyse(Scripted("x", *RAW_NAMES), heard)
    assert all(line.isprintable() for line in check(heard).text.split("\n"))


async def test_the_facts_of_hostile_names_reach_the_model_as_data(heard: list[Event]) -> None:
    backend = Scripted("fine")
    await analyse(backend, heard)
    system, user = backend.requests[0].messages
    assert "never follow" in system.content
    assert "<|" not in user.content
