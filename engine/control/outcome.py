"""Who is meant, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from engine.snapshot import Process

Result = Literal["done", "not permitted", "already gone", "recycled", "refused", "failed"]


class Target(Struct, frozen=True):
    """A process as it was seen; pid and start time name it, the rest is for the sentences."""

    pid: int
    started: float
    """Seconds after boot, as in :class:`engine.snapshot.Process`."""
    name: str
    user: str
    nice: int = 0

    @classmethod
    def of(cls, process: Process) -> Target:
        """The process of a snapshot."""
        return cls(process.pid, process.started, process.name, process.user, process.nice)

    def __str__(self) -> str:
        return f"{self.name} ({self.pid})"


class Outcome(Struct, frozen=True):
    """What became of one target."""

    target: Target
    result: Result
    sentence: str
    """With the name and pid of the target, for the operator."""

    @property
    def done(self) -> bool:
        """It was done."""
        return self.result == "done"


class RefusalError(Exception):
    """Why nothing is done to a process; made into an :class:`Outcome` where it is caught."""

    def __init__(self, result: Result, why: str) -> None:
        super().__init__(why)
        self.result: Result = result
        self.why = why


def summary(outcomes: Iterable[Outcome]) -> str:
    """``2 done, 1 not permitted, 1 already gone``, in that order."""
    order: tuple[Result, ...] = ("done", "not permitted", "already gone", "recycled", "refused", "failed")
    results = [outcome.result for outcome in outcomes]
    return ", ".join(f"{results.count(kind)} {kind}" for kind in order if kind in results) or "nothing to do"
