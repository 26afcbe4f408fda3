"""Snapshots, processes and histories for tests: a quiet node, changed in what the test is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from engine.snapshot import (
    Cpu,
    Disk,
    Filesystem,
    Host,
    Interface,
    Memory,
    Pressure,
    Process,
    SelfUse,
    Snapshot,
    Stall,
)
from engine.telemetry.history import History

GIB = 1024**3
MIB = 1024**2
OWN_PID = 999
"""The pid of telltop in made snapshots."""


def make_process(pid: int = 100, name: str = "idle", **changes: Any) -> Process:
    """A sleeping process that uses nothing to speak of."""
    figures: dict[str, Any] = {
        "ppid": 1,
        "user": "root",
        "state": "S",
        "cpu_percent": 0.0,
        "rss_bytes": 8 * MIB,
        "threads": 1,
        "nice": 0,
        "cpu_seconds": 1.0,
        "started": 50.0 + pid / 100,
        "command": name,
        "kernel": False,
    }
    return Process(pid=pid, name=name, **(figures | changes))


def make_memory(used: float = 0.3, swap_used: float = 0.0, total: int = 16 * GIB, **changes: Any) -> Memory:
    """Memory of which the shares ``used`` and ``swap_used`` (of 4 GiB) are taken."""
    taken = round(total * used)
    figures: dict[str, Any] = {
        "total_bytes": total,
        "available_bytes": total - taken,
        "used_bytes": taken,
        "free_bytes": (total - taken) // 2,
        "buffers_bytes": 100 * MIB,
        "cached_bytes": (total - taken) // 2,
        "dirty_bytes": MIB,
        "swap_total_bytes": 4 * GIB,
        "swap_used_bytes": round(4 * GIB * swap_used),
        "swap_in_bytes_s": 0.0,
        "swap_out_bytes_s": 0.0,
    }
    return Memory(**(figures | changes))


def make_cpu(percent: float = 3.0, cores: int = 4, **changes: Any) -> Cpu:
    """Processors that are ``percent`` busy, three quarters of it user time."""
    figures: dict[str, Any] = {
        "percent": percent,
        "per_core": (percent,) * cores,
        "user": percent * 0.75,
        "system": percent * 0.25,
        "iowait": 0.0,
        "steal": 0.0,
        "load": (0.1, 0.2, 0.15),
        "runnable": 1,
        "blocked": 0,
    }
    return Cpu(**(figures | changes))


def make_stall(percent: float = 0.0, full: float = 0.0) -> Stall:
    """Pressure that has been ``percent`` for a minute."""
    return Stall(percent, percent, full, full, percent)


def make_disk(name: str = "sda", busy: float = 1.0, read: float = 0.0, write: float = 4096.0) -> Disk:
    """A disk with requests of 4 KiB."""
    return Disk(name, read, write, read / 4096, write / 4096, busy)


def make_filesystem(mount: str = "/", used: float = 0.4, total: int = 100 * GIB, **changes: Any) -> Filesystem:
    """An ext4 file system of which the share ``used`` is taken."""
    taken = round(total * used)
    system = Filesystem(mount, "/dev/sda1", "ext4", total, taken, total - taken, False)
    return msgspec.structs.replace(system, **changes)


def make_snapshot(**changes: Any) -> Snapshot:
    """A quiet node of four cores and 16 GiB; ``changes`` are fields of :class:`Snapshot`."""
    figures: dict[str, Any] = {
        "sequence": 1,
        "time": 1_700_000_000.0,
        "monotonic": 1000.0,
        "interval_s": 1.0,
        "uptime_s": 90_000.0,
        "host": Host("web01", "Linux 6.8.0-45-generic", 4, 16 * GIB),
        "cpu": make_cpu(),
        "memory": make_memory(),
        "pressure": Pressure(make_stall(), make_stall(), make_stall()),
        "disks": (make_disk(),),
        "filesystems": (make_filesystem(),),
        "interfaces": (Interface("lo", 0.0, 0.0, 0.0, 0.0, 0.0), Interface("eth0", 2048.0, 1024.0, 9.0, 7.0, 0.0)),
        "gpus": (),
        "processes": (make_process(1, "systemd"), make_process(OWN_PID, "telltop"), make_process()),
        "self_use": SelfUse(OWN_PID, 1.0, 60 * MIB),
        "sample_s": 0.002,
    }
    return Snapshot(**(figures | changes))


def at(second: float, snapshot: Snapshot) -> Snapshot:
    """``snapshot`` as if it had been taken ``second`` seconds after the first."""
    return msgspec.structs.replace(
        snapshot,
        sequence=round(second) + 1,
        time=1_700_000_000.0 + second,
        monotonic=1000.0 + second,
        uptime_s=90_000.0 + second,
    )


def make_history(snapshots: Iterable[Snapshot] | Callable[[int], Snapshot], seconds: int = 0) -> History:
    """A history of one sample a second: of ``snapshots`` in order, or of ``snapshots(0)`` to ``snapshots(seconds)``."""
    history = History()
    taken = [snapshots(second) for second in range(seconds + 1)] if callable(snapshots) else list(snapshots)
    for second, snapshot in enumerate(taken):
        history.append(at(second, snapshot))
    return history
