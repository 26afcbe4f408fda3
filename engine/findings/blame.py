"""Who accounts for a condition. telltop itself never does."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from operator import itemgetter

from engine.finding import Culprit
from engine.findings.census import census
from engine.findings.naming import quoted
from engine.snapshot import Process, Snapshot
from engine.telemetry.history import History

Weighted = tuple[float, Process]

MOST = 5
LEAST_SHARE = 0.05
_LOOKED_AT = round(1 / LEAST_SHARE)
"""No more than this many can have a share of ``LEAST_SHARE`` each."""


def blame(weighted: Iterable[Weighted], whole: float = 0.0) -> tuple[Culprit, ...]:
    """The processes with at least a twentieth of ``whole`` (of the sum where 0), five at most, the worst first.

    Shares are compared in tenths, then pids, so that equals do not change places from sample to sample.
    """
    pairs = [pair for pair in weighted if pair[0] > 0]
    total = whole or sum(weight for weight, _ in pairs)
    if total <= 0:
        return ()
    largest = heapq.nlargest(_LOOKED_AT, pairs, key=itemgetter(0))
    top = [(min(1.0, weight / total), process) for weight, process in largest if weight / total >= LEAST_SHARE]
    top.sort(key=lambda pair: (-round(pair[0], 1), pair[1].pid))
    return tuple(culprit(process, share) for share, process in top[:MOST])


def families_first(weighted: Iterable[Weighted], whole: float = 0.0) -> tuple[Culprit, ...]:
    """As :func:`blame`, but those of the name that has most in all come first: many small before one large."""
    pairs = [pair for pair in weighted if pair[0] > 0]
    total = whole or sum(weight for weight, _ in pairs)
    families: dict[str, float] = {}
    for weight, process in pairs:
        families[process.name] = families.get(process.name, 0.0) + weight
    blamed = blame(pairs, whole)
    return tuple(sorted(blamed, key=lambda c: -round(families[c.name] / total, 1))) if total > 0 else ()


def culprit(process: Process, share: float) -> Culprit:
    """``process`` as a culprit of ``share`` (0..1); shares are rounded to hundredths."""
    return Culprit(process.pid, process.name, process.started, round(share, 2))


def named(culprits: tuple[Culprit, ...], most: int = 2) -> str:
    """``python3 (4121) and cc1 (77)``: the first of them, for a sentence; empty without any."""
    return " and ".join(f"{quoted(c.name)} ({c.pid})" for c in culprits[:most])


def by_cpu(snapshot: Snapshot) -> list[Weighted]:
    """Processes that used a processor in the last interval, by percent of a core."""
    own = snapshot.self_use.pid
    return [(p.cpu_percent, p) for p in snapshot.processes if p.cpu_percent > 0 and p.pid != own]


def by_memory(snapshot: Snapshot) -> list[Weighted]:
    """Processes by resident bytes."""
    own = snapshot.self_use.pid
    return [(float(p.rss_bytes), p) for p in snapshot.processes if p.rss_bytes and p.pid != own]


def by_io(history: History, seconds: float = 4.0) -> list[Weighted]:
    """Processes by bytes read from and written to storage lately; where none is told, by time spent waiting."""
    own = -1
    moved: dict[int, float] = {}
    newest: dict[int, Process] = {}
    for snapshot in history.recent(seconds):
        own = snapshot.self_use.pid
        for process in census(snapshot).movers:
            pid = process.pid
            moved[pid] = moved.get(pid, 0.0) + (process.read_bytes_s or 0.0) + (process.write_bytes_s or 0.0)
            newest[pid] = process
    moved.pop(own, None)
    return [(amount, newest[pid]) for pid, amount in moved.items()] or by_waiting(history, seconds)


def by_waiting(history: History, seconds: float = 5.0) -> list[Weighted]:
    """User processes by the number of recent samples in which they were in uninterruptible sleep."""
    own = -1
    waits: dict[int, int] = {}
    newest: dict[int, Process] = {}
    for snapshot in history.recent(seconds):
        own = snapshot.self_use.pid
        for process in census(snapshot).waiting:
            waits[process.pid] = waits.get(process.pid, 0) + 1
            newest[process.pid] = process
    waits.pop(own, None)
    return [(float(count), newest[pid]) for pid, count in waits.items()]
