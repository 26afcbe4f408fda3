"""Sentences about one resource each, made from a snapshot. Every figure in them is one of the snapshot's own."""

from __future__ import annotations

import heapq
from operator import attrgetter

from engine.findings.naming import PATH_LIMIT, quoted, who
from engine.snapshot import Process, Snapshot, Stall
from engine.units import percent, rate, size, span

STATES = {
    "R": "running",
    "S": "sleeping",
    "D": "in uninterruptible sleep (D), waiting for the kernel",
    "Z": "a zombie: it has ended and its parent has not collected it",
    "T": "stopped",
    "t": "held by a debugger",
    "I": "idle",
    "X": "dead",
}


def listed(parts: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1]))) if parts else ""


def hungriest(snapshot: Snapshot, most: int = 3, least: float = 0.1) -> list[Process]:
    """The processes with the most CPU, telltop left out, none below ``least`` percent of a core."""
    top = heapq.nlargest(most + 1, snapshot.processes, key=attrgetter("cpu_percent"))
    return [p for p in top if p.pid != snapshot.self_use.pid and p.cpu_percent >= least][:most]


def largest(snapshot: Snapshot, most: int = 3, least: int = 1024 * 1024) -> list[Process]:
    """The processes with the most resident memory, telltop left out, none below ``least`` bytes."""
    top = heapq.nlargest(most + 1, snapshot.processes, key=attrgetter("rss_bytes"))
    return [p for p in top if p.pid != snapshot.self_use.pid and p.rss_bytes >= least][:most]


def cpu(snapshot: Snapshot) -> str:
    """Use of all cores, where the time goes, and who takes it."""
    now, cores = snapshot.cpu, snapshot.host.cores
    spent = [f"user {percent(now.user)}", f"system {percent(now.system)}"]
    if now.iowait >= 1:
        spent.append(f"waiting for storage {percent(now.iowait)}")
    if now.steal >= 1:
        spent.append(f"stolen by the hypervisor {percent(now.steal)}")
    text = f"The CPU is {percent(now.percent)} busy over {_cores(cores)} ({', '.join(spent)})."
    takers = [f"{who(p)} with {percent(p.cpu_percent)}" for p in hungriest(snapshot)]
    return f"{text} Of one core, {listed(takers)} {'use' if len(takers) > 1 else 'uses'} the most." if takers else text


def memory(snapshot: Snapshot) -> str:
    """Memory in use and who holds it."""
    now = snapshot.memory
    text = (
        f"Memory is {percent(now.percent)} used: {size(now.available_bytes)} of {size(now.total_bytes)} are available."
    )
    holders = [f"{who(p)} with {size(p.rss_bytes)}" for p in largest(snapshot)]
    return f"{text} The largest: {listed(holders)}." if holders else text


def swap(snapshot: Snapshot) -> str:
    """Swap in use and its traffic."""
    now = snapshot.memory
    if not now.swap_total_bytes:
        return "This node has no swap."
    return (
        f"Swap is {percent(now.swap_percent)} used ({size(now.swap_used_bytes)} of {size(now.swap_total_bytes)}), with "
        f"{rate(now.swap_in_bytes_s)} coming in and {rate(now.swap_out_bytes_s)} going out."
    )


def load(snapshot: Snapshot) -> str:
    """The load averages and what they are made of."""
    now, cores = snapshot.cpu, snapshot.host.cores
    one, five, fifteen = now.load
    judged = "more than" if one > cores else "within"
    return (
        f"Load is {one:.2f} (1 min), {five:.2f} (5 min) and {fifteen:.2f} (15 min), {judged} what {_cores(cores)} can "
        f"run at once; the CPU is {percent(now.percent)} busy. Running or waiting for a core: {_tasks(now.runnable)}; "
        f"waiting for storage: {_tasks(now.blocked) if now.blocked else 'none'}."
    )


def pressure(snapshot: Snapshot) -> str:
    """What tasks waited for, by PSI."""
    stalls = (
        ("the CPU", snapshot.pressure.cpu),
        ("memory", snapshot.pressure.memory),
        ("storage", snapshot.pressure.io),
    )
    told = [f"{percent(stall.some_avg10)} for {name}" for name, stall in stalls if stall]
    if not told:
        return "This kernel does not report pressure (PSI)."
    return f"Share of the last 10 s in which some task had to wait: {listed(told)}."


def waits(snapshot: Snapshot) -> bool | None:
    """Whether any task waited noticeably in the last 10 s; ``None`` where the kernel does not tell."""
    stalls: list[Stall] = [s for s in (snapshot.pressure.cpu, snapshot.pressure.memory, snapshot.pressure.io) if s]
    return any(stall.some_avg10 >= 5 for stall in stalls) if stalls else None


