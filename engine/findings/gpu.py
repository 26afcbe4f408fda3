"""GPUs: memory that runs out, so that the next allocation fails or spills."""

from __future__ import annotations

from engine.findings.blame import Weighted, blame, named
from engine.findings.condition import Condition, numbered
from engine.findings.naming import quoted
from engine.findings.settings import Settings
from engine.snapshot import Gpu, Snapshot
from engine.telemetry.history import History
from engine.units import percent, size


def gpu_memory_full(history: History, settings: Settings) -> list[Condition]:
    """``gpu_memory_full``: a GPU's memory is nearly all taken, what telltop's own model holds left out."""
    now = history.latest
    if now is None:
        return []
    found = (_full(gpu, now, settings) for gpu in now.gpus)
    return [condition for condition in found if condition]


def _full(gpu: Gpu, now: Snapshot, settings: Settings) -> Condition | None:
    if not gpu.memory_total_bytes or gpu.memory_used_bytes is None:
        return None
    held = {holder.pid: holder.memory_bytes or 0 for holder in gpu.processes}
    used = gpu.memory_used_bytes - held.pop(now.self_use.pid, 0)
    taken = 100.0 * used / gpu.memory_total_bytes
    grade = settings.gpu_taken.grade(taken)
    if grade is None:
        return None
    holders: list[Weighted] = [(float(held[p.pid]), p) for p in now.processes if p.pid in held]
    culprits = blame(holders, whole=float(used))
    led = f"; {named(culprits, 1)} holds the most" if culprits else ""
    return Condition(
        "gpu_memory_full",
        str(gpu.index),
        grade,
        settings.gpu_taken,
        f"Memory of GPU {gpu.index} ({quoted(gpu.name)}) is {percent(taken)} full: {size(used)} of "
        f"{size(gpu.memory_total_bytes)}{led}.",
        culprits,
        numbered(
            (f"memory used on GPU {gpu.index}", taken, "%"),
            ("bytes used", used, "B"),
            ("bytes in all", gpu.memory_total_bytes, "B"),
        ),
        "The next allocation may fail or spill to slow memory: lower the batch or context size, or stop a holder.",
    )
