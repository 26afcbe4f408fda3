"""What a model is told of the node: numbered facts in a compact text of a bounded size, what rarely changes first.

Names come from the node and may say anything. They are cut, quoted and made of characters that can form neither a
chat template's marker nor a quotation mark, so that they can only be read as names.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Sequence
from operator import attrgetter

from msgspec import Struct

from engine.analysis.neutral import neutral
from engine.finding import Fact, Finding
from engine.snapshot import Process, Snapshot
from engine.telemetry.history import Point
from engine.units import percent, rate, size

TOKEN_BUDGET = 600
"""At most this many tokens by :func:`tokens`, at any size of the node."""
TOP = 10
LEAST_CPU = 0.1
"""Percent of a core below which a process is not named for its CPU."""
LEAST_RSS = 1024 * 1024
"""Bytes below which a process is not named for its memory."""
NAME_LIMIT = 32
_LEVELS = 7

_PIECE = re.compile(r"[A-Za-z]+|\d|[^\sA-Za-z\d]|\n")


class Digest(Struct, frozen=True):
    """A snapshot and its findings as a model reads them."""

    facts: tuple[Fact, ...]
    """Every numbered line of the text."""
    text: str


def tokens(text: str) -> int:
    """An estimate from above: a token for each digit and sign, and for every four letters of a word.

    Digits one by one is what the tokenizers of Qwen and Gemma make of them; others join up to three.
    """
    return sum(1 + (len(piece) - 1) // 4 for piece in _PIECE.findall(text))


def digest(snapshot: Snapshot, findings: Sequence[Finding], points: Sequence[Point] = ()) -> Digest:
    """The node in at most ``TOKEN_BUDGET`` tokens. Where that is tight, the longest lists give way first."""
    for shortened in range(_LEVELS):
        lines = _lines(snapshot, findings, points, shortened)
        made = _numbered(_host(snapshot), lines)
        if tokens(made.text) <= TOKEN_BUDGET:
            return made
    while tokens(made.text) > TOKEN_BUDGET:  # names made to be long in tokens: the longest lines go, the first stays
        lines.remove(max(lines[1:], key=tokens))
        made = _numbered(_host(snapshot), lines)
    return made


def _numbered(host: str, lines: list[str]) -> Digest:
    facts = tuple(Fact(f"f{place}", line) for place, line in enumerate(lines, 1))
    return Digest(facts, "\n".join([host, *(f"{fact.id} {fact.text}" for fact in facts)]))


def _lines(snapshot: Snapshot, findings: Sequence[Finding], points: Sequence[Point], shortened: int) -> list[str]:
    """The facts; ``shortened`` says how much to leave out, from 0 on."""
    devices = max(1, 3 - shortened)
    named = TOP if shortened < 5 else TOP // 2
    width = NAME_LIMIT if shortened < 2 else 16
    return [
        *_findings(findings, max(2, 6 - shortened), 200 if shortened < 3 else 110),
        *_space(snapshot, devices),
        _memory(snapshot),
        _cpu(snapshot),
        *_pressure(snapshot),
        *_disks(snapshot, devices),
        *_network(snapshot, devices),
        *_gpus(snapshot, devices),
        *(_trend(snapshot, points) if shortened < 4 else []),
        *_top(snapshot, "most memory (MiB)", "rss_bytes", LEAST_RSS, _mebibytes, named, width),
        *_top(snapshot, "most CPU (% of a core)", "cpu_percent", LEAST_CPU, _of_a_core, named, width),
    ]


def _name(name: str, limit: int = NAME_LIMIT) -> str:
    """In quotation marks, at most ``limit`` characters and a third of that in tokens."""
    told = neutral(name, limit)
    while tokens(told) > limit // 3 + 1:
        told = told[:-1]
    return f'"{told}"'


def _host(snapshot: Snapshot) -> str:
    host = snapshot.host
    memory = size(host.memory_total_bytes)
    return f"Node {_name(host.name)}: {neutral(host.system, 40)}, {host.cores} cores, {memory} memory"


def _findings(findings: Sequence[Finding], most: int, width: int) -> list[str]:
    if not findings:
        return ["findings: none open, nothing is wrong"]
    lines = []
    for finding in findings[:most]:
        line = f"finding, {finding.severity}, {finding.kind}: {neutral(finding.sentence, width)}"
        if finding.culprits:
            first = finding.culprits[0]
            whom = "Its" if f"({first.pid})" in finding.sentence else f"{_name(first.name, 16)} {first.pid}:"
            line += f" {whom} share: {percent(100 * first.share)}"
        lines.append(line)
    if len(findings) > most:
        lines.append(f"{len(findings) - most} more findings are open")
    return lines


def _cpu(snapshot: Snapshot) -> str:
    now = snapshot.cpu
    parts = [f"user {percent(now.user)}", f"system {percent(now.system)}"]
    parts += [f"iowait {percent(now.iowait)}"] if now.iowait >= 1 else []
    parts += [f"steal {percent(now.steal)}"] if now.steal >= 1 else []
    load = " ".join(f"{value:.2f}" for value in now.load)
    return (
        f"CPU {percent(now.percent)} busy ({', '.join(parts)}); load {load}; "
        f"{now.runnable} runnable, {now.blocked} blocked"
    )


def _memory(snapshot: Snapshot) -> str:
    now = snapshot.memory
    line = f"memory {percent(now.percent)} used, {size(now.available_bytes)} available"
    if not now.swap_total_bytes:
        return f"{line}; no swap"
    line += f"; swap {percent(now.swap_percent)} used"
    if now.swap_in_bytes_s or now.swap_out_bytes_s:
        line += f", {rate(now.swap_in_bytes_s)} in, {rate(now.swap_out_bytes_s)} out"
    return line


def _pressure(snapshot: Snapshot) -> list[str]:
    stalls = (("CPU", snapshot.pressure.cpu), ("memory", snapshot.pressure.memory), ("I/O", snapshot.pressure.io))
    told = [f"{name} {percent(stall.some_avg10)}" for name, stall in stalls if stall]
    return [f"pressure, time in which tasks waited: {', '.join(told)}"] if told else []


def _space(snapshot: Snapshot, most: int) -> list[str]:
    fullest = heapq.nlargest(most, (s for s in snapshot.filesystems if not s.read_only), key=attrgetter("percent"))
    told = [f"{_name(s.mount)} {percent(s.percent)} full, {size(s.available_bytes)} left" for s in fullest]
    return [f"space: {'; '.join(told)}"] if told else []


def _disks(snapshot: Snapshot, most: int) -> list[str]:
    busiest = heapq.nlargest(most, (d for d in snapshot.disks if d.busy_percent >= 1), key=attrgetter("busy_percent"))
    told = [
        f"{_name(d.name, 16)} {percent(d.busy_percent)} busy, "
        f"{rate(d.read_bytes_s)} read, {rate(d.write_bytes_s)} written"
        for d in busiest
    ]
    return [f"disks: {'; '.join(told)}"] if told else []


def _network(snapshot: Snapshot, most: int) -> list[str]:
    wires = [w for w in snapshot.interfaces if w.name != "lo" and w.receive_bytes_s + w.transmit_bytes_s >= 1024]
    busiest = heapq.nlargest(most, wires, key=lambda w: w.receive_bytes_s + w.transmit_bytes_s)
    told = [f"{_name(w.name, 16)} {rate(w.receive_bytes_s)} in, {rate(w.transmit_bytes_s)} out" for w in busiest]
    return [f"network: {'; '.join(told)}"] if told else []


def _gpus(snapshot: Snapshot, most: int) -> list[str]:
    lines = []
    for gpu in heapq.nlargest(most, snapshot.gpus, key=lambda g: g.busy_percent or 0.0):
        told = [f"{percent(gpu.busy_percent)} busy"] if gpu.busy_percent is not None else []
        if gpu.memory_used_bytes is not None and gpu.memory_total_bytes:
            told.append(f"{size(gpu.memory_used_bytes)} of {size(gpu.memory_total_bytes)} used")
        told += [f"{gpu.temperature_c:.0f} °C"] if gpu.temperature_c is not None else []
        lines.append(f"GPU {gpu.index} {_name(gpu.name, 24)}: {', '.join(told) or 'no figures'}")
    return lines


def _trend(snapshot: Snapshot, points: Sequence[Point]) -> list[str]:
    told = []
    for minutes in (1, 10):
        wanted = snapshot.monotonic - 60 * minutes
        near = min(points, key=lambda point: abs(point.monotonic - wanted), default=None)
        if near and abs(near.monotonic - wanted) < 10:
            told.append(f"{minutes} min ago CPU {percent(near.cpu_percent)}, memory {percent(near.memory_percent)}")
    return [f"earlier: {'; '.join(told)}"] if told else []


def _top(
    snapshot: Snapshot, title: str, by: str, least: float, figure: Callable[[Process], str], most: int, width: int
) -> list[str]:
    own, weight = snapshot.self_use.pid, attrgetter(by)
    top = heapq.nlargest(most + 1, snapshot.processes, key=weight)
    kept = [p for p in top if p.pid != own and weight(p) >= least][:most]
    told = [f"{_name(p.name, width)} {p.pid} {figure(p)}" for p in kept]
    return [f"{title}, name pid: {', '.join(told)}"] if told else []


def _mebibytes(process: Process) -> str:
    return f"{process.rss_bytes / 1048576:.0f}"


def _of_a_core(process: Process) -> str:
    return f"{process.cpu_percent:.1f}"