def disks(snapshot: Snapshot) -> str:
    """The busiest devices."""
    if not snapshot.disks:
        return "No disk is visible on this node."
    busiest = sorted(snapshot.disks, key=lambda disk: (-disk.busy_percent, disk.name))[:3]
    told = [
        f"{quoted(disk.name)} is {percent(disk.busy_percent)} busy ({rate(disk.read_bytes_s)} read, "
        f"{rate(disk.write_bytes_s)} written)"
        for disk in busiest
    ]
    return f"Disks: {listed(told)}."


def disk_users(snapshot: Snapshot) -> str:
    """Who reads and writes most, as far as it is told; empty where nobody does."""
    own = snapshot.self_use.pid
    moved = [(p.read_bytes_s or 0.0, p.write_bytes_s or 0.0, p) for p in snapshot.processes if p.pid != own]
    top = heapq.nlargest(2, (m for m in moved if m[0] + m[1] >= 1024), key=lambda m: m[0] + m[1])
    told = [f"{who(p)} reads {rate(read)} and writes {rate(written)}" for read, written, p in top]
    return f"{listed(told)}." if told else ""


def space(snapshot: Snapshot) -> str:
    """The fullest file systems."""
    fullest = sorted((s for s in snapshot.filesystems if not s.read_only), key=lambda s: (-s.percent, s.mount))[:3]
    told = [
        f"{quoted(s.mount, PATH_LIMIT)} is {percent(s.percent)} full with {size(s.available_bytes)} left"
        for s in fullest
    ]
    return f"Space: {listed(told)}." if told else "No writable file system is visible on this node."


def network(snapshot: Snapshot) -> str:
    """The busiest interfaces, loopback left out."""
    wires = [wire for wire in snapshot.interfaces if wire.name != "lo"]
    busiest = sorted(wires, key=lambda w: (-(w.receive_bytes_s + w.transmit_bytes_s), w.name))[:3]
    told = [
        f"{quoted(wire.name)} receives {rate(wire.receive_bytes_s)} and sends {rate(wire.transmit_bytes_s)}"
        for wire in busiest
    ]
    if not told:
        return "This node has no network interface besides loopback."
    faulty = [quoted(wire.name) for wire in wires if wire.errors_s >= 1]
    return f"Network: {listed(told)}." + (f" Packets are lost on {listed(faulty)}." if faulty else "")


def gpus(snapshot: Snapshot) -> str:
    """Each GPU, three at most."""
    if not snapshot.gpus:
        return "This node has no GPU that telltop can read."
    sentences = []
    for gpu in snapshot.gpus[:3]:
        told = [f"{percent(gpu.busy_percent)} busy"] if gpu.busy_percent is not None else []
        if gpu.memory_used_bytes is not None and gpu.memory_total_bytes:
            told.append(f"{size(gpu.memory_used_bytes)} of {size(gpu.memory_total_bytes)} in use")
        if gpu.temperature_c is not None:
            told.append(f"{gpu.temperature_c:.0f} °C")
        sentences.append(f"GPU {gpu.index} ({quoted(gpu.name)}): {listed(told) or 'its driver tells nothing'}.")
    return " ".join(sentences)


def process(one: Process, snapshot: Snapshot) -> str:
    """One process in a sentence."""
    age = span(snapshot.uptime_s - one.started)
    threads = f"{one.threads} thread{'' if one.threads == 1 else 's'}"
    told = f"{who(one)}, user {quoted(one.user)}, has run for {age} and is {STATES.get(one.state, 'in another state')}"
    if one.state == "Z":
        return f"{told}."
    told += f": {percent(one.cpu_percent)} of one core, {size(one.rss_bytes)} of memory, {threads}"
    if one.read_bytes_s or one.write_bytes_s:
        told += f", {rate(one.read_bytes_s or 0.0)} read and {rate(one.write_bytes_s or 0.0)} written"
    return f"{told}."


def host(snapshot: Snapshot) -> str:
    """What this node is."""
    node = snapshot.host
    return (
        f"This is {quoted(node.name)}, {quoted(node.system, 48)}, with {_cores(node.cores)} and "
        f"{size(node.memory_total_bytes)} of memory, up for {span(snapshot.uptime_s)}; it runs "
        f"{len(snapshot.processes)} process{'' if len(snapshot.processes) == 1 else 'es'}."
    )


def _cores(count: int) -> str:
    return f"{count} core{'' if count == 1 else 's'}"


def _tasks(count: int) -> str:
    return f"{count} task{'' if count == 1 else 's'}"
