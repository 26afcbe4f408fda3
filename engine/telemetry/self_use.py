"""What telltop itself costs the node: the observer is measured like everything else."""

from __future__ import annotations

import os
import time

from engine.snapshot import SelfUse
from engine.telemetry.files import read_bytes
from engine.telemetry.reader import Plain

_STATM = "/proc/self/statm"


class SelfReader(Plain):
    """Processor time of all threads (``process_time``), memory from ``/proc/self/statm`` or, without it, psutil."""

    def __init__(self, statm: str = _STATM) -> None:
        self._statm = statm
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._before: tuple[float, float] | None = None

    def read(self, now: float) -> SelfUse:
        """Raises OSError where neither source can be read."""
        spent = time.process_time()
        last, last_spent = self._before or (now, spent)
        self._before = (now, spent)
        percent = 100.0 * (spent - last_spent) / (now - last) if now > last else 0.0
        return SelfUse(pid=os.getpid(), cpu_percent=percent, rss_bytes=self._rss())

    def _rss(self) -> int:
        try:
            return int(read_bytes(self._statm).split()[1]) * self._page
        except FileNotFoundError:
            import psutil

            return int(psutil.Process().memory_info().rss)
