"""Questions and answers: event order, what is remembered, and what is not."""

from __future__ import annotations

import asyncio

import pytest

from engine.analysis.console import MOST_TURNS, Conversation
from engine.errors import GenerationError
from engine.events import AnswerDelta, AnswerFinished, AnswerStarted, Event, Notice
from engine.inference.narrator import Narrator
from engine.inference.protocol import Backend, Briefing, Failed, Priority
from engine.report import Answer
from tests.engine.analysis.conftest import FAILURES, TIMINGS, Scripted
from tests.engine.findings.scenes import SCENES
from tests.engine.strategies import findings_of

SNAPSHOT = SCENES[1].at(0)
FINDINGS = findings_of(SNAPSHOT)


async def ask(talk: Conversation, backend: Backend, heard: list[Event], question: str = "why?") -> Answer:
    briefing = Briefing(SNAPSHOT, FINDINGS, "answer", question)
    return await talk.ask(backend, briefing, identity="q1", degraded=True, emit=heard.append)


def check(heard: list[Event]) -> Answer:
    told = [event for event in heard if not isinstance(event, Notice)]
    first, *deltas, last = told
    assert isinstance(first, AnswerStarted)
    assert isinstance(last, AnswerFinished)
    assert "".join(delta.text for delta in deltas if isinstance(delta, AnswerDelta)) == last.answer.text
    assert all(isinstance(delta, AnswerDelta) for delta in deltas)
    assert (first.id, first.question) == (last.answer.id, last.answer.question)
    return last.answer


async def test_the_narrator_answers(heard: list[Event]) -> None:
    talk = Conversation()
    answer = await ask(talk, Narrator(), heard, "why is load high?")
    assert answer == check(heard)
    assert (answer.source, answer.outcome, answer.degraded) == ("rules", "stop", True)
    assert "loop (4121)" in answer.text
    assert answer.grounding.grounded == answer.grounding.claims > 3
    assert talk.turns == (("why is load high?", answer.text),)


async def test_the_conversation_goes_with_the_next_question(heard: list[Event]) -> None:
    talk, backend = Conversation(), Scripted("Because of loop (4121).")
    await ask(talk, backend, heard)
    await ask(talk, backend, [], "and who started it?")
    first, second = backend.requests
    assert [message.role for message in first.messages] == ["system", "user"]
    assert [message.content for message in second.messages[1:3]] == ["why?", "Because of loop (4121)."]
    assert second.messages[-1].content.endswith("and who started it?")
    assert second.priority is Priority.CONSOLE
    assert check(heard).timings == TIMINGS


async def test_a_cancelled_answer_is_remembered_as_far_as_it_went(heard: list[Event]) -> None:
    talk, backend = Conversation(), Scripted("Because ", "hang")
    task = asyncio.create_task(ask(talk, backend, heard))
    await backend.hanging.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert check(heard).outcome == "cancelled"
    assert talk.turns == (("why?", "Because "),)
    assert backend.closed == 1


async def test_one_cancelled_before_its_first_word_is_not(heard: list[Event]) -> None:
    talk, backend = Conversation(), Scripted("hang")
    task = asyncio.create_task(ask(talk, backend, heard))
    await backend.hanging.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (check(heard).text, talk.turns) == ("", ())


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_failure_is_told_but_not_remembered(heard: list[Event], failure: Failed | GenerationError) -> None:
    talk = Conversation()
    answer = await ask(talk, Scripted(failure), heard)
    assert check(heard).outcome == "failed"
    assert (answer.text, talk.turns) == ("The model ran out of memory. Use a smaller one.", ())
    assert Notice(answer.text, "error") in heard


async def test_forgetting_begins_anew_also_while_an_answer_is_written(heard: list[Event]) -> None:
    talk, backend = Conversation(), Scripted("Because ", "hang")
    await ask(talk, Narrator(), [])
    task = asyncio.create_task(ask(talk, backend, heard))
    await backend.hanging.wait()
    talk.forget()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert talk.turns == ()


async def test_what_is_remembered_is_bounded() -> None:
    talk = Conversation()
    for number in range(MOST_TURNS + 5):
        await ask(talk, Scripted("x"), [], str(number))
    assert [question for question, _ in talk.turns] == [str(number) for number in range(5, MOST_TURNS + 5)]
