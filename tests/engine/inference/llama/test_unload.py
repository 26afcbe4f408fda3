"""A model that nobody asks is unloaded, and loaded again by the next question; one that is held stays away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.events import ModelChanged
from engine.inference.llama import LlamaEngine
from engine.inference.protocol import Failed
from tests.tiny_gguf import write_tiny_gguf

from .conftest import CACHE, collect, into, request


class Engine:
    """An engine and what it says of itself."""

    def __init__(self, path: Path, idle_s: float | None = None) -> None:
        self.states: asyncio.Queue[ModelChanged] = asyncio.Queue()
        self.engine = LlamaEngine(path, threads=1, cache=CACHE, idle_s=idle_s, on_state=into(self.states))

    async def until(self, *wanted: str) -> ModelChanged:
        while (state := await self.states.get()).state not in wanted:
            pass
        return state

    async def __aenter__(self) -> Engine:
        self.engine.start()
        assert (await self.until("ready", "failed")).state == "ready"
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.engine.close)


async def test_an_idle_model_goes_and_comes_back_with_the_next_question(tiny_gguf: Path) -> None:
    async with Engine(tiny_gguf, idle_s=0.01) as one:
        assert (await one.until("idle")).detail == "The next question loads it again."
        texts = await asyncio.gather(*(collect(one.engine, request(tokens=20)) for _ in range(6)))
        assert len({each.text for each in texts}) == 1
        assert all(each.finished is not None for each in texts)
        await one.until("ready")
        await one.until("idle")
        assert len((await collect(one.engine, request(tokens=20))).text) == 20


async def test_a_model_that_is_unloaded_says_why_and_is_loaded_on_demand(tiny_gguf: Path) -> None:
    async with Engine(tiny_gguf) as one:
        events = one.engine.generate(request(tokens=100_000))
        await anext(events)
        one.engine.unload("Memory is short.")
        assert [each async for each in events][-1] == Failed("Memory is short.")
        assert (await one.until("idle")).detail == "Memory is short."
        assert (await collect(one.engine, request(tokens=3))).finished is not None
        await one.until("ready")


async def test_a_model_that_is_held_stays_away_until_it_may_come_back(tiny_gguf: Path) -> None:
    async with Engine(tiny_gguf) as one:
        one.engine.unload("Memory is short.", hold=True)
        assert (await collect(one.engine, request())).failed == Failed("Memory is short.")
        await one.until("idle")
        assert (await collect(one.engine, request())).failed == Failed("Memory is short.")
        one.engine.load()
        await one.until("ready")
        assert (await collect(one.engine, request(tokens=3))).finished is not None
        one.engine.load()  # it is there: nothing happens, now or at the next unloading
        one.engine.unload("Again.")
        assert (await one.until("idle", "loading")).state == "idle"


async def test_a_model_that_cannot_come_back_says_so_and_may_come_back_later(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "m.gguf")
    async with Engine(path) as one:
        one.engine.unload("Away.")
        await one.until("idle")
        path.rename(tmp_path / "n.gguf")
        refused = (await collect(one.engine, request())).failed
        assert refused is not None
        assert "there is no such file" in refused.sentence
        assert "there is no such file" in (await one.until("idle")).detail
        (tmp_path / "n.gguf").rename(path)
        assert (await collect(one.engine, request(tokens=3))).finished is not None


@pytest.mark.parametrize("reports", range(4))
async def test_unloading_at_any_moment_of_a_load(tiny_gguf: Path, reports: int) -> None:
    one = Engine(tiny_gguf)
    one.engine.start()
    for _ in range(reports):
        await one.states.get()
    one.engine.unload("Not now.")
    if reports < 3:
        assert (await one.until("idle", "ready")).state in {"idle", "ready"}
    await asyncio.to_thread(one.engine.close)


async def test_closing_while_it_is_away(tiny_gguf: Path) -> None:
    async with Engine(tiny_gguf) as one:
        one.engine.unload("Away.")
        await one.until("idle")
        await asyncio.to_thread(one.engine.close)
        assert (await collect(one.engine, request())).failed == Failed("The model has been closed.")
