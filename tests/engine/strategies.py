"""Snapshots of any node that hypothesis can think of, and the findings that come of them."""

from __future__ import annotations

from hypothesis import strategies as st

from engine.finding import Finding
from engine.findings.watch import Watch
from engine.snapshot import (
    Cpu,
    Disk,
    Filesystem,
    Gpu,
    GpuProcess,
    Host,
    Interface,
    Memory,
    Pressure,
    Process,
    SelfUse,
    Snapshot,
    Stall,
)
from engine.telemetry.history import History
from engine.text import inert
from tests.engine.factory import OWN_PID, at, make_process
from tests.engine.hostile import NAMES

percents = st.floats(0, 100)
sizes = st.integers(0, 2**44)
rates = st.one_of(st.just(0.0), st.floats(0, 2e10))
counts = st.integers(0, 5000)
names = st.one_of(
    st.sampled_from(["python3", "my_tool", "nginx", "kworker/0:1", "cc1", "node", "top"]),
    st.sampled_from(NAMES),
    st.text(max_size=20).map(inert),
)
mounts = st.one_of(st.sampled_from(["/", "/data", "/var/lib/docker", "/mnt/a b"]), names)
SYSTEMS = ("Linux 6.8.0-45-generic", "Darwin 24.1.0")
disks = st.builds(Disk, st.sampled_from(["sda", "nvme0n1", "md127"]), rates, rates, rates, rates, percents)
interfaces = st.builds(
    Interface, st.sampled_from(["lo", "eth0", "br-1a2b3c", "wg0"]), rates, rates, rates, rates, rates
)
stalls = st.builds(Stall, percents, percents, percents, percents, percents)


@st.composite
def memories(draw: st.DrawFn) -> Memory:
    total = draw(st.integers(2**20, 2**42))
    available = draw(st.integers(0, total))
    swap = draw(st.one_of(st.just(0), st.integers(1, 2**40)))
    return Memory(
        total, available, total - available, available // 2, 0, available // 3, draw(sizes), swap,
        draw(st.integers(0, swap)), draw(rates), draw(rates),
    )  # fmt: skip


@st.composite
def filesystems(draw: st.DrawFn) -> Filesystem:
    total = draw(st.integers(0, 2**44))
    used = draw(st.integers(0, total))
    return Filesystem(draw(mounts), "/dev/sda1", "ext4", total, used, total - used, draw(st.booleans()))


@st.composite
def processes(draw: st.DrawFn, pid: int) -> Process:
    return make_process(
        pid,
        draw(names),
        state=draw(st.sampled_from("RSDZTtI?")),
        user=draw(st.sampled_from(["root", "www-data", "1000", "a 5 %", "*x*"])),
        cpu_percent=draw(st.one_of(st.just(0.0), st.floats(0, 3200))),
        rss_bytes=draw(st.integers(0, 2**40)),
        threads=draw(st.integers(1, 4000)),
        ppid=draw(st.integers(0, 40)),
        started=draw(st.floats(0, 90_000)),
        kernel=draw(st.booleans()),
        read_bytes_s=draw(st.one_of(st.none(), rates)),
        write_bytes_s=draw(st.one_of(st.none(), rates)),
    )


@st.composite
def gpus(draw: st.DrawFn, index: int) -> Gpu:
    total = draw(st.one_of(st.none(), st.integers(1, 2**38)))
    used = draw(st.integers(0, total)) if total else None
    holders = draw(st.lists(st.builds(GpuProcess, st.integers(1, 40), st.one_of(st.none(), sizes)), max_size=3))
    return Gpu(
        index, draw(names), "nvidia", draw(st.one_of(st.none(), percents)), used, total,
        draw(st.one_of(st.none(), st.floats(0, 120))), processes=tuple(holders),
    )  # fmt: skip


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """A node of up to 30 processes, telltop among them, with anything going on."""
    cores = draw(st.integers(1, 512))
    memory = draw(memories())
    pids = draw(st.lists(st.integers(1, 4_194_304), unique=True, max_size=30))
    own = make_process(OWN_PID, "telltop", cpu_percent=draw(st.floats(0, 800)))
    return Snapshot(
        sequence=1,
        time=1_700_000_000.0,
        monotonic=1000.0,
        interval_s=1.0,
        uptime_s=draw(st.floats(0, 1e8)),
        host=Host(draw(names), draw(st.sampled_from(SYSTEMS)), cores, memory.total_bytes),
        cpu=Cpu(
            draw(percents), (), draw(percents), draw(percents), draw(percents), draw(percents),
            (draw(st.floats(0, 9000)), draw(st.floats(0, 9000)), draw(st.floats(0, 9000))), draw(counts), draw(counts),
        ),
        memory=memory,
        pressure=Pressure(*(draw(st.one_of(st.none(), stalls)) for _ in range(3))),
        disks=tuple(
            draw(st.lists(disks, max_size=4))
        ),
        filesystems=tuple(draw(st.lists(filesystems(), max_size=6))),
        interfaces=tuple(
            draw(st.lists(interfaces, max_size=4))
        ),
        gpus=tuple(draw(gpus(index)) for index in range(draw(st.integers(0, 4)))),
        processes=(own, *(draw(processes(pid)) for pid in pids if pid != OWN_PID)),
        self_use=SelfUse(OWN_PID, own.cpu_percent, 2**26),
        sample_s=0.001,
    )  # fmt: skip


def findings_of(snapshot: Snapshot) -> tuple[Finding, ...]:
    """What is open after the node has been like this for a while."""
    history, watch = History(), Watch()
    for second in range(10):
        history.append(at(second, snapshot))
        watch.update(history)
    return watch.open
