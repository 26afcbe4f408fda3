"""Engine events into the screen's loop: the only place where a thread meets Textual."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from textual.message import Message

from engine.events import Event, SnapshotTaken


class EngineSpoke(Message):
    """Something waits in the bridge. At most one of these is under way."""

    bubble = False


class Bridge:
    """Takes events from any thread, never blocks; at most one undelivered snapshot, every other event in order.

    ``post`` is Textual's thread-safe ``post_message``. A screen that is slower than the node finds just the newest
    snapshot when it comes to look.
    """

    def __init__(self, post: Callable[[Message], bool]) -> None:
        self._post = post
        self._lock = threading.Lock()
        self._events: deque[Event] = deque()
        self._snapshot: SnapshotTaken | None = None
        self._told = False
        self.skipped = 0
        """Snapshots that a newer one replaced before they were seen."""

    def __call__(self, event: Event) -> None:
        """Take one event."""
        with self._lock:
            if isinstance(event, SnapshotTaken):
                self.skipped += self._snapshot is not None
                self._snapshot = event
            else:
                self._events.append(event)
            told, self._told = self._told, True
        if not told:
            self._post(EngineSpoke())

    def drain(self) -> list[Event]:
        """Everything that waits, the newest snapshot first."""
        with self._lock:
            events = [*self._events] if self._snapshot is None else [self._snapshot, *self._events]
            self._events.clear()
            self._snapshot = None
            self._told = False
        return events
