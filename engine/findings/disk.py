"""Disks and file systems: devices that cannot keep up, space that runs out."""

from __future__ import annotations

from engine.finding import Culprit
from engine.findings.blame import Weighted, blame, by_io, named
from engine.findings.census import census
from engine.findings.condition import Condition, Figure, numbered
from engine.findings.naming import PATH_LIMIT, quoted
from engine.findings.settings import MIB, Settings
from engine.snapshot import Disk, Filesystem, Process, Snapshot
from engine.telemetry.history import History
from engine.units import percent, rate, size, span

_STALE_S = 6.0
"""Space is asked for every few seconds: what it shows was written up to this long before."""


def disk_saturated(history: History, settings: Settings) -> list[Condition]:
    """``disk_saturated``: a device is busy all the time and tasks stall on I/O."""
    now = history.latest
    if now is None:
        return []
    busy = [disk for disk in now.disks if disk.busy_percent >= settings.disk_busy.clear]
    if not busy:
        return []
    culprits = blame(by_io(history))
    return [_saturated(disk, now, culprits, settings) for disk in busy]


def _saturated(disk: Disk, now: Snapshot, culprits: tuple[Culprit, ...], settings: Settings) -> Condition:
    stall = now.pressure.io
    grade = settings.disk_busy.grade(disk.busy_percent) or "hold"
    if stall and stall.some_percent < settings.disk_stall_percent:
        grade = "hold"
    elif grade == "warning" and stall and stall.full_avg10 >= settings.disk_stall_critical:
        grade = "critical"
    led = f"; {named(culprits, 1)} moves the most" if culprits else ""
    return Condition(
        "disk_saturated",
        disk.name,
        grade,
        settings.disk_busy,
        f"Disk {quoted(disk.name)} cannot keep up: {percent(disk.busy_percent)} busy, {rate(disk.read_bytes_s)} read "
        f"and {rate(disk.write_bytes_s)} written{led}.",
        culprits,
        numbered(
            (f"busy time of {quoted(disk.name)}", disk.busy_percent, "%"),
            ("read", disk.read_bytes_s, "B/s"),
            ("written", disk.write_bytes_s, "B/s"),
            *((("time stalled on I/O", stall.some_percent, "%"),) if stall else ()),
        ),
        "Slow down or move the heaviest reader or writer (ionice, or a later time), or spread the data over more "
        "devices.",
    )


def disk_full(history: History, settings: Settings) -> list[Condition]:
    """``disk_full``: a writable file system has hardly any room left, and who is filling it."""
    now = history.latest
    if now is None:
        return []
    limits, found = settings.disk_taken, []
    for system in now.filesystems:
        grade = limits.grade(system.percent)
        if grade is None or system.read_only or system.available_bytes > settings.disk_room_bytes:
            continue
        speed, culprits = _filling(history, system)
        facts: list[Figure] = [
            (f"space used on {quoted(system.mount, PATH_LIMIT)}", system.percent, "%"),
            ("space available", float(system.available_bytes), "B"),
        ]
        sentence = (
            f"{quoted(system.mount, PATH_LIMIT)} is {percent(system.percent)} full, {size(system.available_bytes)} left"
        )
        if speed >= MIB / 16 and system.available_bytes:
            left_s = system.available_bytes / speed
            sentence += f", and fills by {rate(speed)}: full in about {span(left_s)}"
            facts += [("space taken", speed, "B/s"), ("time until it is full", left_s, "s")]
        if culprits:
            sentence += f"; {named(culprits, 1)} writes the most"
        found.append(
            Condition(
                "disk_full",
                system.mount,
                grade,
                limits,
                sentence + ".",
                culprits,
                numbered(*facts),
                "Find what is large (du -x, journalctl --disk-usage), remove old logs and caches, or enlarge it.",
            )
        )
    return found


def _filling(history: History, system: Filesystem) -> tuple[float, tuple[Culprit, ...]]:
    """Bytes/s by which it fills over the last minute, and who wrote about that much in that time."""
    recent = history.recent(60.0)
    now = recent[-1]
    first, before = next((s, other) for s in recent for other in s.filesystems if other.mount == system.mount)
    seconds = now.monotonic - first.monotonic
    if seconds < 1:
        return 0.0, ()
    speed = (system.used_bytes - before.used_bytes) / seconds
    if speed < MIB / 16:
        return max(0.0, speed), ()
    written: dict[int, float] = {}
    newest: dict[int, Process] = {}
    before_it_grew = [
        s for s in recent if any(o.mount == system.mount and o.used_bytes == before.used_bytes for o in s.filesystems)
    ]
    since = max(first.monotonic, before_it_grew[-1].monotonic - _STALE_S)
    alive = {(process.pid, process.started) for process in now.processes}
    for snapshot in recent:
        for process in census(snapshot).movers if snapshot.monotonic >= since else ():
            if process.write_bytes_s and (process.pid, process.started) in alive:
                gone = process.write_bytes_s * snapshot.interval_s
                written[process.pid] = written.get(process.pid, 0.0) + gone
                newest[process.pid] = process
    written.pop(now.self_use.pid, None)
    shares: list[Weighted] = [(total / seconds, newest[pid]) for pid, total in written.items()]
    return speed, blame([pair for pair in shares if pair[0] > 0.02 * speed])
