"""A backend that says what a test tells it to, and a listener that keeps what it hears."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest

from engine.errors import GenerationError
from engine.events import Event
from engine.inference.protocol import Delta, Failed, Finished, Generation, Request, Started
from engine.report import Source, Timings

TIMINGS = Timings(prompt_tokens=500, cached_tokens=120, completion_tokens=7, first_token_s=0.2, decode_tokens_s=60.0)


class Scripted:
    """Plays ``steps``: texts as deltas, generations as they are, errors raised, ``"hang"`` waits to be cancelled."""

    def __init__(self, *steps: str | Generation | Exception) -> None:
        self.steps: Sequence[str | Generation | Exception] = steps
        self.requests: list[Request] = []
        self.closed = 0
        self.hanging = asyncio.Event()

    @property
    def source(self) -> Source:
        return "model"

    @property
    def model(self) -> str:
        return "scripted"

    async def generate(self, request: Request) -> AsyncGenerator[Generation, None]:
        self.requests.append(request)
        try:
            yield Started(500, 120)
            for step in self.steps:
                if isinstance(step, Exception):
                    raise step
                if step == "hang":
                    self.hanging.set()
                    await asyncio.Event().wait()
                yield Delta(step) if isinstance(step, str) else step
                if isinstance(step, (Finished, Failed)):
                    return
            yield Finished("stop", TIMINGS)
        finally:
            self.closed += 1


@pytest.fixture
def heard() -> list[Event]:
    return []


FAILURES: tuple[Failed | GenerationError, ...] = (
    Failed("The model ran out of memory. Use a smaller one."),
    GenerationError("The model ran out of memory. Use a smaller one."),
)
