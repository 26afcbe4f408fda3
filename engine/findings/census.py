"""What several detectors want to know of all processes, found in one pass over each snapshot."""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from engine.snapshot import Process, Snapshot

MANY_THREADS = 200
"""Threads from which a process is of interest for them."""


class Census(Struct, frozen=True, eq=False):
    """Processes of one snapshot that did, or are, something notable; in the order of the snapshot."""

    movers: tuple[Process, ...]
    """Read from storage or wrote to it in the interval."""
    waiting: tuple[Process, ...]
    """In uninterruptible sleep, kernel threads left out."""
    threaded: tuple[Process, ...]
    """Have ``MANY_THREADS``."""


@lru_cache(maxsize=128)
def census(snapshot: Snapshot) -> Census:
    """The census of a snapshot; asked for again it costs nothing. Snapshots are told apart by identity."""
    movers, waiting, threaded = [], [], []
    for process in snapshot.processes:
        if process.read_bytes_s or process.write_bytes_s:
            movers.append(process)
        if process.state == "D" and not process.kernel:
            waiting.append(process)
        if process.threads >= MANY_THREADS:
            threaded.append(process)
    return Census(tuple(movers), tuple(waiting), tuple(threaded))
