"""The greedy text of a request is the same alone, in company, after a neighbour's cancel and with a kept prefix."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.inference.llama import LlamaEngine
from engine.inference.protocol import Finished, Priority, Request
from tests.tiny_gguf import write_tiny_gguf

from .conftest import Start, Text, collect, request, running

SYSTEM = "You explain what a node is doing. " * 8


async def test_a_kept_prefix_spares_reading_and_changes_nothing(engine: LlamaEngine) -> None:
    cold = await collect(engine, request("why?", system=SYSTEM))
    warm = await collect(engine, request("why?", system=SYSTEM))
    assert cold.started is not None
    assert warm.started is not None
    assert cold.started.cached_tokens == 0
    assert warm.started.cached_tokens == warm.started.prompt_tokens - 1
    assert warm.text == cold.text
    assert warm.finished is not None
    assert warm.finished.timings.cached_tokens == warm.started.cached_tokens


async def test_a_conversation_reads_only_what_is_new(engine: LlamaEngine) -> None:
    await collect(engine, request("one", system=SYSTEM))
    second = await collect(engine, request("two", system=SYSTEM))
    assert second.started is not None
    assert len(SYSTEM) <= second.started.cached_tokens < second.started.prompt_tokens


async def test_a_prefix_is_shared_with_a_text_that_is_being_written(engine: LlamaEngine, tiny_gguf: Path) -> None:
    alone = await first_in_a_new_engine(tiny_gguf, request("two", system=SYSTEM))
    async with aclosing(engine.generate(request("one", system=SYSTEM, tokens=100_000))) as busy:
        await anext(busy)  # its prompt has been read
        shared = await collect(engine, request("two", system=SYSTEM, priority=Priority.CONSOLE))
        assert shared.started is not None
        assert shared.started.cached_tokens >= len(SYSTEM)
        assert shared.text == alone.text
        assert not isinstance(await anext(busy), Finished)


async def test_a_prefix_that_two_bring_at_once_is_read_once(start: Start, tiny_gguf: Path) -> None:
    wanted = [
        request(f"{n}" * 20, system=SYSTEM, tokens=30, priority=priority)
        for n, priority in enumerate((Priority.CLIENT, Priority.ANALYSIS, Priority.CONSOLE, Priority.CLIENT))
    ]
    alone = [await first_in_a_new_engine(tiny_gguf, each) for each in wanted]
    engine = await start(tiny_gguf)
    together = await asyncio.gather(*(collect(engine, each) for each in wanted))
    assert [text.text for text in together] == [text.text for text in alone]
    cached = sorted(text.started.cached_tokens for text in together if text.started)
    assert cached[0] == 0
    assert all(count >= len(SYSTEM) for count in cached[1:])


async def test_who_waits_for_a_prefix_reads_it_when_its_reader_is_cancelled(start: Start, tmp_path: Path) -> None:
    slow = write_tiny_gguf(tmp_path / "wide.gguf", width=256, layers=8)
    wanted = request("b", system="s" * 3000, tokens=10)
    alone = await first_in_a_new_engine(slow, wanted)
    engine = await start(slow)
    for _ in range(3):
        leader = asyncio.create_task(collect(engine, request("a", system="s" * 3000, tokens=10)))
        await asyncio.sleep(0)
        follower = asyncio.create_task(collect(engine, wanted))
        await asyncio.sleep(0)
        leader.cancel()
        assert (await follower).text == alone.text
        await asyncio.gather(leader, return_exceptions=True)


async def test_a_slot_that_knows_something_else_is_not_overwritten_while_another_is_empty(engine: LlamaEngine) -> None:
    analysis = request("a" * 400, system=SYSTEM)
    await collect(engine, analysis)
    await collect(engine, request("why?", system=SYSTEM, priority=Priority.CONSOLE))
    again = await collect(engine, analysis)
    assert again.started is not None
    assert again.started.cached_tokens == again.started.prompt_tokens - 1


async def test_texts_that_do_not_fit_together_wait_for_one_another(start: Start, tiny_gguf: Path) -> None:
    """Three texts of 400 tokens in a context of 512: some must lose their place, and none may notice."""
    wanted = [request(f"{n}" * 150, tokens=250) for n in range(3)]
    alone = [await first_in_a_new_engine(tiny_gguf, each) for each in wanted]
    engine = await start(tiny_gguf, context=512, slots=3)
    together = await asyncio.gather(*(collect(engine, each) for each in wanted))
    assert [text.text for text in together] == [text.text for text in alone]


async def first_in_a_new_engine(path: Path, wanted: Request) -> Text:
    async with running(path) as engine:
        return await collect(engine, wanted)


Step = tuple[str, int, int, bool]
steps = st.lists(
    st.tuples(
        st.sampled_from(["", SYSTEM[:60], SYSTEM, "Say little. "]),  # which beginning it shares with others
        st.integers(0, 700),  # characters of its own
        st.integers(1, 60),  # tokens to write
        st.booleans(),  # whether it is cancelled on the way
    ),
    min_size=1,
    max_size=8,
)


def wanted_by(step: Step, number: int) -> Request:
    system, length, tokens, _ = step
    return request(f"{number}" + "q" * length, system=system, tokens=tokens, priority=Priority(number % 3))


@settings(
    max_examples=int(os.environ.get("TELLTOP_SCHEDULES", "40")),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(schedule=steps)
def test_a_text_does_not_depend_on_its_company(tiny_gguf: Path, schedule: list[Step]) -> None:
    asyncio.run(_check(tiny_gguf, schedule))


async def _check(path: Path, schedule: list[Step]) -> None:
    requests = [wanted_by(step, number) for number, step in enumerate(schedule)]
    async with running(path, slots=1, context=1024) as engine:
        alone = [await collect(engine, each) for each in requests]
    async with running(path, slots=4, context=1024) as engine:
        tasks = []
        for each, step in zip(requests, schedule, strict=True):
            tasks.append(asyncio.create_task(collect(engine, each)))
            await asyncio.sleep(0)
            if step[3]:
                await asyncio.sleep(0)
                tasks[-1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task, expected, step in zip(tasks, alone, schedule, strict=True):
            if not step[3]:
                assert task.result().text == expected.text
                assert task.result().finished is not None
        for each, expected in zip(requests, alone, strict=True):  # and again, with whatever has been kept
            assert (await collect(engine, each)).text == expected.text
