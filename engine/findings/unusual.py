"""What departs from this node's own normal, though no level that holds for every node is reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from statistics import median
from typing import Literal

from msgspec import Struct

from engine.findings.blame import Weighted, blame, by_cpu, by_io, by_memory, named
from engine.findings.condition import Condition, numbered
from engine.findings.settings import MIB, Settings
from engine.telemetry.history import History, Point
from engine.units import percent, rate

_NORMAL_S = 900.0
_LEAST_S = 300.0
"""Before it has seen this much telltop doesn't know what is normal."""
_NOW_S = 10.0
_FEWEST = 60
_SIGMAS_OF_MAD = 1.4826
"""Of a normal distribution the standard deviation is this many median absolute deviations."""


class _Figure(Struct, frozen=True):
    what: str
    field: str
    unit: Literal["%", "B/s"]
    floor: float
    """It is only worth a word when it is this much above the normal."""
    users: Callable[[History], Sequence[Weighted]]


def _cpu(history: History) -> Sequence[Weighted]:
    return by_cpu(history.latest) if history.latest else ()


def _memory(history: History) -> Sequence[Weighted]:
    return by_memory(history.latest) if history.latest else ()


def _nobody(_: History) -> Sequence[Weighted]:
    return ()


_FIGURES = (
    _Figure("CPU use", "cpu_percent", "%", 30.0, _cpu),
    _Figure("Memory use", "memory_percent", "%", 15.0, _memory),
    _Figure("Reading from storage", "read_bytes_s", "B/s", 32.0 * MIB, by_io),
    _Figure("Writing to storage", "write_bytes_s", "B/s", 32.0 * MIB, by_io),
    _Figure("Receiving", "receive_bytes_s", "B/s", 16.0 * MIB, _nobody),
    _Figure("Sending", "transmit_bytes_s", "B/s", 16.0 * MIB, _nobody),
)


def unusual(history: History, settings: Settings) -> list[Condition]:
    """``unusual``: a figure far above the median of the last quarter of an hour, measured by its own scatter.

    The modified z-score (median and median absolute deviation) that Iglewicz and Hoaglin recommend for outliers.
    """
    points = history.points(_NORMAL_S)
    if len(points) < _FEWEST or points[-1].monotonic - points[0].monotonic < _LEAST_S:
        return []
    since = points[-1].monotonic - _NOW_S
    return [c for c in (_departed(figure, points, since, history, settings) for figure in _FIGURES) if c]


def _departed(
    figure: _Figure, points: Sequence[Point], since: float, history: History, settings: Settings
) -> Condition | None:
    value = attrgetter(figure.field)
    if value(points[-1]) < figure.floor:  # most of the time there is no more to do
        return None
    now = median(value(point) for point in points if point.monotonic >= since)
    before = [value(point) for point in points if point.monotonic < since]
    normal = median(before)
    scatter = _SIGMAS_OF_MAD * median(abs(earlier - normal) for earlier in before)
    grade = settings.score.grade((now - normal) / max(scatter, figure.floor / 8))
    if grade is None or now - normal < figure.floor:
        return None
    culprits = blame(figure.users(history))
    led = f"; {named(culprits, 1)} has the largest part" if culprits else ""
    told = percent if figure.unit == "%" else rate
    return Condition(
        "unusual",
        figure.field,
        grade,
        settings.score,
        f"{figure.what} is far above what is normal for this node: {told(now)}, where the last minutes had "
        f"{told(normal)}{led}.",
        culprits,
        numbered((f"{figure.what} now", now, figure.unit), ("what is normal", normal, figure.unit)),
        "It may be meant: a backup, a build, a rush of visitors. If it is not, look at who began when it did.",
    )
