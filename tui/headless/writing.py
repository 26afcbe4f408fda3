"""Who writes the words of a command, and how they are passed on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from engine.config import Config
from engine.errors import ModelError
from engine.events import AnalysisDelta, AnalysisFinished, AnswerDelta, AnswerFinished, Event, ModelChanged, Notice
from engine.inference.backends import make
from engine.inference.narrator import Narrator
from engine.inference.protocol import Backend
from engine.node import Listener
from engine.report import Analysis, Answer
from tui.headless.output import progress

Write = Callable[[bytes], Awaitable[None]]


@asynccontextmanager
async def writer(config: Config) -> AsyncIterator[Backend]:
    """The model, ready, or the rules narrator if none was asked for. Raises ModelError if the model is unusable."""
    loop = asyncio.get_running_loop()
    changes: asyncio.Queue[ModelChanged] = asyncio.Queue()

    def changed(change: ModelChanged) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(changes.put_nowait, change)

    engine = await asyncio.to_thread(make, config, changed)
    if engine is None:
        yield Narrator()
        return
    name = config.model.name if config.model is not None else engine.model
    progress(f"{'connecting to' if engine.source == 'remote' else 'loading'} {name}")
    engine.start()
    try:
        while (change := await changes.get()).state != "ready":
            if change.state == "failed":
                raise ModelError(change.detail)
        yield engine
    finally:
        await asyncio.to_thread(engine.close)


async def put(write: Write | None, work: Callable[[Listener], Awaitable[object]]) -> tuple[Analysis | Answer, str]:
    """Have ``work`` write a text, and pass on its words as they come.

    Returns the text, and a sentence that says why it is not whole, if so.
    """
    said: asyncio.Queue[Event | None] = asyncio.Queue()
    task = asyncio.ensure_future(work(said.put_nowait))
    task.add_done_callback(lambda _: said.put_nowait(None))
    finished: Analysis | Answer | None = None
    notices: list[str] = []
    try:
        while (event := await said.get()) is not None:
            match event:
                case AnalysisDelta(text=piece) | AnswerDelta(text=piece) if write:
                    await write(piece.encode())
                case AnalysisFinished(analysis=whole) | AnswerFinished(answer=whole):
                    finished = whole
                case Notice(text=sentence):
                    notices.append(sentence)
                case _:
                    pass
        await task
    finally:
        task.cancel()
    assert finished is not None, "every text ends with an event that says so"
    if finished.outcome in {"stop", "length"}:
        return finished, ""
    return finished, " ".join(notices) or "The text could not be written to its end."
