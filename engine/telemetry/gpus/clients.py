"""Which processes use a GPU and how much, from ``/proc/PID/fdinfo`` (Linux ``Documentation/gpu/drm-usage-stats.rst``).

Which processes have a DRM device open is looked up every 30 s, for it takes a look at every descriptor of the node;
between those only the few files of these are read. Runs in the thread of its GPU's driver.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from msgspec import Struct

from engine.snapshot import GpuProcess
from engine.telemetry.files import read_bytes
from engine.telemetry.roots import Roots

SEARCH_S = 30.0
_MOST_LINKS = 50_000
_MOST_CLIENTS = 512
_LINE = re.compile(rb"^drm-([a-z0-9-]+):\s*([^\n]*?)\s*$", re.MULTILINE)
_UNITS = {b"KiB": 2**10, b"MiB": 2**20}


class Usage(Struct, frozen=True):
    """What one file says; counters since the client was opened."""

    driver: str
    device: str
    """The PCI address."""
    client: bytes
    engines: dict[bytes, tuple[int, int]]
    """By engine: time busy and the time that passed, both 0 where that is the clock's (nanoseconds)."""
    memory: int | None
    """Bytes of the GPU's memory: resident where the driver tells it."""


def parse(raw: bytes) -> Usage | None:
    """``None`` of a file that is none of DRM's. Raises ValueError for garbage."""
    told = dict(_LINE.findall(raw))
    if b"driver" not in told or b"client-id" not in told:
        return None
    engines: dict[bytes, tuple[int, int]] = {}
    for key, value in told.items():
        if key.startswith(b"engine-") and not key.startswith(b"engine-capacity-"):
            engines[key[7:]] = (int(value.split()[0]) // max(1, int(told.get(b"engine-capacity-" + key[7:], 1))), 0)
        elif key.startswith(b"cycles-"):  # xe counts in cycles of the engine's clock
            engines[key[7:]] = (int(value.split()[0]), int(told.get(b"total-cycles-" + key[7:], b"0").split()[0]))
    return Usage(
        driver=told[b"driver"].decode("ascii", "replace"),
        device=told.get(b"pdev", b"").decode("ascii", "replace"),
        client=told[b"client-id"],
        engines=engines,
        memory=_memory(told),
    )


def _memory(told: dict[bytes, bytes]) -> int | None:
    """Memory on the card (``vram``, ``local``) or, on one that shares the node's, what it has of that."""
    for kind in (b"resident-", b"memory-", b"total-"):
        regions = {key[len(kind) :]: _bytes(value) for key, value in told.items() if key.startswith(kind)}
        own = [size for region, size in regions.items() if region.startswith((b"vram", b"local"))]
        if regions:
            return sum(own) if own else sum(regions.values())
    return None


def _bytes(text: bytes) -> int:
    words = text.split()
    return int(words[0]) * (_UNITS.get(words[1], 1) if len(words) > 1 else 1)


class Clients:
    """The users of all GPUs of some drivers."""

    def __init__(self, roots: Roots, drivers: frozenset[str]) -> None:
        self._proc = str(roots.proc)
        self._drivers = drivers
        self._search_at = float("-inf")
        self._files: list[tuple[int, str]] = []
        self._before: dict[tuple[str, bytes], dict[bytes, tuple[int, int]]] = {}
        self._last = 0.0

    def read(self, now: float) -> dict[str, tuple[GpuProcess, ...]]:
        """By PCI address of the GPU, in order of pid. What cannot be read is left out; raises nothing."""
        if now >= self._search_at:
            self._search_at = now + SEARCH_S
            self._files = list(self._found())
        before, self._before = self._before, {}
        nanoseconds, self._last = 1e9 * (now - self._last), now
        users: dict[tuple[str, int], tuple[int | None, float]] = {}
        for pid, path in self._files:
            usage = self._usage(path)
            if usage is None or (usage.device, usage.client) in self._before:
                continue  # a client that several descriptors share is counted once
            self._before[usage.device, usage.client] = usage.engines
            old = before.get((usage.device, usage.client), usage.engines)
            busy = max((_share(new, old.get(name, new), nanoseconds) for name, new in usage.engines.items()), default=0)
            memory, percent = users.get((usage.device, pid), (None, 0.0))
            total = memory if usage.memory is None else (memory or 0) + usage.memory
            users[usage.device, pid] = (total, min(100.0, percent + busy))
        shown: dict[str, list[GpuProcess]] = {}
        for (device, pid), (memory, percent) in sorted(users.items()):
            shown.setdefault(device, []).append(GpuProcess(pid, memory, percent))
        return {device: tuple(processes) for device, processes in shown.items()}

    def _usage(self, path: str) -> Usage | None:
        try:
            usage = parse(read_bytes(path))
        except (OSError, ValueError, IndexError):  # it has ended, is not permitted, or is not understood
            return None
        return usage if usage is not None and usage.driver in self._drivers else None

    def _found(self) -> Iterator[tuple[int, str]]:
        links = found = 0
        for pid in _names(self._proc):
            if not pid.isdecimal():
                continue
            for name in _names(f"{self._proc}/{pid}/fd"):
                links += 1
                if _target(f"{self._proc}/{pid}/fd/{name}").startswith("/dev/dri/"):
                    found += 1
                    yield int(pid), f"{self._proc}/{pid}/fdinfo/{name}"
            if links >= _MOST_LINKS or found >= _MOST_CLIENTS:
                return


def _share(new: tuple[int, int], old: tuple[int, int], nanoseconds: float) -> float:
    """Percent of the interval: by the engine's own clock where it tells that."""
    whole = new[1] - old[1] if new[1] else nanoseconds
    return min(100.0, 100.0 * max(0, new[0] - old[0]) / whole) if whole > 0 else 0.0


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names are wanted
    except OSError:
        return []


def _target(link: str) -> str:
    try:
        return os.readlink(link)  # noqa: PTH115 - thousands of them: no Path object for each
    except OSError:
        return ""
