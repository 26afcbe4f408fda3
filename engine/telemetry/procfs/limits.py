"""What a container may use of its host: cgroup limits of processor time and memory, versions 2 and 1.

Read at the top of the mounted hierarchy. On a host that is the true root, which has no limits; in a container it is
the container's own group. (Linux ``Documentation/admin-guide/cgroup-v2.rst``, ``cgroup-v1/memory.rst``,
``scheduler/sched-bwc.rst``.)
"""

from __future__ import annotations

from engine.snapshot import CpuQuota, MemoryLimit
from engine.telemetry.files import read_bytes
from engine.telemetry.reader import per_second, share
from engine.telemetry.roots import Roots

_SEARCH_S = 30.0  # limits are changed seldom, by an administrator


def _words(path: str) -> list[bytes]:
    try:
        return read_bytes(path).split()
    except OSError:
        return []


def _table(path: str) -> dict[bytes, int]:
    """``key number`` lines; empty where the file is absent. Raises ValueError for garbage."""
    words = _words(path)
    return {key: int(figure) for key, figure in zip(words[::2], words[1::2], strict=True)}


class QuotaReader:
    """``cpu.max`` and ``cpu.stat``; in version 1 ``cpu.cfs_quota_us``, ``cpu.cfs_period_us`` and ``cpu.stat``."""

    def __init__(self, roots: Roots) -> None:
        self._top = f"{roots.sys}/fs/cgroup"
        self._search_at = float("-inf")
        self._cores: float | None = None
        self._stat = ""
        self._before: tuple[float, int, int, float] | None = None

    def read(self, now: float) -> CpuQuota | None:
        """``None`` where there is no limit. Raises ValueError for garbage."""
        if now >= self._search_at:
            self._search_at = now + _SEARCH_S
            self._cores = self._find()
        if self._cores is None:
            self._before = None
            return None
        figures = _table(self._stat)
        periods, throttled = figures.get(b"nr_periods", 0), figures.get(b"nr_throttled", 0)
        held = figures[b"throttled_usec"] / 1e6 if b"throttled_usec" in figures else 0.0
        held = figures[b"throttled_time"] / 1e9 if b"throttled_time" in figures else held
        last, old_periods, old_throttled, old_held = self._before or (now, periods, throttled, held)
        self._before = (now, periods, throttled, held)
        return CpuQuota(
            cores=self._cores,
            throttled_percent=share(throttled - old_throttled, periods - old_periods),
            throttled_s=per_second(held, old_held, now - last),
        )

    def _find(self) -> float | None:
        words = _words(f"{self._top}/cpu.max")
        self._stat = f"{self._top}/cpu.stat"
        if not words:
            folder = f"{self._top}/cpu"
            words = _words(f"{folder}/cpu.cfs_quota_us") + _words(f"{folder}/cpu.cfs_period_us")
            self._stat = f"{folder}/cpu.stat"
        if len(words) != 2 or words[0] == b"max" or int(words[0]) <= 0:
            return None
        return int(words[0]) / int(words[1]) if int(words[1]) > 0 else None


class LimitReader:
    """``memory.max``, ``memory.current`` and ``memory.stat``; in version 1 the files of the ``memory`` controller."""

    def __init__(self, roots: Roots) -> None:
        self._two = f"{roots.sys}/fs/cgroup"
        self._one = f"{self._two}/memory"
        self._search_at = float("-inf")
        self._limit: int | None = None
        self._used = self._stat = ""

    def read(self, now: float, total_bytes: int) -> MemoryLimit | None:
        """``None`` where there is no limit below the node's own memory. Raises ValueError for garbage."""
        if now >= self._search_at:
            self._search_at = now + _SEARCH_S
            self._limit = self._find()
        if self._limit is None or self._limit >= total_bytes:
            return None
        used = _words(self._used)
        if not used:
            return None
        figures = _table(self._stat)
        cache = figures.get(b"total_inactive_file", figures.get(b"inactive_file", 0))
        current = int(used[0])
        return MemoryLimit(limit_bytes=self._limit, used_bytes=max(0, current - cache), cache_bytes=min(cache, current))

    def _find(self) -> int | None:
        words = _words(f"{self._two}/memory.max")
        self._used, self._stat = f"{self._two}/memory.current", f"{self._two}/memory.stat"
        if not words:
            words = _words(f"{self._one}/memory.limit_in_bytes")
            self._used, self._stat = f"{self._one}/memory.usage_in_bytes", f"{self._one}/memory.stat"
        return int(words[0]) if words and words[0] != b"max" else None
