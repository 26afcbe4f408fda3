"""All detectors, and which kind of finding is graver where the severity is the same."""

from __future__ import annotations

from engine.findings.births import fork_storm, short_job_flood
from engine.findings.condition import Detector
from engine.findings.cpu import iowait_high, load_high, saturated, spin, steal_high
from engine.findings.disk import disk_full, disk_saturated
from engine.findings.exhaustion import connection_flood, fd_exhaustion, thread_explosion
from engine.findings.gpu import gpu_memory_full
from engine.findings.leak import memory_leak
from engine.findings.memory import memory_pressure, oom_risk, swap_thrash
from engine.findings.processes import zombies

DETECTORS: tuple[Detector, ...] = (
    oom_risk,
    memory_pressure,
    swap_thrash,
    memory_leak,
    disk_full,
    disk_saturated,
    iowait_high,
    load_high,
    saturated,
    spin,
    steal_high,
    gpu_memory_full,
    zombies,
    fork_storm,
    short_job_flood,
    fd_exhaustion,
    thread_explosion,
    connection_flood,
)

KINDS: tuple[str, ...] = (
    "oom_risk",
    "disk_full",
    "swap_thrash",
    "memory_pressure",
    "fork_storm",
    "memory_leak",
    "fd_exhaustion",
    "disk_saturated",
    "iowait_high",
    "load_high",
    "cpu_saturated",
    "gpu_memory_full",
    "connection_flood",
    "thread_explosion",
    "short_job_flood",
    "cpu_spin",
    "steal_high",
    "zombies",
)
"""Every kind, the gravest first: what takes programs down before what slows them."""
