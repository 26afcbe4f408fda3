"""A snapshot in words and figures, for a person without a screen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from engine.snapshot import Gpu, Process, Snapshot, Stall
from engine.units import compact, percent, rate, size, span

_MOST_PROCESSES = 10
_MOST_DEVICES = 8

Row = tuple[str, str]


def report(taken: Snapshot, *, width: int, color: bool) -> str:
    """The whole report, lines of at most ``width`` characters; without ``color`` no escape sequence is in it."""
    head = f"{taken.host.name}  {taken.host.system}  up {span(taken.uptime_s)}  {_time(taken.time)}"
    lines = [_bold(head[:width], color)]
    lines += [_row(name, text, width, color) for name, text in _rows(taken)]
    busiest = sorted(taken.processes, key=lambda process: -process.cpu_percent)
    largest = sorted(taken.processes, key=lambda process: -process.rss_bytes)
    lines += _table(f"{len(taken.processes)} processes, by CPU", busiest, width, color)
    lines += _table("by memory", largest, width, color)
    lines += [_row("note", note, width, color) for note in taken.notes]
    return "\n".join(lines) + "\n"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def _bold(text: str, color: bool) -> str:
    return f"\x1b[1m{text}\x1b[0m" if color else text


def _row(name: str, text: str, width: int, color: bool) -> str:
    label = f"{name:<10}"
    return (f"\x1b[36m{label}\x1b[0m" if color else label) + text[: max(0, width - len(label))]


def _rows(taken: Snapshot) -> Iterator[Row]:
    yield from _processor(taken)
    memory = taken.memory
    yield (
        "memory",
        f"{percent(memory.percent)}  {size(memory.used_bytes)} of {size(memory.total_bytes)}, "
        f"{size(memory.available_bytes)} available",
    )
    if memory.swap_total_bytes:
        yield (
            "swap",
            f"{percent(memory.swap_percent)}  {size(memory.swap_used_bytes)} of {size(memory.swap_total_bytes)}, "
            f"in {rate(memory.swap_in_bytes_s)}, out {rate(memory.swap_out_bytes_s)}",
        )
    yield from _pressure(taken)
    yield from _devices(taken)
    own = taken.self_use
    yield "telltop", f"{percent(own.cpu_percent)} of a core, {size(own.rss_bytes)}"


def _processor(taken: Snapshot) -> Iterator[Row]:
    now = taken.cpu
    parts = [
        f"{percent(now.percent)} of {taken.host.cores} cores",
        f"user {now.user:.0f} system {now.system:.0f} iowait {now.iowait:.0f} steal {now.steal:.0f}",
        f"load {now.load[0]:.2f} {now.load[1]:.2f} {now.load[2]:.2f}",
    ]
    if now.frequency_mhz:
        parts.append(f"{now.frequency_mhz / 1000:.1f} GHz")
    if now.temperature_c:
        parts.append(f"{now.temperature_c:.0f} C")
    yield "cpu", "  ".join(parts)


def _pressure(taken: Snapshot) -> Iterator[Row]:
    def shown(name: str, stall: Stall | None) -> str:
        return f"{name} {percent(stall.some_avg10)}" if stall else ""

    stalls = taken.pressure
    parts = [shown("cpu", stalls.cpu), shown("memory", stalls.memory), shown("io", stalls.io)]
    if any(parts):
        yield "pressure", "  ".join(filter(None, parts)) + "  of the last 10 s some task stalled"


def _devices(taken: Snapshot) -> Iterator[Row]:
    disks = sorted(taken.disks, key=lambda disk: -(disk.read_bytes_s + disk.write_bytes_s))
    for disk in disks[:_MOST_DEVICES]:
        figures = f"read {rate(disk.read_bytes_s)}  write {rate(disk.write_bytes_s)}  busy {percent(disk.busy_percent)}"
        yield "disk", f"{disk.name}  {figures}"
    for system in sorted(taken.filesystems, key=lambda system: -system.percent)[:_MOST_DEVICES]:
        mode = "  read-only" if system.read_only else ""
        figures = f"{percent(system.percent)}  {size(system.available_bytes)} of {size(system.total_bytes)} left{mode}"
        yield "space", f"{system.mount}  {figures}"
    wires = sorted(taken.interfaces, key=lambda wire: -(wire.receive_bytes_s + wire.transmit_bytes_s))
    for wire in wires[:_MOST_DEVICES]:
        errors = f"  errors {wire.errors_s:.1f}/s" if wire.errors_s else ""
        figures = f"receive {rate(wire.receive_bytes_s)}  transmit {rate(wire.transmit_bytes_s)}{errors}"
        yield "network", f"{wire.name}  {figures}"
    for gpu in taken.gpus:
        yield "gpu", _gpu(gpu)


def _gpu(gpu: Gpu) -> str:
    parts = [f"{gpu.index} {gpu.name}"]
    if gpu.busy_percent is not None:
        parts.append(percent(gpu.busy_percent))
    if gpu.memory_used_bytes is not None and gpu.memory_total_bytes:
        parts.append(f"{size(gpu.memory_used_bytes)} of {size(gpu.memory_total_bytes)}")
    if gpu.temperature_c is not None:
        parts.append(f"{gpu.temperature_c:.0f} C")
    if gpu.power_w is not None:
        parts.append(f"{gpu.power_w:.0f} W")
    return "  ".join(parts)


def _table(title: str, processes: Iterable[Process], width: int, color: bool) -> list[str]:
    shown = [p for p in processes if not p.kernel or p.cpu_percent > 0][:_MOST_PROCESSES]
    header = f"{'PID':>7} {'USER':<10} {'CPU%':>6} {'MEM':>6} S COMMAND"
    rows = [
        f"{p.pid:>7} {p.user[:10]:<10} {p.cpu_percent:>6.1f} {compact(p.rss_bytes):>6} {p.state} {p.command}"[:width]
        for p in shown
    ]
    return ["", _bold(title[:width], color), header[:width], *rows]
