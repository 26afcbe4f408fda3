"""All detectors, and which kind of finding is graver where the severity is the same."""

from __future__ import annotations

from engine.findings.births import fork_storm, short_job_flood
from engine.findings.condition import Detector
from engine.findings.cpu import iowait_high, load_high, saturated, spin, steal_high
from engine.findings.disk import disk_full, disk_saturated
from engine.findings.events import oom_kill, port_exposed, unit_failed
from engine.findings.exhaustion import connection_flood, fd_exhaustion, thread_explosion
from engine.findings.gpu import gpu_ecc, gpu_idle_but_held, gpu_memory_full, gpu_saturated, gpu_throttled
from engine.findings.leak import memory_leak
from engine.findings.limits import cgroup_throttled, network_errors, thermal_throttled
from engine.findings.memory import memory_pressure, oom_risk, swap_thrash
from engine.findings.mounts import filesystem_read_only, inodes_full, mount_hung
from engine.findings.processes import zombies
from engine.findings.unusual import unusual

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
    oom_kill,
    inodes_full,
    filesystem_read_only,
    mount_hung,
    network_errors,
    port_exposed,
    unit_failed,
    cgroup_throttled,
    thermal_throttled,
    gpu_saturated,
    gpu_throttled,
    gpu_ecc,
    gpu_idle_but_held,
    unusual,
)

KINDS: tuple[str, ...] = (
    "oom_risk",
    "oom_kill",
    "filesystem_read_only",
    "disk_full",
    "inodes_full",
    "swap_thrash",
    "memory_pressure",
    "fork_storm",
    "memory_leak",
    "fd_exhaustion",
    "mount_hung",
    "disk_saturated",
    "iowait_high",
    "load_high",
    "cpu_saturated",
    "thermal_throttled",
    "cgroup_throttled",
    "network_errors",
    "unit_failed",
    "gpu_ecc",
    "gpu_memory_full",
    "gpu_throttled",
    "gpu_saturated",
    "connection_flood",
    "thread_explosion",
    "short_job_flood",
    "cpu_spin",
    "steal_high",
    "port_exposed",
    "zombies",
    "gpu_idle_but_held",
    "unusual",
)
"""Every kind, the gravest first: what takes programs down before what slows them."""
