"""A reader in a thread of its own, for sources that may hang: whoever asks gets the last value and is never stuck."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from engine.telemetry.reader import Reader, reason

T = TypeVar("T")

PATIENCE_S = 5.0
"""A reading that takes longer costs a note."""
_COURTESY_S = 0.05
"""How long a reading that has just begun is waited for, so that what is shown is usually fresh."""


class Apart(Generic[T]):
    """Wraps a reader; a reading is begun at each :meth:`read` unless the one before is still under way.

    With a ``period`` it is begun only so many seconds after the one before, and never waited for: for what is dear.
    """

    def __init__(
        self,
        what: str,
        reader: Reader[T],
        empty: T,
        clock: Callable[[], float] = time.monotonic,
        period: float = 0.0,
    ) -> None:
        self._what = what
        self._reader = reader
        self._clock = clock
        self._period = period
        self._value = empty
        self._said: tuple[str, ...] = ()
        self._since = 0.0
        self._begin = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._answered = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None
        self.notes: tuple[str, ...] = ()

    def read(self, now: float) -> T:
        """The last value; waits for a fresh one at most a blink, and not at all for the first or a late one."""
        first = self._thread is None
        if self._idle.is_set() and (first or now - self._since >= self._period):
            self._ask(now)
            if not first and not self._period:
                self._idle.wait(_COURTESY_S)
        late = not self._idle.is_set() and now - self._since > PATIENCE_S
        self.notes = self._said
        if late:
            self.notes += (
                f"{self._what} has not answered for {now - self._since:.0f} s; its figures are from before.",
            )
        return self._value

    def settle(self, timeout: float) -> bool:
        """Wait for the first answer; false if there was none in ``timeout`` seconds. What was never read is not."""
        return self._thread is None or self._answered.wait(timeout)

    def close(self) -> None:
        """End the thread once it returns from its driver; one that never does dies with the process."""
        self._closed = True
        self._begin.set()

    def _ask(self, now: float) -> None:
        self._since = now
        self._idle.clear()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="telltop-apart", daemon=True)
            self._thread.start()
        self._begin.set()

    def _run(self) -> None:
        while True:
            self._begin.wait()
            self._begin.clear()
            if self._closed:
                return
            try:
                self._value = self._reader.read(self._clock())
            except (OSError, ValueError, LookupError, OverflowError) as error:
                self._said = (f"{self._what} could not be read: {reason(error)}.",)
            else:
                self._said = self._reader.notes
            self._answered.set()
            self._idle.set()
