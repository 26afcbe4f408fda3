"""What a finding is: something wrong with the node, since when, by how much, and who is to blame."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Severity = Literal["warning", "critical"]


class Fact(Struct, frozen=True):
    """One figure that the telemetry bears out."""

    id: str
    """``f1``, ``f2``, ...: unique within the finding or the digest that holds it."""
    text: str
    value: float | None = None
    unit: str = ""


class Culprit(Struct, frozen=True):
    """A process that accounts for a finding."""

    pid: int
    name: str
    started: float
    """Seconds after boot: with the pid, proof against recycling."""
    share: float
    """Its share of the trouble, 0..1."""


class Finding(Struct, frozen=True):
    """Something that is wrong, with its evidence."""

    id: str
    kind: str
    severity: Severity
    since: float
    """Wall-clock seconds since the epoch at which the condition began."""
    sentence: str
    culprits: tuple[Culprit, ...] = ()
    facts: tuple[Fact, ...] = ()
    advice: str = ""
