"""Memory and swap, from ``/proc/meminfo`` and the swap counters of ``/proc/vmstat``."""

from __future__ import annotations

import os

from engine.snapshot import Memory
from engine.telemetry.files import read_bytes
from engine.telemetry.reader import Plain, per_second
from engine.telemetry.roots import Roots


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
    """Reads ``/proc/meminfo``; swap rates from ``pswpin`` and ``pswpout`` (pages) of ``/proc/vmstat``."""

    def __init__(self, roots: Roots) -> None:
        self._meminfo = f"{roots.proc}/meminfo"
        self._vmstat = f"{roots.proc}/vmstat"
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._before: tuple[float, int, int] | None = None

    def read(self, now: float) -> Memory:
        """Raises OSError, or ValueError for garbage."""
        figures = meminfo(read_bytes(self._meminfo))
        swapped_in, swapped_out = self._swapped()
        last, last_in, last_out = self._before or (now, swapped_in, swapped_out)
        self._before = (now, swapped_in, swapped_out)
        total = figures[b"MemTotal"]
        usable = available(figures)
        swap_total = figures.get(b"SwapTotal", 0)
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
        )

    def _swapped(self) -> tuple[int, int]:
        """Bytes swapped in and out since boot; 0 where the kernel was built without these counters."""
        try:
            raw = b"\n" + read_bytes(self._vmstat)
        except FileNotFoundError:
            return 0, 0
        return self._counter(raw, b"\npswpin "), self._counter(raw, b"\npswpout ")

    def _counter(self, raw: bytes, key: bytes) -> int:
        start = raw.find(key)
        return int(raw[start + len(key) :].split(None, 1)[0]) * self._page if start >= 0 else 0
