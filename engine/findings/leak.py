"""Memory that one process keeps taking, steadily: slope, steadiness and size, never a flat threshold."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from engine.findings.blame import culprit
from engine.findings.condition import Condition, numbered
from engine.findings.naming import who
from engine.findings.settings import Settings
from engine.snapshot import Process, Snapshot
from engine.telemetry.history import History
from engine.units import rate, size, span

_STEPS = 6


def memory_leak(history: History, settings: Settings) -> list[Condition]:
    """``memory_leak``: resident memory grew in every sixth of the window, evenly, and would fill the node in an hour.

    A process that reads about as much from storage as it grows is loading something and is left out.
    """
    recent = history.recent(settings.leak_window_s)
    if len(recent) <= _STEPS or recent[-1].monotonic - recent[0].monotonic < 0.9 * settings.leak_window_s:
        return []
    now, middle = recent[-1], recent[len(recent) // 2]
    least = max(settings.leak_bytes, settings.leak_share * now.memory.total_bytes)
    large = {p.pid: p for p in now.processes if p.rss_bytes >= least and not p.kernel and p.pid != now.self_use.pid}
    grown = {
        p.pid: large[p.pid]
        for p in middle.processes
        if p.pid in large and large[p.pid].rss_bytes - p.rss_bytes >= least / 4
    }
    if not grown:
        return []
    marks = [recent[round(step * (len(recent) - 1) / _STEPS)] for step in range(_STEPS + 1)]
    sizes = [{p.pid: p.rss_bytes for p in mark.processes if p.pid in grown} for mark in marks]
    found = (_growing(process, marks, sizes, least, settings) for process in grown.values())
    return [condition for condition in found if condition]


def _growing(
    process: Process, marks: Sequence[Snapshot], sizes: Sequence[dict[int, int]], least: float, settings: Settings
) -> Condition | None:
    first, now = marks[0], marks[-1]
    series = [mark_sizes.get(process.pid) for mark_sizes in sizes]
    known = [resident for resident in series if resident is not None]
    if len(known) != len(series) or first.uptime_s < process.started:  # not there all the time, or a recycled pid
        return None
    growth, seconds = known[-1] - known[0], now.monotonic - first.monotonic
    steps = [later - earlier for earlier, later in pairwise(known)]
    even = growth / len(steps)
    if growth < least or min(steps) < 0.3 * even or max(steps) > 2.5 * even:
        return None
    speed = growth / seconds
    if (process.read_bytes_s or 0.0) > 0.5 * speed:
        return None
    left_s = now.memory.available_bytes / speed
    grade = settings.leak_minutes.grade(3600 / max(left_s, 1.0))
    if grade is None:
        return None
    return Condition(
        "memory_leak",
        f"{process.pid}@{process.started:.2f}",
        grade,
        settings.leak_minutes,
        f"{who(process)} grows steadily by {rate(speed)} and holds {size(process.rss_bytes)}; "
        f"memory would be full in about {span(left_s)}.",
        (culprit(process, process.rss_bytes / max(1, now.memory.used_bytes)),),
        numbered(
            (f"growth of {who(process)}", speed, "B/s"),
            ("memory that it holds", process.rss_bytes, "B"),
            ("time until memory is full", left_s, "s"),
        ),
        "Restart it before memory runs out, and have it looked at: growth this even is seldom a cache.",
    )
