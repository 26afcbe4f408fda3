"""The process table: dead children that nobody buries."""

from __future__ import annotations

from collections import Counter

from engine.findings.blame import blame, named
from engine.findings.condition import Condition, number, numbered
from engine.findings.settings import Settings
from engine.telemetry.history import History


def zombies(history: History, settings: Settings) -> list[Condition]:
    """``zombies``: processes that have ended and whose parents, the culprits, do not collect them."""
    now = history.latest
    if now is None:
        return []
    own = now.self_use.pid
    parents = Counter([p.ppid for p in now.processes if p.state == "Z" and p.ppid != own])
    dead = parents.total()
    grade = settings.zombies.grade(dead)
    if grade is None:
        return []
    culprits = blame([(float(parents[p.pid]), p) for p in now.processes if p.pid in parents], whole=float(dead))
    led = f"; {named(culprits, 1)} does not collect its children" if culprits else ""
    return [
        Condition(
            "zombies",
            "",
            grade,
            settings.zombies,
            f"{number(dead, 'zombie process', 'zombie processes')} on this node{led}.",
            culprits,
            numbered(
                ("zombie processes", dead, ""),
                *(((f"of these, children of {named(culprits, 1)}", parents[culprits[0].pid], ""),) if culprits else ()),
            ),
            "They use nothing but a pid each. Fix or restart the parent: when it ends, init collects them.",
        )
    ]
