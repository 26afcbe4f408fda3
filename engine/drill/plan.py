"""What the drill plays: every fault with its bounds, by what it may be found and how long that may take."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from msgspec import Struct

from engine.drill import controls, faults, storage
from engine.drill.stage import MIB, Bounds, Stage

Preparation = Callable[[Path], AbstractContextManager[dict[str, str]]]


def _nothing(_: Path) -> AbstractContextManager[dict[str, str]]:
    return nullcontext({})


class Act(Struct, frozen=True):
    """A fault, or a control."""

    kind: str
    """Of the finding that it must cause; of a control its name."""
    play: Callable[[Stage], None]
    bounds: Bounds
    within_s: float = 10.0
    """From its onset until it must be found."""
    prepare: Preparation = _nothing
    """What the guard sets up for it, and takes away."""


_SOON = Bounds(seconds=40)

FAULTS: tuple[Act, ...] = (
    Act("cpu_spin", faults.cpu_spin, _SOON),
    Act("cpu_saturated", faults.cpu_saturated, _SOON),
    Act("fork_storm", faults.fork_storm, _SOON),
    Act("short_job_flood", faults.short_job_flood, _SOON),
    Act("memory_leak", faults.memory_leak, Bounds(seconds=90), within_s=60.0),
    Act("memory_pressure", storage.memory_pressure, _SOON, prepare=storage.small_group),
    Act("disk_saturated", storage.disk_saturated, _SOON, prepare=storage.on_disk),
    Act("disk_full", storage.disk_full, _SOON, prepare=storage.small_disk),
    Act("zombies", faults.zombies, _SOON),
    Act("fd_exhaustion", faults.fd_exhaustion, _SOON),
    Act("thread_explosion", faults.thread_explosion, Bounds(seconds=40, address_bytes=8192 * MIB)),
    Act("connection_flood", faults.connection_flood, _SOON),
    Act("load_high", faults.load_high, _SOON),
)
"""Every fault, in the order in which they are played."""

CONTROLS: tuple[Act, ...] = (
    Act("idle", controls.idle, Bounds(seconds=700)),
    Act("busy", controls.busy, Bounds(seconds=700)),
)

ACTS = {act.kind: act for act in (*FAULTS, *CONTROLS)}
KINDS = tuple(act.kind for act in FAULTS)
