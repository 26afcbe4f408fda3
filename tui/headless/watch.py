"""``telltop watch``: what happens on the node, as it happens, for programs."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections import deque
from contextlib import suppress

from engine import wire
from engine.config import Config
from engine.events import Event, ModelChanged, Notice, SnapshotTaken
from engine.local_node import LocalNode
from engine.text import inert
from tui.headless.output import Standard
from tui.headless.running import run as run_loop

log = logging.getLogger("telltop")


class Mailbox:
    """Takes events from any thread; a reader that is slow finds the newest snapshot only, and every other event."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._events: deque[Event] = deque()
        self._snapshot: SnapshotTaken | None = None
        self._some = asyncio.Event()

    def __call__(self, event: Event) -> None:
        """Take an event."""
        with self._lock:
            if isinstance(event, SnapshotTaken):
                self._snapshot = event
            else:
                self._events.append(event)
        with suppress(RuntimeError):  # the loop has ended, and nobody reads on
            self._loop.call_soon_threadsafe(self._some.set)

    async def take(self) -> list[Event]:
        """Wait for events, and take all that there are."""
        await self._some.wait()
        self._some.clear()
        with self._lock:
            events: list[Event] = [self._snapshot] if self._snapshot else []
            events += self._events
            self._snapshot = None
            self._events.clear()
        return events


def run(config: Config, seconds: float | None) -> int:
    """Print events until ``seconds`` are over, or for ever; returns the exit code.

    Raises OutputError, TelemetryError, BrokenPipeError.
    """
    return run_loop(lambda: _watch(config, seconds))


async def _watch(config: Config, seconds: float | None) -> int:
    mailbox, standard = Mailbox(), Standard()
    node = LocalNode(config)
    node.start(mailbox)
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    for event in await mailbox.take():
                        await _print(event, standard)
    finally:
        await node.close()
    return 0


async def _print(event: Event, standard: Standard) -> None:
    shape = wire.event(event)
    if shape is not None:
        await standard.write(wire.encode(shape))
    elif isinstance(event, Notice):
        _warn(event.text)
    elif isinstance(event, ModelChanged) and event.state == "failed":
        _warn(event.detail)


def _warn(sentence: str) -> None:
    """Not an event for programs, but nothing that the operator should miss."""
    with suppress(OSError):
        print(f"telltop: {inert(sentence)}", file=sys.stderr, flush=True)
