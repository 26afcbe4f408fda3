"""Writing to a terminal that may not be read: nothing here waits for it, and what it did not take yet is known."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

log = logging.getLogger("telltop")

LATE_S = 0.2
"""Output that has waited for longer than this is late: a line that can keep up takes a frame in a few milliseconds."""
MANY_BYTES = 1 << 17
"""And so is more output than this, several frames of the largest screen, however short it has waited."""
LEAVE_S = 1.0
"""How long the last words may take when telltop leaves."""


class Writer(threading.Thread):
    """Writes to a descriptor in a thread, everything that waits at once.

    It takes the place of Textual's own writer, whose queue of thirty pieces blocks the loop when it is full. Here
    :meth:`write` never blocks; who draws asks :attr:`late` first, leaves out the frame, and is told when it can go on.
    """

    def __init__(self, descriptor: int, encode: Callable[[str], bytes], caught_up: Callable[[], None]) -> None:
        super().__init__(daemon=True, name="telltop-output")
        self._descriptor = descriptor
        self._encode = encode
        self._caught_up = caught_up
        self._changed = threading.Condition()
        self._waiting: list[str] = []
        self._size = 0
        self._since = 0.0
        """When the oldest piece that is not written came."""
        self._asked = False
        self._stopped = False
        self._dead = False
        self.undelivered = False
        """It was stopped before all was written."""

    def write(self, text: str) -> None:
        """Take a piece; returns at once."""
        with self._changed:
            if self._dead or not text:
                return
            if not self._size:
                self._since = time.monotonic()
            self._waiting.append(text)
            self._size += len(text)
            self._changed.notify_all()

    @property
    def late(self) -> bool:
        """The other end does not keep up: draw nothing now. ``caught_up`` is called, in this thread, once it has."""
        with self._changed:
            late = self._size > MANY_BYTES or (self._size > 0 and time.monotonic() - self._since > LATE_S)
            self._asked = self._asked or late
            return late

    @property
    def waiting_bytes(self) -> int:
        """How much waits or is being written, in characters."""
        with self._changed:
            return self._size

    def run(self) -> None:
        """Write until it is stopped and all is written, or until the terminal is gone."""
        while (pieces := self._take()) is not None:
            content = memoryview(self._encode("".join(pieces)))
            try:
                while content:
                    content = content[os.write(self._descriptor, content) :]
            except OSError as error:
                log.info("the terminal is gone: %s", error.strerror or error)
                self._die()
                return
            self._wrote(sum(map(len, pieces)))

    def stop(self) -> None:
        """Let it write what waits, for a while; then leave it behind. What it left is told by :attr:`undelivered`."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self.join(LEAVE_S)
        self.undelivered = self.is_alive()

    def _take(self) -> list[str] | None:
        with self._changed:
            while not self._waiting:
                if self._stopped:
                    return None
                self._changed.wait()
            pieces, self._waiting = self._waiting, []
            return pieces

    def _wrote(self, size: int) -> None:
        with self._changed:
            self._size -= size
            self._since = time.monotonic()
            tell = self._asked and not self._size and not self._stopped
            self._asked = self._asked and not tell
        if tell:
            self._caught_up()

    def _die(self) -> None:
        with self._changed:
            self._dead = True
            self._waiting.clear()
            self._size = 0
