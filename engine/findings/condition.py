"""What a detector says of one snapshot: a condition that may become, hold open or worsen a finding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from engine.finding import Culprit, Fact
from engine.findings.settings import Grade, Limits, Settings
from engine.telemetry.history import History


class Condition(Struct, frozen=True, eq=False):
    """Something that is wrong in the newest snapshot, or nearly so (grade ``hold``)."""

    kind: str
    subject: str
    """What it is about within its kind: a mount, a device, ``PID@START``; empty for the node."""
    grade: Grade
    limits: Limits
    """The levels and times that it is held against."""
    sentence: str
    culprits: tuple[Culprit, ...] = ()
    facts: tuple[Fact, ...] = ()
    advice: str = ""


Detector = Callable[[History, Settings], list[Condition]]
"""A pure function of the history: the same history and settings give the same conditions."""

Figure = tuple[str, float, Literal["%", "B", "B/s", "s", "°C", ""]]
"""Text, value and unit of a fact that has yet to get its number."""


def numbered(*figures: Figure) -> tuple[Fact, ...]:
    """Facts f1, f2, ... in the order given."""
    return tuple(Fact(f"f{place}", text, value, unit) for place, (text, value, unit) in enumerate(figures, 1))


def number(count: int, thing: str, things: str | None = None) -> str:
    """``1 process``, ``6 processes``."""
    return f"{count} {thing if count == 1 else things or thing + 's'}"
