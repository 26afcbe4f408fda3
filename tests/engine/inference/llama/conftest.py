"""Running the real engine on the tiny model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import pytest

from engine.events import ModelChanged
from engine.inference.llama import LlamaEngine
from engine.inference.protocol import Briefing, Delta, Failed, Finished, Message, Priority, Request, Sampling, Started

from .snapshots import SNAPSHOT

_FOLDER = TemporaryDirectory(prefix="telltop-tests-")
CACHE = Path(_FOLDER.name)
"""What engines of one test run remember of their models: not the operator's own folder."""


def request(
    text: str = "hello",
    *,
    tokens: int = 40,
    priority: Priority = Priority.ANALYSIS,
    system: str = "",
    **sampling: Any,
) -> Request:
    """A greedy request unless ``sampling`` says otherwise."""
    messages = (Message("system", system),) if system else ()
    return Request(
        messages=(*messages, Message("user", text)),
        briefing=Briefing(SNAPSHOT, (), "answer"),
        sampling=Sampling(**{"temperature": 0.0, "max_tokens": tokens, **sampling}),
        priority=priority,
    )


class Text:
    """What one generation came to."""

    def __init__(self) -> None:
        self.text = ""
        self.deltas: list[str] = []
        self.started: Started | None = None
        self.finished: Finished | None = None
        self.failed: Failed | None = None


async def collect(engine: LlamaEngine, wanted: Request) -> Text:
    """Write one text to its end."""
    out = Text()
    async for event in engine.generate(wanted):
        match event:
            case Started():
                out.started = event
            case Delta(text):
                out.text += text
                out.deltas.append(text)
            case Finished():
                out.finished = event
            case Failed():
                out.failed = event
    return out


async def settled(engine: LlamaEngine, states: asyncio.Queue[ModelChanged]) -> ModelChanged:
    """Wait until the engine is ready or has failed."""
    while (state := await states.get()).state not in {"ready", "failed"}:
        pass
    return state


def into(states: asyncio.Queue[ModelChanged]) -> Callable[[ModelChanged], None]:
    """An ``on_state`` that fills the queue of the loop that runs now."""
    loop = asyncio.get_running_loop()

    def tell(state: ModelChanged) -> None:
        loop.call_soon_threadsafe(states.put_nowait, state)

    return tell


@asynccontextmanager
async def running(path: Path, **options: Any) -> AsyncIterator[LlamaEngine]:
    """An engine that is ready; closed afterwards."""
    states: asyncio.Queue[ModelChanged] = asyncio.Queue()
    options = {"threads": 1, "cache_type": "f32", "cache": CACHE, **options}  # exact, so that texts can be compared
    engine = LlamaEngine(path, on_state=into(states), **options)
    engine.start()
    try:
        state = await settled(engine, states)
        assert state.state == "ready", state.detail
        yield engine
    finally:
        await asyncio.to_thread(engine.close)


class Start(Protocol):
    """Starts an engine that is closed after the test."""

    def __call__(self, path: Path, **options: Any) -> Awaitable[LlamaEngine]: ...


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Awaitable[LlamaEngine]]]:
    async with AsyncExitStack() as stack:

        async def begin(path: Path, **options: Any) -> LlamaEngine:
            return await stack.enter_async_context(running(path, **options))

        yield begin


@pytest.fixture
async def engine(tiny_gguf: Path) -> AsyncIterator[LlamaEngine]:
    async with running(tiny_gguf) as ready:
        yield ready
