"""Block devices, from ``/proc/diskstats`` (Linux ``Documentation/admin-guide/iostats.rst``).

Every byte is counted once, so that the devices may be summed. Left out are therefore partitions (part of their disk),
devices stacked on others (device-mapper, md, bcache: ``/sys/block/NAME/slaves`` is not empty; the disks below them
carry the same bytes), loop devices (their file lies on a disk), hidden paths of a multipath NVMe disk, and RAM disks
and zram, which are memory. A device that has done nothing since boot (an empty optical drive) is left out too.
"""

from __future__ import annotations

import re

from engine.snapshot import Disk
from engine.telemetry.files import listing, read_bytes, read_number
from engine.telemetry.reader import Plain, per_second, share
from engine.telemetry.roots import Roots
from engine.text import inert

_SECTOR = 512  # bytes: the unit of diskstats whatever the device's own sector is
_NOT_DISKS = re.compile(r"(loop|ram|zram)\d+")
_PARTITION = re.compile(r"((sd|hd|vd|xvd)[a-z]+\d+|(nvme\d+(c\d+)?n|mmcblk|nbd|md|pmem)\d+p\d+)")
# columns of a line after the name
_READS, _READ_SECTORS, _READ_MS, _WRITES, _WRITTEN_SECTORS, _WRITE_MS, _IN_FLIGHT, _BUSY_MS, _WAITED_MS = (
    0, 2, 3, 4, 6, 7, 8, 9, 10,
)  # fmt: skip
_COUNTED = (_READS, _READ_SECTORS, _WRITES, _WRITTEN_SECTORS, _BUSY_MS, _READ_MS, _WRITE_MS, _WAITED_MS, _IN_FLIGHT)
_DOINGS = 5  # of these the ones that are not waiting: an empty optical drive has none

Counters = tuple[int, ...]


def parse(raw: bytes) -> dict[str, Counters]:
    """The columns of each device in the order of ``_COUNTED``. Raises ValueError for garbage."""
    devices = {}
    for line in raw.splitlines():
        words = line.split()
        if len(words) < 14:  # partitions had four figures before 2.6.25
            continue
        figures = [int(word) for word in words[3:14]]
        devices[words[2].decode("utf-8", "backslashreplace")] = tuple(figures[column] for column in _COUNTED)
    return devices


def _disk(name: str, new: Counters, old: Counters, interval: float) -> Disk:
    reads, read, writes, written, busy, read_ms, write_ms, waited = (
        per_second(n, o, interval) for n, o in zip(new[:-1], old[:-1], strict=True)
    )
    return Disk(
        inert(name),
        read * _SECTOR,
        written * _SECTOR,
        reads,
        writes,
        busy_percent=share(busy, 1000),
        read_await_ms=read_ms / reads if reads else None,
        write_await_ms=write_ms / writes if writes else None,
        queue=waited / 1000,
        in_flight=new[-1],
    )


class DiskReader(Plain):
    """Rates of every disk; one that has just appeared begins at 0."""

    def __init__(self, roots: Roots) -> None:
        self._path = f"{roots.proc}/diskstats"
        self._block = f"{roots.sys}/block"
        self._before: dict[str, Counters] = {}
        self._last = 0.0
        self._seen: frozenset[str] = frozenset()
        self._whole: frozenset[str] = frozenset()

    def read(self, now: float) -> tuple[Disk, ...]:
        """Raises OSError, or ValueError for garbage."""
        counters = parse(read_bytes(self._path))
        if counters.keys() != self._seen:  # what stands on what changes only when a device comes or goes
            self._seen = frozenset(counters)
            self._whole = self._disks(self._seen)
        interval = now - self._last
        disks = [
            _disk(name, new, self._before.get(name, new), interval)
            for name, new in counters.items()
            if name in self._whole and any(new[:_DOINGS])
        ]
        self._before, self._last = counters, now
        return tuple(disks)

    def _disks(self, names: frozenset[str]) -> frozenset[str]:
        known = {name.replace("!", "/") for name in listing(self._block)}  # sysfs cannot have / in a name
        whole = names & known if known else frozenset(name for name in names if not _PARTITION.fullmatch(name))
        return frozenset(name for name in whole if not _NOT_DISKS.match(name) and not self._stacked(name))

    def _stacked(self, name: str) -> bool:
        folder = f"{self._block}/{name.replace('/', '!')}"
        return bool(listing(f"{folder}/slaves")) or read_number(f"{folder}/hidden") == 1
