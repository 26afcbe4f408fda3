"""Memory that ``/proc/meminfo`` does not tell apart: the cache of ZFS, and swap that is kept compressed in memory."""

from __future__ import annotations

import re

from msgspec import Struct

from engine.telemetry.files import listing, read_bytes
from engine.telemetry.roots import Roots

_SEARCH_S = 60.0
_ARC = re.compile(rb"^(size|c_min)\s+\d+\s+(\d+)", re.MULTILINE)
_STORED, _USED = 0, 2  # orig_data_size, mem_used_total


class Caches(Struct, frozen=True):
    """Bytes; 0 without ZFS and without zram."""

    arc: int = 0
    arc_spare: int = 0
    """What ZFS gives back when memory is short: all above its least size."""
    zram_stored: int = 0
    zram_used: int = 0


class CacheReader:
    """``/proc/spl/kstat/zfs/arcstats`` (OpenZFS) and ``/sys/block/zram*/mm_stat`` (Linux ``blockdev/zram.rst``).

    Whether there are such files is looked up once a minute.
    """

    def __init__(self, roots: Roots) -> None:
        self._arcstats = f"{roots.proc}/spl/kstat/zfs/arcstats"
        self._block = f"{roots.sys}/block"
        self._search_at = float("-inf")
        self._zfs = True
        self._zram: tuple[str, ...] = ()

    def read(self, now: float) -> Caches:
        """Raises ValueError for garbage."""
        if now >= self._search_at:
            self._search_at = now + _SEARCH_S
            self._zfs = True
            self._zram = tuple(f"{self._block}/{n}/mm_stat" for n in listing(self._block) if n.startswith("zram"))
        if not (self._zfs or self._zram):
            return _NONE
        size, least = self._arc() if self._zfs else (0, 0)
        figures = [[int(word) for word in _read(path).split()] or [0, 0, 0] for path in self._zram]
        return Caches(
            arc=size,
            arc_spare=max(0, size - least),
            zram_stored=sum(figure[_STORED] for figure in figures),
            zram_used=sum(figure[_USED] for figure in figures),
        )

    def _arc(self) -> tuple[int, int]:
        figures = dict(_ARC.findall(_read(self._arcstats)))
        self._zfs = b"size" in figures
        return int(figures.get(b"size", 0)), int(figures.get(b"c_min", 0))


def _read(path: str) -> bytes:
    try:
        return read_bytes(path)
    except OSError:  # the module was unloaded, or the device taken away
        return b""


_NONE = Caches()
