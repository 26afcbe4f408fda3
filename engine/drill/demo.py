"""The drill as a play: faults come and go on this node while the dashboard shows what telltop makes of them."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from engine.drill.plan import FAULTS, Act
from engine.drill.play import played
from engine.drill.storage import NotHereError

log = logging.getLogger("telltop")

_FIRST_S = 4.0
_HELD_S = 25.0
"""Long enough that it is found and what is written about it is read."""
_LEAK_S = 60.0
_PAUSE_S = 12.0


class Demonstration:
    """Plays faults over and over, in a thread of its own, within a ``with`` block; nothing of them outlives it."""

    def __init__(self, acts: Sequence[Act] = FAULTS, first_s: float = _FIRST_S) -> None:
        self._acts = acts
        self._first_s = first_s
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="telltop-demo", daemon=True)

    def __enter__(self) -> Self:
        self._task = self._loop.create_task(self._play())
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        assert self._task is not None
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        assert self._task is not None
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)

    async def _play(self) -> None:
        await asyncio.sleep(self._first_s)
        while True:
            for act in self._acts:
                try:
                    async with played(act) as playing:
                        playing.go()
                        await asyncio.sleep(max(_HELD_S, min(act.within_s, _LEAK_S)))
                except NotHereError as error:
                    log.info("the demonstration leaves out %s: %s", act.kind, error)
                await asyncio.sleep(_PAUSE_S)
