"""One scene for each kind of finding: a node on which just that is wrong, second by second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from engine.snapshot import (
    CpuQuota,
    Gpu,
    GpuProcess,
    Interface,
    Listener,
    OomKill,
    OpenFiles,
    Pressure,
    Process,
    Sensor,
    ShortLived,
    Snapshot,
    Tcp,
    Turnover,
)
from tests.engine.factory import (
    GIB,
    MIB,
    OWN_PID,
    make_cpu,
    make_disk,
    make_filesystem,
    make_memory,
    make_process,
    make_snapshot,
    make_stall,
)


class Scene(Struct, frozen=True):
    """A fault: its kind, who is to blame, and the snapshot at each second of it."""

    kind: str
    culprit: int | None
    at: Callable[[int], Snapshot]
    within_s: int = 9
    trend: bool = False
    """Of a single snapshot it could not be told."""


def _processes(*bad: Process) -> tuple[Process, ...]:
    return (
        make_process(1, "systemd"),
        make_process(OWN_PID, "telltop", cpu_percent=350.0, rss_bytes=6 * GIB, write_bytes_s=90.0 * MIB, state="D"),
        *(make_process(100 + n, f"daemon{n}") for n in range(20)),
        *bad,
    )


def _scene(kind: str, culprit: int | None, *bad: Process, within_s: int = 9, **changes: Any) -> Scene:
    snapshot = make_snapshot(processes=_processes(*bad), **changes)
    return Scene(kind, culprit, lambda _: snapshot, within_s)


def _leak(second: int) -> Snapshot:
    leaky = make_process(4121, "leaky", cpu_percent=5.0, rss_bytes=GIB + second * 20 * MIB)
    return make_snapshot(processes=_processes(leaky), memory=make_memory(0.3 + second * 0.00125))


def _filling(second: int) -> Snapshot:
    system = make_filesystem("/data", 0.9 + 0.001 * second, 20 * GIB)
    writer = make_process(4121, "dd", write_bytes_s=20.0 * MIB)
    return make_snapshot(processes=_processes(writer), filesystems=(make_filesystem(), system))


def _io(percent: float, full: float = 0.0) -> Pressure:
    return Pressure(make_stall(), make_stall(), make_stall(percent, full))


def _read_only(second: int) -> Snapshot:
    return make_snapshot(filesystems=(make_filesystem(read_only=True),))


def _killed(second: int) -> Snapshot:
    kill = OomKill(90_005.0, 4121, "hungry")
    memory = make_memory(oom_kills=3, oom_kills_now=1 if second < 2 else 0, oom_killed=(kill,))
    return make_snapshot(processes=_processes(), memory=memory)


def _of_gpu(**changes: Any) -> Gpu:
    return Gpu(0, "NVIDIA H200", "nvidia", memory_total_bytes=140 * GIB, memory_used_bytes=60 * GIB, **changes)


_REDIS = Listener("tcp", "0.0.0.0", 6379, True, 4121, "redis-server")
_SICK = Interface("eth0", 2e5, 1e5, 900.0, 100.0, 50.0, receive_errors_s=50.0)
_TWO = (GpuProcess(4121, 30 * GIB, 60.0), GpuProcess(4122, 20 * GIB, 37.0))


_SENDING = (Interface("eth0", 2048.0, 90.0 * MIB, 9.0, 70_000.0, 0.0),)


def _unusual(second: int) -> Snapshot:
    return make_snapshot(interfaces=_SENDING) if second >= 320 else make_snapshot()


def _storm(second: int) -> Snapshot:
    children = (make_process(5000 + n, "bomb", ppid=4121, started=90_000.0 + second) for n in range(150))
    return make_snapshot(processes=_processes(make_process(4121, "bomber"), *children))


def _exploding(second: int) -> Snapshot:
    return make_snapshot(processes=_processes(make_process(4121, "pool", threads=900, started=90_001.0)))


def _flooded(second: int) -> Snapshot:
    tcp = Tcp(900 if second > 0 else 20, 0, 0, 950, 0, 0.0, 0.0, 0.0, 300.0, 0.0, 0.0)
    client = make_process(4121, "client")
    return make_snapshot(processes=_processes(client), tcp=tcp, open_files=(OpenFiles(4121, 850, 2000),))


_GPU = Gpu(
    0,
    "NVIDIA H200",
    "nvidia",
    97.0,
    139 * GIB,
    140 * GIB,
    processes=(GpuProcess(OWN_PID, GIB), GpuProcess(4121, 137 * GIB)),
)

SCENES: tuple[Scene, ...] = (
    _scene(
        "cpu_saturated",
        4121,
        *(make_process(4121 + n, "burn", state="R", cpu_percent=33.0) for n in range(12)),
        cpu=make_cpu(99.0, runnable=13, load=(9.0, 4.0, 2.0)),
        pressure=Pressure(make_stall(90.0), make_stall(), make_stall()),
    ),
    _scene("cpu_spin", 4121, make_process(4121, "loop", state="R", cpu_percent=99.0), cpu=make_cpu(27.0, runnable=2)),
    _scene(
        "load_high",
        4121,
        *(make_process(4121 + n, "nfsd-client", state="D") for n in range(6)),
        cpu=make_cpu(4.0, load=(6.0, 3.0, 1.0), blocked=6),
    ),
    _scene(
        "iowait_high",
        4121,
        make_process(4121, "backup", state="D", read_bytes_s=90.0 * MIB),
        cpu=make_cpu(6.0, iowait=35.0),
    ),
    _scene("steal_high", None, cpu=make_cpu(40.0, steal=18.0)),
    _scene(
        "memory_pressure",
        4121,
        make_process(4121, "hungry", rss_bytes=10 * GIB),
        memory=make_memory(0.87),
        pressure=Pressure(make_stall(), make_stall(30.0, 10.0), make_stall()),
    ),
    _scene(
        "oom_risk",
        4121,
        make_process(4121, "hungry", rss_bytes=13 * GIB),
        memory=make_memory(0.97, swap_total_bytes=0),
    ),
    _scene(
        "swap_thrash",
        4121,
        make_process(4121, "hungry", rss_bytes=10 * GIB),
        memory=make_memory(0.8, 0.5, swap_in_bytes_s=9.0 * MIB, swap_out_bytes_s=7.0 * MIB),
    ),
    Scene("memory_leak", 4121, _leak, within_s=50, trend=True),
    _scene(
        "disk_saturated",
        4121,
        make_process(4121, "dd", write_bytes_s=200.0 * MIB),
        make_process(4130, "log", write_bytes_s=30.0 * MIB),
        disks=(make_disk("sdb", 99.5, write=230.0 * MIB), make_disk("sda")),
        pressure=_io(70.0),
    ),
    Scene("disk_full", 4121, _filling, trend=True),
    _scene(
        "zombies",
        4121,
        make_process(4121, "careless"),
        *(make_process(5000 + n, "child", state="Z", ppid=4121, rss_bytes=0) for n in range(12)),
    ),
    Scene("fork_storm", 4121, _storm),
    _scene(
        "short_job_flood",
        4121,
        make_process(4121, "loop.sh"),
        turnover=Turnover(160.0, 160.0, "events", (ShortLived("true", 150, 4121), ShortLived("sed", 5, 100))),
    ),
    _scene(
        "fd_exhaustion", 4121, make_process(4121, "proxy"), open_files=(OpenFiles(4121, 980, 1024), OpenFiles(1, 90))
    ),
    Scene("thread_explosion", 4121, _exploding, trend=True),
    Scene("connection_flood", 4121, _flooded, trend=True),
    Scene("oom_kill", None, _killed, trend=True),
    _scene("inodes_full", None, filesystems=(make_filesystem(inodes_total=1000, inodes_free=60),)),
    Scene("filesystem_read_only", None, _read_only, trend=True),
    _scene("mount_hung", None, filesystems=(make_filesystem("/nfs", silent_s=20.0),)),
    _scene("network_errors", None, interfaces=(_SICK,)),
    _scene("port_exposed", None, make_process(4121, "redis-server"), listeners=(_REDIS,)),
    _scene("unit_failed", None, failed_units=tuple(f"job{n}.service" for n in range(20))),
    _scene(
        "cgroup_throttled",
        4121,
        make_process(4121, "busy", cpu_percent=50.0),
        cpu=make_cpu(20.0, quota=CpuQuota(0.5, 60.0, 0.4)),
    ),
    _scene("thermal_throttled", None, sensors=(Sensor("coretemp", "Package id 0", "temperature", 98.0, 100.0),)),
    _scene(
        "gpu_saturated",
        4121,
        make_process(4121, "train"),
        make_process(4122, "serve"),
        gpus=(_of_gpu(busy_percent=99.0, processes=_TWO),),
        within_s=32,
    ),
    _scene("gpu_throttled", None, gpus=(_of_gpu(busy_percent=99.0, throttled=("too hot",)),), within_s=10),
    _scene("gpu_ecc", None, gpus=(_of_gpu(ecc_uncorrected=3),)),
    _scene(
        "gpu_idle_but_held",
        4121,
        make_process(4121, "notebook"),
        gpus=(_of_gpu(busy_percent=0.0, processes=(GpuProcess(4121, 60 * GIB),)),),
        within_s=602,
    ),
    Scene("unusual", None, _unusual, within_s=345, trend=True),
    _scene("gpu_memory_full", 4121, make_process(4121, "train", rss_bytes=GIB), gpus=(_GPU,)),
)
