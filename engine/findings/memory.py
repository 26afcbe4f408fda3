"""Memory: tasks that stall on it, the kernel about to kill, pages going out and straight back in."""

from __future__ import annotations

from engine.findings.blame import blame, by_memory, by_waiting, named
from engine.findings.condition import Condition, numbered
from engine.findings.settings import Settings
from engine.snapshot import Memory
from engine.telemetry.history import History
from engine.units import percent, rate, size


def memory_pressure(history: History, settings: Settings) -> list[Condition]:
    """``memory_pressure``: tasks stall because memory must first be found for them (PSI), or hardly any is left."""
    now = history.latest
    if now is None:
        return []
    stall, memory = now.pressure.memory, now.memory
    limits = settings.memory_stall if stall else settings.memory_taken
    grade = limits.grade(stall.some_percent if stall else memory.percent)
    if grade is None:
        return []
    holders = blame(by_memory(now), whole=float(memory.used_bytes))
    # With plenty left on the node the shortage is that of a limited control group: who waits is in it.
    culprits = (blame(by_waiting(history)) if memory.percent < 80 else ()) or holders
    led = f"; {named(culprits, 1)} is most to blame" if culprits else ""
    if stall:
        sentence = (
            f"Tasks wait for memory {percent(stall.some_percent)} of the time, with {size(memory.available_bytes)} "
            f"available{led}."
        )
    else:
        sentence = f"Memory is {percent(memory.percent)} used, {size(memory.available_bytes)} available{led}."
    return [
        Condition(
            "memory_pressure",
            "",
            grade,
            limits,
            sentence,
            culprits,
            numbered(
                *((("time stalled on memory", stall.some_percent, "%"),) if stall else ()),
                ("memory used", memory.percent, "%"),
                ("memory available", memory.available_bytes, "B"),
            ),
            "Stop or restart what holds memory it does not need, or give the node (or the limited group) more.",
        )
    ]


def _taken(memory: Memory) -> float:
    """The lower of the taken percentages of memory and swap: there is risk only when both run out."""
    if not memory.total_bytes:
        return 0.0
    taken = 100.0 * (1 - memory.available_bytes / memory.total_bytes)
    return min(taken, memory.swap_percent) if memory.swap_total_bytes else taken


def oom_risk(history: History, settings: Settings) -> list[Condition]:
    """``oom_risk``: memory and swap are both nearly gone; next the kernel kills a process."""
    now = history.latest
    grade = settings.oom.grade(_taken(now.memory)) if now else None
    if now is None or grade is None:
        return []
    memory = now.memory
    culprits = blame(by_memory(now), whole=float(memory.used_bytes))
    swap = f" and swap is {percent(memory.swap_percent)} full" if memory.swap_total_bytes else " and there is no swap"
    led = f"; {named(culprits, 1)} holds the most" if culprits else ""
    return [
        Condition(
            "oom_risk",
            "",
            grade,
            settings.oom,
            f"Memory is nearly gone: {size(memory.available_bytes)} of {size(memory.total_bytes)} left{swap}{led}.",
            culprits,
            numbered(
                ("memory available", memory.available_bytes, "B"),
                ("memory in all", memory.total_bytes, "B"),
                ("memory used", memory.percent, "%"),
                *((("swap used", memory.swap_percent, "%"),) if memory.swap_total_bytes else ()),
            ),
            "Free memory now, before the kernel chooses a process to kill: stop or restart the largest that can be "
            "spared.",
        )
    ]


def swap_thrash(history: History, settings: Settings) -> list[Condition]:
    """``swap_thrash``: pages go out to swap and come back at the same time."""
    now = history.latest
    grade = settings.thrash.grade(min(now.memory.swap_in_bytes_s, now.memory.swap_out_bytes_s)) if now else None
    if now is None or grade is None:
        return []
    memory = now.memory
    culprits = blame(by_memory(now), whole=float(memory.used_bytes))
    led = f"; {named(culprits, 1)} holds the most memory" if culprits else ""
    return [
        Condition(
            "swap_thrash",
            "",
            grade,
            settings.thrash,
            f"The node is thrashing: {rate(memory.swap_in_bytes_s)} in from swap while "
            f"{rate(memory.swap_out_bytes_s)} goes out{led}.",
            culprits,
            numbered(
                ("swapped in", memory.swap_in_bytes_s, "B/s"),
                ("swapped out", memory.swap_out_bytes_s, "B/s"),
                ("memory used", memory.percent, "%"),
            ),
            "The programs that run need more memory than there is: stop one of them; more swap will not help.",
        )
    ]
