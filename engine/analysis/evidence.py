"""The figures that a claim may rest on, by what they measure, and the names that a text may point at."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from operator import attrgetter

from engine.analysis.neutral import neutral
from engine.finding import Finding
from engine.findings.naming import NAME_LIMIT
from engine.snapshot import Filesystem, Process, Snapshot

Dimension = str
"""``%``, ``B``, ``B/s``, ``count``, ``load``, ``°C``, ``W`` or ``MHz``."""
Values = dict[Dimension, list[float]]

_PROMINENT = 20


class Evidence:
    """A snapshot and its findings, looked up by name, pid and measure. Built once for each text."""

    def __init__(self, snapshot: Snapshot, findings: Sequence[Finding]) -> None:
        self.snapshot = snapshot
        self.findings = findings
        self.by_pid = {process.pid: process for process in snapshot.processes}
        """Processes of the snapshot."""
        culprits = [culprit for finding in findings for culprit in finding.culprits]
        ordered = sorted(snapshot.processes, key=attrgetter("cpu_percent", "rss_bytes"))
        self.pid_of = {process.name: process.pid for process in ordered} | {c.name: c.pid for c in reversed(culprits)}
        """Of several processes of a name the one that a text most likely means: a culprit, else the busiest."""
        self.name_of = {culprit.pid: culprit.name for culprit in culprits} | {p.pid: p.name for p in ordered}
        """Also of culprits that have ended since."""
        busiest = heapq.nlargest(_PROMINENT, snapshot.processes, key=attrgetter("cpu_percent"))
        largest = heapq.nlargest(_PROMINENT, snapshot.processes, key=attrgetter("rss_bytes"))
        self.prominent = {process.name for process in (*busiest, *largest)} | {culprit.name for culprit in culprits}
        """Names that the text was shown, so that a plain word that equals one means it."""
        self.places = {
            *(system.mount for system in snapshot.filesystems),
            *(disk.name for disk in snapshot.disks),
            *(wire.name for wire in snapshot.interfaces),
        }
        """Mounts, devices and interfaces."""
        self.node = _node(snapshot, findings)

    def forms(self) -> dict[str, int]:
        """Every form in which a prominent name may stand in a text, with its pid: whole, cut, or made neutral."""
        forms: dict[str, int] = {}
        for name in self.prominent:
            for form in (name, name[: NAME_LIMIT - 3], neutral(name, NAME_LIMIT), neutral(name, 16)):
                if form.strip():
                    forms[form] = self.pid_of[name]
        return forms


def of_process(process: Process, snapshot: Snapshot) -> Values:
    """What may be said of one process."""
    cores, memory = max(1, snapshot.host.cores), snapshot.memory
    shares = [process.cpu_percent, process.cpu_percent / cores]
    shares += [100 * process.rss_bytes / whole for whole in (memory.total_bytes, memory.used_bytes) if whole]
    shares += [100 * process.cpu_percent / (snapshot.cpu.percent * cores)] if snapshot.cpu.percent else []
    moved = [process.read_bytes_s or 0.0, process.write_bytes_s or 0.0]
    return {
        "%": shares,
        "B": [float(process.rss_bytes)],
        "B/s": [*moved, sum(moved)],
        "count": [float(process.threads), process.cpu_percent / 100, float(process.nice)],
    }


def of_place(place: str, snapshot: Snapshot) -> Values:
    """What may be said of one file system; devices and interfaces are few and stand with the node."""
    values: Values = defaultdict(list)
    for system in snapshot.filesystems:
        if system.mount == place:
            _room(system, values)
    return values


def _room(system: Filesystem, values: Values) -> None:
    values["%"] += [system.percent, 100 - system.percent]
    values["B"] += [system.total_bytes, system.used_bytes, system.available_bytes]


def _node(snapshot: Snapshot, findings: Sequence[Finding]) -> Values:
    """What may be said without naming a process."""
    cpu, memory = snapshot.cpu, snapshot.memory
    stalls = [s for s in (snapshot.pressure.cpu, snapshot.pressure.memory, snapshot.pressure.io) if s]
    values: Values = defaultdict(list)
    values["%"] += [cpu.percent, cpu.user, cpu.system, cpu.iowait, cpu.steal, 100 - cpu.percent]
    values["%"] += [memory.percent, 100 - memory.percent, memory.swap_percent, 100 - memory.swap_percent]
    values["%"] += [value for s in stalls for value in (s.some_avg10, s.some_avg60, s.full_avg10, s.some_percent)]
    values["B"] += [
        memory.total_bytes, memory.available_bytes, memory.used_bytes, memory.free_bytes, memory.buffers_bytes,
        memory.cached_bytes, memory.dirty_bytes, memory.swap_total_bytes, memory.swap_used_bytes,
        memory.swap_total_bytes - memory.swap_used_bytes, snapshot.host.memory_total_bytes,
    ]  # fmt: skip
    values["B/s"] += [memory.swap_in_bytes_s, memory.swap_out_bytes_s]
    values["load"] += cpu.load
    states = [process.state for process in snapshot.processes]
    values["count"] += [
        snapshot.host.cores, cpu.runnable, cpu.blocked, len(states), states.count("Z"), states.count("D"),
        len(findings), len(snapshot.gpus), *(sum(f.severity == s for f in findings) for s in ("warning", "critical")),
    ]  # fmt: skip
    values["count"] += [float(snapshot.host.name)] if snapshot.host.name.isdecimal() else []
    values["°C"] += [cpu.temperature_c] if cpu.temperature_c is not None else []
    values["MHz"] += [cpu.frequency_mhz] if cpu.frequency_mhz is not None else []
    _devices(snapshot, values)
    _found(findings, values)
    return values


def _devices(snapshot: Snapshot, values: Values) -> None:
    for disk in snapshot.disks:
        values["%"].append(disk.busy_percent)
        values["B/s"] += [disk.read_bytes_s, disk.write_bytes_s]
    writable = (system for system in snapshot.filesystems if not system.read_only)
    for system in heapq.nlargest(3, writable, key=attrgetter("percent")):
        _room(system, values)
    for wire in snapshot.interfaces:
        values["B/s"] += [wire.receive_bytes_s, wire.transmit_bytes_s]
    for gpu in snapshot.gpus:
        values["%"] += [gpu.busy_percent] if gpu.busy_percent is not None else []
        values["°C"] += [gpu.temperature_c] if gpu.temperature_c is not None else []
        values["W"] += [watts for watts in (gpu.power_w, gpu.power_limit_w) if watts is not None]
        if gpu.memory_used_bytes is not None and gpu.memory_total_bytes:
            values["B"] += [gpu.memory_used_bytes, gpu.memory_total_bytes]
            values["%"].append(100 * gpu.memory_used_bytes / gpu.memory_total_bytes)


def _found(findings: Sequence[Finding], values: Values) -> None:
    for finding in findings:
        values["%"] += [100 * culprit.share for culprit in finding.culprits]
        for fact in finding.facts:
            if fact.value is not None:
                values[fact.unit or "count"].append(fact.value)


def merged(parts: Iterable[Values]) -> Values:
    """All of them together."""
    whole: Values = defaultdict(list)
    for part in parts:
        for dimension, values in part.items():
            whole[dimension] += values
    return whole
