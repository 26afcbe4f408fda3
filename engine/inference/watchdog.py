"""Watching the memory of the node for a model's sake: it gives way before the node suffers, and comes back after."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import psutil

from engine.units import size as readable

INTERVAL_S = 60.0
READINGS = 3
"""Readings in a row before anything is done."""


class Unloadable(Protocol):
    """A model that can give its memory back."""

    def unload(self, reason: str, *, hold: bool = False) -> None:
        """See :meth:`engine.inference.llama.LlamaEngine.unload`."""

    def load(self) -> None:
        """See :meth:`engine.inference.llama.LlamaEngine.load`."""


def ram_in_use() -> int:
    """Bytes of the node's memory that cannot be had without swapping: ``MemTotal - MemAvailable``."""
    now = psutil.virtual_memory()
    return int(now.total - now.available)


class Watchdog:
    """Unloads a model after ``readings`` readings over the threshold, and loads it again when there is room for it."""

    def __init__(
        self,
        model: Unloadable,
        *,
        threshold: int,
        needs: Callable[[], int],
        tell: Callable[[str], None],
        read: Callable[[], int] = ram_in_use,
        what: str = "memory",
        interval_s: float = INTERVAL_S,
        readings: int = READINGS,
    ) -> None:
        """``threshold`` is in bytes in use, as ``read`` tells them; ``needs`` tells what the model takes of them.

        ``tell`` gets a sentence each time that the model goes or comes, in the watchdog's thread. ``what`` is watched,
        as a person calls it: memory, or the memory of a GPU.
        """
        self._model = model
        self._threshold = threshold
        self._needs = needs
        self._tell = tell
        self._read = read
        self._what = what
        self._interval_s = interval_s
        self._readings = readings
        self._run = 0
        self._away = False
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def observe(self, used: int) -> None:
        """Take one reading into account; :meth:`start` does so by itself."""
        limit = self._threshold - self._needs() if self._away else self._threshold
        against = used <= limit if self._away else used > limit
        self._run = self._run + 1 if against else 0
        if self._run < self._readings:
            return
        self._run = 0
        self._away = not self._away
        if self._away:
            sentence = (
                f"{readable(used)} of {self._what} are in use, more than the {readable(self._threshold)} that are "
                "allowed: the model has been unloaded until there is room."
            )
            self._model.unload(sentence, hold=True)
        else:
            sentence = f"{readable(used)} of {self._what} are in use: there is room for the model again, it is loaded."
            self._model.load()
        self._tell(sentence)

    def start(self) -> None:
        """Begin to read; a second call does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="telltop-watchdog", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread; may be called again."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._ending.wait(self._interval_s):
            self.observe(self._read())
