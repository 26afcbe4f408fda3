"""What processes have of the GPUs, put into their rows of the process table."""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from engine.snapshot import Gpu, Process

N = TypeVar("N", int, float)


class Shares:
    """Sums over GPUs; a process whose figures are as before stays the very same object, as the process reader has it.

    GPUs name a process by its pid alone: one that ended since they were asked may lend its figures to a heir of its
    pid until the next sample.
    """

    def __init__(self) -> None:
        self._merged: dict[int, tuple[Process, Process]] = {}
        """By pid: the process as the reader gave it, and as it was handed out."""

    def merged(self, processes: tuple[Process, ...], gpus: tuple[Gpu, ...]) -> tuple[Process, ...]:
        """The same processes in the same order; without a GPU that tells of processes the same tuple."""
        held: dict[int, tuple[int | None, float | None]] = {}
        for gpu in gpus:
            for user in gpu.processes:
                memory, percent = held.get(user.pid, (None, None))
                held[user.pid] = (_sum(memory, user.memory_bytes), _sum(percent, user.busy_percent))
        if not held:
            self._merged = {}
            return processes
        merged: dict[int, tuple[Process, Process]] = {}
        rows = list(processes)
        for at, process in enumerate(rows):
            if process.pid in held:
                memory, percent = held[process.pid]
                before, shown = self._merged.get(process.pid, (None, process))
                if before is not process or (shown.gpu_memory_bytes, shown.gpu_percent) != (memory, percent):
                    shown = replace(process, gpu_memory_bytes=memory, gpu_percent=percent)
                merged[process.pid] = (process, shown)
                rows[at] = shown
        self._merged = merged
        return tuple(rows)


def _sum(one: N | None, other: N | None) -> N | None:
    return other if one is None else one if other is None else one + other
