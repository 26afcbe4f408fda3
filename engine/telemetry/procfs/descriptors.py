"""Open files of processes against their limits, from ``/proc/PID/fd`` and ``/proc/PID/limits`` (proc_pid_fd(5)).

Since Linux 6.2 the size of the folder ``fd`` is the number of open files; before, its entries are counted. A pass looks
at what is new, at what had many, and at a slice of the rest, so that it costs about the same on a node of any size.
"""

from __future__ import annotations

import heapq
import os
from contextlib import suppress
from itertools import islice
from operator import attrgetter

from engine.snapshot import OpenFiles
from engine.telemetry.files import read_bytes
from engine.telemetry.reader import Plain
from engine.telemetry.roots import Roots

PERIOD_S = 2.0
MOST = 16
_MANY = 64
"""From here on a process is looked at in every pass, and its limit is read."""
_SLICE = 256
_LINE = b"Max open files"


class DescriptorReader(Plain):
    """Finds the processes with the most open files."""

    def __init__(self, roots: Roots) -> None:
        self._proc = str(roots.proc)
        self._counts: dict[int, int] = {}
        self._next = 0

    def read(self, now: float) -> tuple[OpenFiles, ...]:
        """The processes with the most, at most 16, none with fewer than 64. Raises OSError where there is no /proc."""
        pids = [int(name) for name in os.listdir(self._proc) if name.isdecimal()]  # noqa: PTH208 - three times as fast
        known = self._counts
        many = [pid for pid in pids if known.get(pid, 0) >= _MANY]
        new = [pid for pid in pids if pid not in known][: 4 * _SLICE]
        self._next = self._next + _SLICE if self._next + _SLICE < len(pids) else 0
        looked_at = {*many, *new, *islice(pids, self._next, self._next + _SLICE)}
        self._counts = {
            pid: self._count(pid) if pid in looked_at else known[pid]
            for pid in pids
            if pid in known or pid in looked_at
        }
        found = ((pid, count) for pid, count in self._counts.items() if count >= _MANY)
        told = [OpenFiles(pid, count, self._limit(pid)) for pid, count in found]
        nearest = heapq.nlargest(MOST // 2, told, key=attrgetter("percent"))
        most = heapq.nlargest(MOST // 2, told, key=attrgetter("count"))
        return tuple(dict.fromkeys([*nearest, *most]))

    def _count(self, pid: int) -> int:
        """0 where it may not be seen, or has ended."""
        folder = f"{self._proc}/{pid}/fd"
        with suppress(OSError):
            return os.stat(folder).st_size or len(os.listdir(folder))  # noqa: PTH116, PTH208 - twice as fast
        return 0

    def _limit(self, pid: int) -> int | None:
        with suppress(OSError, ValueError, IndexError):
            for line in read_bytes(f"{self._proc}/{pid}/limits").splitlines():
                if line.startswith(_LINE):
                    return int(line.removeprefix(_LINE).split()[0])
        return None
