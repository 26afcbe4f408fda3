"""Memory and swap, from ``/proc/meminfo`` and the swap counters of ``/proc/vmstat``."""

from __future__ import annotations

import os

from engine.snapshot import Memory, OomKill
from engine.telemetry.files import read_bytes
from engine.telemetry.procfs.caches import CacheReader
from engine.telemetry.procfs.kernel_log import oom_kills
from engine.telemetry.procfs.limits import LimitReader
from engine.telemetry.reader import Plain, per_second
from engine.telemetry.roots import Roots

_VMSTAT = (b"pswpin", b"pswpout", b"oom_kill")


def meminfo(raw: bytes) -> dict[bytes, int]:
    """The lines of ``/proc/meminfo`` by their keys, in bytes (its ``kB`` are KiB). Raises ValueError for garbage."""
    figures = {}
    for line in raw.splitlines():
        key, colon, rest = line.partition(b":")
        words = rest.split()
        if colon and words:
            figures[key] = int(words[0]) * (1024 if words[-1] == b"kB" else 1)
    if not figures.get(b"MemTotal"):
        raise ValueError("meminfo has no MemTotal")
    return figures


def available(figures: dict[bytes, int]) -> int:
    """What programs can get without swapping; estimated where the kernel (before 3.14) does not say.

    The estimate counts free memory, buffers, the page cache without shared memory, and slabs that can be reclaimed.
    """
    known = figures.get(b"MemAvailable")
    if known is None:
        cache = max(0, figures.get(b"Cached", 0) - figures.get(b"Shmem", 0))
        known = figures.get(b"MemFree", 0) + figures.get(b"Buffers", 0) + cache + figures.get(b"SReclaimable", 0)
    return min(known, figures[b"MemTotal"])


class MemoryReader(Plain):
    """Reads ``/proc/meminfo``; of ``/proc/vmstat`` the swap rates (``pswpin``, ``pswpout``, pages) and ``oom_kill``.

    Whom the kernel killed is looked up in its log when the count has grown, and once for those from before.
    """

    def __init__(self, roots: Roots) -> None:
        self._meminfo = f"{roots.proc}/meminfo"
        self._vmstat = f"{roots.proc}/vmstat"
        self._kmsg = roots.beside("dev/kmsg")
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._before: tuple[float, int, int] | None = None
        self._kills: int | None = None
        self._killed: tuple[OomKill, ...] | None = None
        self._limit = LimitReader(roots)
        self._caches = CacheReader(roots)

    def read(self, now: float) -> Memory:
        """Raises OSError, or ValueError for garbage."""
        figures = meminfo(read_bytes(self._meminfo))
        vmstat = self._counters()
        swapped_in, swapped_out = vmstat.get(b"pswpin", 0) * self._page, vmstat.get(b"pswpout", 0) * self._page
        last, last_in, last_out = self._before or (now, swapped_in, swapped_out)
        caches = self._caches.read(now)
        total = figures[b"MemTotal"]
        usable = min(total, available(figures) + caches.arc_spare)
        swap_total = figures.get(b"SwapTotal", 0)
        huge = figures.get(b"Hugepagesize", 0)
        kills = vmstat.get(b"oom_kill")
        fresh = max(0, kills - self._kills) if kills is not None and self._kills is not None else 0
        if self._before is not None:  # the first reading only primes the counters, and must be fast
            self._look_up(kills, fresh)
        self._before, self._kills = (now, swapped_in, swapped_out), kills
        return Memory(
            total_bytes=total,
            available_bytes=usable,
            used_bytes=total - usable,
            free_bytes=figures.get(b"MemFree", 0),
            buffers_bytes=figures.get(b"Buffers", 0),
            cached_bytes=figures.get(b"Cached", 0),
            dirty_bytes=figures.get(b"Dirty", 0),
            swap_total_bytes=swap_total,
            swap_used_bytes=max(0, swap_total - figures.get(b"SwapFree", 0)),
            swap_in_bytes_s=per_second(swapped_in, last_in, now - last),
            swap_out_bytes_s=per_second(swapped_out, last_out, now - last),
            shared_bytes=figures.get(b"Shmem", 0),
            slab_bytes=figures.get(b"Slab", 0),
            slab_reclaimable_bytes=figures.get(b"SReclaimable", 0),
            huge_total_bytes=figures.get(b"HugePages_Total", 0) * huge,
            huge_free_bytes=figures.get(b"HugePages_Free", 0) * huge,
            zram_stored_bytes=caches.zram_stored,
            zram_used_bytes=caches.zram_used,
            arc_bytes=caches.arc,
            limit=self._limit.read(now, total),
            oom_kills=kills,
            oom_kills_now=fresh,
            oom_killed=self._killed or (),
        )

    def _counters(self) -> dict[bytes, int]:
        """Those of ``_VMSTAT``; without those that the kernel was built without."""
        try:
            raw = b"\n" + read_bytes(self._vmstat)
        except FileNotFoundError:
            return {}
        found = {}
        for key in _VMSTAT:
            start = raw.find(b"\n" + key + b" ")
            if start >= 0:
                found[key] = int(raw[start + len(key) + 2 :].split(None, 1)[0])
        return found

    def _look_up(self, kills: int | None, fresh: int) -> None:
        if fresh or (kills and self._killed is None):
            try:
                self._killed = oom_kills(self._kmsg)
            except OSError:  # absent in a container, or root's: the count has to do
                self._killed = self._killed or ()
