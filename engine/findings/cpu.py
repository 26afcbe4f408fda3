"""Processors: saturated, pinned by one process, waiting for storage, taken by the hypervisor; and load without use."""

from __future__ import annotations

from engine.finding import Culprit
from engine.findings.blame import blame, by_cpu, by_io, culprit, families_first, named
from engine.findings.condition import Condition, number, numbered
from engine.findings.naming import who
from engine.findings.settings import Grade, Settings
from engine.snapshot import Process, Snapshot
from engine.telemetry.history import History
from engine.units import percent

MOST_SPINNERS = 8


def saturated(history: History, settings: Settings) -> list[Condition]:
    """``cpu_saturated``: the node is busy and more tasks want to run than there are cores, telltop's own left out."""
    now = history.latest
    if now is None:
        return []
    cores = max(1, now.host.cores)
    own_tasks = 1 + round(now.self_use.cpu_percent / 100)  # the sampler runs while it counts, and so may a model
    queue = max(0, now.cpu.runnable - own_tasks)
    stall = now.pressure.cpu
    grade = settings.cpu_queue.grade(queue / cores)
    others = max(0.0, now.cpu.percent - now.self_use.cpu_percent / cores)
    if grade is None or now.cpu.percent < settings.cpu_busy_percent - 10 or others < settings.cpu_busy_percent / 2:
        return []
    if now.cpu.percent < settings.cpu_busy_percent or (stall and stall.some_percent < settings.cpu_stall_percent):
        grade = "hold"
    culprits = families_first(by_cpu(now), whole=others * cores)
    led = f"; {named(culprits)} {'lead' if len(culprits) > 1 else 'leads'}" if culprits else ""
    return [
        Condition(
            "cpu_saturated",
            "",
            grade,
            settings.cpu_queue,
            f"The processors are saturated: {percent(others)} busy, {number(queue, 'task')} for "
            f"{number(cores, 'core')}{led}.",
            culprits,
            numbered(
                ("CPU busy, telltop left out", others, "%"),
                ("tasks that run or wait for a core", queue, ""),
            ),
            "Lower the priority of what can wait (renice), run fewer jobs at once, or move work to another node.",
        )
    ]


def spin(history: History, settings: Settings) -> list[Condition]:
    """``cpu_spin``: one process keeps a core, or several, to itself. The longest-lived come first."""
    now = history.latest
    if now is None:
        return []
    own, least = now.self_use.pid, settings.cpu_spin.clear
    busy = [p for p in now.processes if p.cpu_percent >= least and p.pid != own]
    busy.sort(key=lambda process: process.started)
    return [_spinning(process, now, settings) for process in busy[:MOST_SPINNERS]]


def _spinning(process: Process, now: Snapshot, settings: Settings) -> Condition:
    cores = max(1, now.host.cores)
    limits = settings.cpu_spin
    grade: Grade = "warning" if process.cpu_percent >= limits.warning else "hold"
    of_node = process.cpu_percent / cores
    stall = now.pressure.cpu
    others_wait = stall.some_percent >= settings.cpu_stall_percent if stall else now.cpu.runnable > cores + 1
    if grade == "warning" and of_node >= settings.spin_node_percent and others_wait:
        grade = "critical"
    if process.cpu_percent < 150:
        sentence = f"{who(process)} keeps a core busy: {percent(process.cpu_percent)} of one core."
    else:
        sentence = f"{who(process)} keeps {process.cpu_percent / 100:.1f} of {cores} cores busy."
    if process.kernel:
        advice = "It is a kernel thread: look for what drives it (perf top, /proc/interrupts), it cannot be stopped."
    else:
        advice = (
            f"See what it is doing (perf top -p {process.pid}, or strace -p {process.pid}); "
            "if it is not meant to, lower its priority (renice) or stop it."
        )
    return Condition(
        "cpu_spin",
        f"{process.pid}@{process.started:.2f}",
        grade,
        limits,
        sentence,
        (culprit(process, min(1.0, of_node / now.cpu.percent) if now.cpu.percent else 1.0),),
        numbered(
            (f"CPU of {who(process)}, of one core", process.cpu_percent, "%"),
            ("cores that it fills", process.cpu_percent / 100, ""),
        ),
        advice,
    )


def load_high(history: History, settings: Settings) -> list[Condition]:
    """``load_high``: processes stuck in uninterruptible sleep raise the load while the processors have time."""
    now = history.latest
    if now is None:
        return []
    stuck = {p.pid: p for p in now.processes if p.state == "D" and not p.kernel and p.pid != now.self_use.pid}
    window = history.recent(settings.stuck_s) if len(stuck) >= settings.stuck.clear else []
    if len(window) < 2 or now.cpu.percent >= settings.cpu_busy_percent:
        return []
    for earlier in window[:-1]:
        still = {p.pid for p in earlier.processes if p.state == "D"}
        stuck = {pid: process for pid, process in stuck.items() if pid in still}
    grade = settings.stuck.grade(len(stuck))
    if grade is None:
        return []
    culprits = blame([(1.0, process) for process in stuck.values()], whole=len(stuck)) or _first(stuck)
    return [
        Condition(
            "load_high",
            "",
            grade,
            settings.stuck,
            f"{number(len(stuck), 'process', 'processes')} stuck in uninterruptible sleep, {named(culprits)} among "
            f"them: load {now.cpu.load[0]:.1f} with the processors {percent(now.cpu.percent)} busy.",
            culprits,
            numbered(
                ("processes stuck in state D", len(stuck), ""),
                ("load over 1 minute", now.cpu.load[0], ""),
                ("CPU busy", now.cpu.percent, "%"),
            ),
            "See what they wait for (cat /proc/PID/stack, dmesg): most often a slow or dead disk or network mount. "
            "They cannot be killed until it answers.",
        )
    ]


def _first(stuck: dict[int, Process]) -> tuple[Culprit, ...]:
    ordered = sorted(stuck.values(), key=lambda process: process.pid)
    return tuple(culprit(process, 1 / len(stuck)) for process in ordered[:3])


def iowait_high(history: History, settings: Settings) -> list[Condition]:
    """``iowait_high``: cores stand idle because what they would run waits for storage."""
    now = history.latest
    grade = settings.iowait.grade(now.cpu.iowait) if now else None
    if now is None or grade is None:
        return []
    culprits = blame(by_io(history))
    led = f"; {named(culprits)} {'wait' if len(culprits) > 1 else 'waits'} most" if culprits else ""
    stall = now.pressure.io
    return [
        Condition(
            "iowait_high",
            "",
            grade,
            settings.iowait,
            f"The processors wait for storage {percent(now.cpu.iowait)} of the time{led}.",
            culprits,
            numbered(
                ("time idle with storage outstanding", now.cpu.iowait, "%"),
                *((("I/O pressure", stall.some_avg10, "%"),) if stall else ()),
            ),
            "See which device is busy and who uses it (the disks panel, iotop); move or slow down the heaviest reader "
            "or writer (ionice).",
        )
    ]


def steal_high(history: History, settings: Settings) -> list[Condition]:
    """``steal_high``: the hypervisor gives this node's processors to others. No process here is to blame."""
    now = history.latest
    grade = settings.steal.grade(now.cpu.steal) if now else None
    if now is None or grade is None:
        return []
    return [
        Condition(
            "steal_high",
            "",
            grade,
            settings.steal,
            f"The hypervisor withholds {percent(now.cpu.steal)} of the processor time of this node.",
            (),
            numbered(("time stolen by the hypervisor", now.cpu.steal, "%")),
            "Nothing on this node causes it: move it to a less crowded host or buy an instance with more CPU credit.",
        )
    ]
