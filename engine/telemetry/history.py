"""What the node was like over the last minutes: whole snapshots of the last one, a few figures of the rest."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from msgspec import Struct

from engine.snapshot import Snapshot, Stall


class Point(Struct, frozen=True):
    """The figures of one snapshot that graphs and trends need; units are those of the snapshot."""

    monotonic: float
    cpu_percent: float
    memory_percent: float
    available_bytes: int
    swap_percent: float
    load1: float
    cpu_stall: float
    """``some_avg10`` of the resource, 0 where the kernel does not report it."""
    memory_stall: float
    io_stall: float
    read_bytes_s: float
    write_bytes_s: float
    receive_bytes_s: float
    transmit_bytes_s: float
    gpu_percent: float


def _avg10(stall: Stall | None) -> float:
    return stall.some_avg10 if stall else 0.0


def point(snapshot: Snapshot) -> Point:
    """Condense a snapshot; rates are summed over devices, loopback left out, GPUs by the busiest."""
    wires = [interface for interface in snapshot.interfaces if interface.name != "lo"]
    return Point(
        monotonic=snapshot.monotonic,
        cpu_percent=snapshot.cpu.percent,
        memory_percent=snapshot.memory.percent,
        available_bytes=snapshot.memory.available_bytes,
        swap_percent=snapshot.memory.swap_percent,
        load1=snapshot.cpu.load[0],
        cpu_stall=_avg10(snapshot.pressure.cpu),
        memory_stall=_avg10(snapshot.pressure.memory),
        io_stall=_avg10(snapshot.pressure.io),
        read_bytes_s=sum(disk.read_bytes_s for disk in snapshot.disks),
        write_bytes_s=sum(disk.write_bytes_s for disk in snapshot.disks),
        receive_bytes_s=sum(wire.receive_bytes_s for wire in wires),
        transmit_bytes_s=sum(wire.transmit_bytes_s for wire in wires),
        gpu_percent=max((gpu.busy_percent or 0.0 for gpu in snapshot.gpus), default=0.0),
    )


class History:
    """Owned by the sampler thread; what it hands out is copied and may be kept.

    ``span_s`` seconds of points and ``recent_s`` seconds of whole snapshots are kept. Processes that did nothing are
    the same objects in successive snapshots, so that a minute of them is cheap.
    """

    def __init__(self, span_s: float = 900.0, recent_s: float = 60.0) -> None:
        self._span_s = span_s
        self._recent_s = recent_s
        self._points: deque[Point] = deque()
        self._recent: deque[Snapshot] = deque()

    def append(self, snapshot: Snapshot) -> None:
        """Add the newest snapshot and forget what has grown too old."""
        self._recent.append(snapshot)
        self._points.append(point(snapshot))
        while snapshot.monotonic - self._recent[0].monotonic > self._recent_s:
            self._recent.popleft()
        while snapshot.monotonic - self._points[0].monotonic > self._span_s:
            self._points.popleft()

    @property
    def latest(self) -> Snapshot | None:
        """The newest snapshot, ``None`` before the first."""
        return self._recent[-1] if self._recent else None

    def recent(self, seconds: float) -> Sequence[Snapshot]:
        """Whole snapshots of the last ``seconds``, oldest first."""
        return [s for s in self._recent if self._recent[-1].monotonic - s.monotonic <= seconds]

    def points(self, seconds: float) -> Sequence[Point]:
        """Points of the last ``seconds``, oldest first."""
        return [p for p in self._points if self._points[-1].monotonic - p.monotonic <= seconds]
