"""GPUs: memory that runs out, processes that compete, chips that slow down or err, memory that is held for nothing."""

from __future__ import annotations

import re

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


def gpu_saturated(history: History, settings: Settings) -> list[Condition]:
    """``gpu_saturated``: a GPU is busy all the time and several processes compete for it; one alone is well."""
    now, found = history.latest, []
    for gpu in now.gpus if now else ():
        grade = settings.gpu_busy.grade(gpu.busy_percent or 0.0)
        if now is None or grade is None:
            continue
        shares = {h.pid: h.busy_percent or 0.0 for h in gpu.processes if h.pid != now.self_use.pid and h.busy_percent}
        users: list[Weighted] = [(shares[p.pid], p) for p in now.processes if p.pid in shares]
        culprits = blame(users)
        if len(culprits) < 2:
            continue
        found.append(
            Condition(
                "gpu_saturated",
                str(gpu.index),
                grade,
                settings.gpu_busy,
                f"GPU {gpu.index} is {percent(gpu.busy_percent or 0.0)} busy with {len(users)} processes; "
                f"{named(culprits, 1)} uses the most.",
                culprits,
                numbered(
                    (f"busy time of GPU {gpu.index}", gpu.busy_percent or 0.0, "%"), ("processes on it", len(users), "")
                ),
                "Run them one after the other, or move one to another GPU (CUDA_VISIBLE_DEVICES).",
            )
        )
    return found


def gpu_throttled(history: History, settings: Settings) -> list[Condition]:
    """``gpu_throttled``: a GPU at work is made slower by heat or a fault; reaching its power limit is ordinary."""
    now, found = history.latest, []
    for gpu in now.gpus if now else ():
        reasons = [reason for reason in gpu.throttled if not _ORDINARY.search(reason)]
        if not reasons or (gpu.busy_percent or 0.0) < settings.gpu_working_percent:
            continue
        found.append(
            Condition(
                "gpu_throttled",
                str(gpu.index),
                "warning",
                settings.lasting,
                f"GPU {gpu.index} runs slower than it could: {', '.join(reasons[:3])}.",
                (),
                numbered((f"reasons why GPU {gpu.index} is slowed down", len(reasons), "")),
                "Look at its fans and the air that it gets; a hardware slowdown that stays is a fault of its power.",
            )
        )
    return found


_ORDINARY = re.compile(r"power limit|pace of others")


def gpu_ecc(history: History, settings: Settings) -> list[Condition]:
    """``gpu_ecc``: a GPU's memory has returned what was never written to it."""
    now, found = history.latest, []
    for gpu in now.gpus if now else ():
        grade = settings.gpu_errors.grade(gpu.ecc_uncorrected or 0)
        if grade is None:
            continue
        found.append(
            Condition(
                "gpu_ecc",
                str(gpu.index),
                grade,
                settings.gpu_errors,
                f"GPU {gpu.index} has had {gpu.ecc_uncorrected} memory errors that could not be corrected.",
                (),
                numbered((f"uncorrected memory errors of GPU {gpu.index}", gpu.ecc_uncorrected or 0, "")),
                "What it computed may be wrong: drain and reset it (nvidia-smi -r); if they return, have it replaced.",
            )
        )
    return found


def gpu_idle_but_held(history: History, settings: Settings) -> list[Condition]:
    """``gpu_idle_but_held``: processes hold a good part of a GPU's memory for minutes in which it does nothing."""
    now, found = history.latest, []
    for gpu in now.gpus if now else ():
        held = {h.pid: h.memory_bytes or 0 for h in gpu.processes}
        if now is None or gpu.busy_percent is None or gpu.busy_percent >= 1 or not gpu.memory_total_bytes:
            continue
        holders: list[Weighted] = [
            (float(held[p.pid]), p) for p in now.processes if p.pid in held and p.pid != now.self_use.pid
        ]
        taken = sum(weight for weight, _ in holders)
        grade = settings.gpu_held.grade(100 * taken / gpu.memory_total_bytes)
        culprits = blame(holders)
        if grade is None or not culprits:
            continue
        found.append(
            Condition(
                "gpu_idle_but_held",
                str(gpu.index),
                grade,
                settings.gpu_held,
                f"GPU {gpu.index} does nothing while {named(culprits, 1)} holds {size(taken)} of its memory.",
                culprits,
                numbered(
                    (f"memory held on GPU {gpu.index}", taken, "B"), ("bytes in all", gpu.memory_total_bytes, "B")
                ),
                "Stop what has been forgotten there, such as a notebook; others could use it.",
            )
        )
    return found
