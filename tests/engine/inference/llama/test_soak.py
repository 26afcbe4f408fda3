"""Many requests, many given up: afterwards every slot is free, every text has ended, and memory is as before."""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import aclosing
from pathlib import Path
from typing import Any

import psutil

from engine.inference.llama import LlamaEngine
from engine.inference.protocol import Delta, Failed, Finished, Priority, Request, Started

from .conftest import request, running

REQUESTS = int(os.environ.get("TELLTOP_SOAK", "240"))
SLOTS = 4
GROWTH = 1.02


def any_request(dice: random.Random) -> Request:
    kinds: tuple[dict[str, Any], ...] = (
        {},
        {"temperature": 1.0, "seed": dice.randrange(100)},
        {"top_logprobs": 2},
        {"grammar": "root ::= [a-z]{1,200}"},
        {"json_schema": '{"type": "array", "items": {"type": "integer"}}'},
        {"stop": ("zz",)},
    )
    return request(
        "q" * dice.randrange(900),
        system="s" * dice.choice((0, 100, 400)),
        tokens=dice.randrange(80),
        priority=dice.choice(list(Priority)),
        **dice.choice(kinds),
    )


async def one(engine: LlamaEngine, wanted: Request, most: int | None) -> str:
    """How it ended; ``most`` events are read before it is given up. Checks the order of the events."""
    seen: list[type] = []
    async with aclosing(engine.generate(wanted)) as events:
        async for event in events:
            assert not seen or seen[-1] not in {Finished, Failed}
            assert isinstance(event, Failed) or isinstance(event, Started) == (not seen)
            seen.append(type(event))
            if most is not None and len(seen) > most:
                return "given up"
    assert seen[-1] in {Finished, Failed}
    assert seen[1:-1] == [Delta] * (len(seen) - 2)
    return "failed" if seen[-1] is Failed else "finished"


async def wave(engine: LlamaEngine, dice: random.Random, count: int) -> list[str]:
    tasks = []
    for _ in range(count):
        tasks.append(asyncio.create_task(one(engine, any_request(dice), dice.choice((None, None, 0, 1)))))
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)
        if dice.random() < 0.2:
            dice.choice(tasks).cancel()
    ends = []
    for each in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(each, Exception):  # a cancelled one is no Exception
            raise each
        ends.append(each if isinstance(each, str) else "cancelled")
    return ends


async def test_no_slot_no_event_and_no_memory_is_lost(tiny_gguf: Path) -> None:
    dice = random.Random(7)
    async with running(tiny_gguf, slots=SLOTS, context=2048) as engine:
        await wave(engine, dice, 40)  # what is set aside once is set aside now
        before = psutil.Process().memory_info().rss
        ends: list[str] = []
        while len(ends) < REQUESTS:
            ends += await wave(engine, dice, 24)
        assert psutil.Process().memory_info().rss <= before * GROWTH
        assert {"finished", "given up", "cancelled"} <= set(ends)
        # Every slot is free: as many texts as there are slots are written at once, each seen to begin.
        async with asyncio.TaskGroup() as group:
            begun = [asyncio.Event() for _ in range(SLOTS)]
            everyone = asyncio.Event()
            for each in begun:
                group.create_task(hold(engine, each, everyone))
            for each in begun:
                await each.wait()
            everyone.set()


async def hold(engine: LlamaEngine, begun: asyncio.Event, until: asyncio.Event) -> None:
    """Write until all others have begun as well."""
    async with aclosing(engine.generate(request(tokens=100_000))) as events:
        async for _ in events:
            begun.set()
            if until.is_set():
                return
