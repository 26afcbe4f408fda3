"""Processes that use AMD's and Intel's GPUs, from recorded fdinfo files."""

from pathlib import Path

import pytest

from engine.snapshot import Gpu, GpuProcess, Process
from engine.telemetry.gpus.clients import Clients, parse
from engine.telemetry.gpus.intel import IntelReader, cards
from engine.telemetry.gpus.shares import Shares
from engine.telemetry.procfs.processes import ProcessReader
from tests.engine.telemetry.conftest import Tree

KIB = 1024
AMD = """\
pos:\t0
flags:\t02100002
drm-driver:\tamdgpu
drm-client-id:\t{client}
drm-pdev:\t0000:03:00.0
drm-memory-vram:\t{vram} KiB
drm-memory-gtt: \t2048 KiB
drm-memory-cpu: \t0 KiB
drm-engine-gfx:\t{gfx} ns
drm-engine-compute:\t{compute} ns
drm-engine-capacity-compute:\t2
"""
I915 = """\
drm-driver: i915
drm-pdev: 0000:00:02.0
drm-client-id: 5
drm-total-system0: 9000 KiB
drm-resident-system0: 4096 KiB
drm-engine-render: {render} ns
drm-engine-video: 0 ns
"""
XE = """\
drm-driver: xe
drm-pdev: 0000:03:00.0
drm-client-id: 9
drm-total-vram0: 10 MiB
drm-resident-vram0: 8 MiB
drm-resident-system: 99 KiB
drm-cycles-rcs: {cycles}
drm-total-cycles-rcs: {total}
drm-cycles-bcs: 0
drm-total-cycles-bcs: {total}
"""


def client(tree: Tree, pid: int, number: int, text: str) -> None:
    tree.process(pid)
    tree.proc(f"{pid}/fdinfo/{number}", text)
    folder = tree.roots.proc / str(pid) / "fd"
    folder.mkdir(exist_ok=True)
    if not (folder / str(number)).is_symlink():
        (folder / str(number)).symlink_to("/dev/dri/renderD128")


def test_amd_by_the_clock(tree: Tree) -> None:
    client(tree, 42, 7, AMD.format(client=1, vram=1024, gfx=10**9, compute=0))
    client(tree, 42, 8, AMD.format(client=1, vram=1024, gfx=10**9, compute=0))  # the same client, duplicated
    client(tree, 43, 7, AMD.format(client=2, vram=512, gfx=0, compute=0))
    tree.process(44)
    clients = Clients(tree.roots, frozenset({"amdgpu"}))
    idle = {"0000:03:00.0": (GpuProcess(42, 1024 * KIB, 0.0), GpuProcess(43, 512 * KIB, 0.0))}
    assert clients.read(0.0) == idle
    client(tree, 42, 7, AMD.format(client=1, vram=1024, gfx=2 * 10**9, compute=0))
    client(tree, 42, 8, AMD.format(client=1, vram=1024, gfx=2 * 10**9, compute=0))
    client(tree, 43, 7, AMD.format(client=2, vram=512, gfx=0, compute=10**9))  # of two compute engines
    users = clients.read(2.0)["0000:03:00.0"]
    assert [user.busy_percent for user in users] == pytest.approx([50.0, 25.0])


def test_xe_by_the_engines_own_clock() -> None:
    usage = parse(XE.format(cycles=500, total=1000).encode())
    assert usage is not None
    assert (usage.engines[b"rcs"], usage.memory) == ((500, 1000), 8 * 2**20)


def test_files_of_others_and_garbage(tree: Tree) -> None:
    assert parse(b"pos:\t0\nflags:\t02\n") is None
    client(tree, 42, 7, AMD.format(client=1, vram="x", gfx=1, compute=1))
    client(tree, 43, 7, I915.format(render=1))
    assert Clients(tree.roots, frozenset({"amdgpu"})).read(0.0) == {}


def card(tree: Tree, driver: str, address: str) -> None:
    device = tree.roots.sys / "devices" / "pci" / address
    device.mkdir(parents=True)
    (device / "vendor").write_text("0x8086\n")
    (device / "device").write_text("0x56a0\n")
    drivers = tree.roots.sys / "bus" / driver
    drivers.mkdir(parents=True)
    (device / "driver").symlink_to(drivers)
    folder = tree.roots.sys / "class" / "drm" / "card0"
    folder.mkdir(parents=True)
    (folder / "device").symlink_to(device)


def test_an_intel_card(tree: Tree) -> None:
    card(tree, "i915", "0000:00:02.0")
    tree.sys("class/drm/card0/gt_act_freq_mhz", "950\n")
    tree.sys("class/drm/card0/gt_max_freq_mhz", "1300\n")
    client(tree, 42, 3, I915.format(render=0))
    reader = IntelReader(cards(tree.roots), Clients(tree.roots, frozenset({"i915"})))
    reader.read(0.0)
    client(tree, 42, 3, I915.format(render=3 * 10**8))
    (gpu,) = reader.read(1.0)
    assert (gpu.name, gpu.vendor, gpu.clock_mhz, gpu.clock_max_mhz) == ("Intel GPU 0x56a0", "intel", 950.0, 1300.0)
    assert gpu.busy_percent == pytest.approx(30.0)
    assert gpu.processes[0].memory_bytes == 4096 * KIB
    (Path(tree.roots.sys) / "class/drm/card0/device/power").mkdir()
    tree.sys("class/drm/card0/device/power/runtime_status", "suspended\n")
    assert reader.read(2.0)[0].asleep


def test_a_card_of_another_driver_is_none_of_ours(tree: Tree) -> None:
    card(tree, "vfio-pci", "0000:00:02.0")
    assert cards(tree.roots) == ()


def test_figures_are_put_into_the_rows(tree: Tree) -> None:
    tree.process(1)
    tree.process(42)
    rows = ProcessReader(tree.roots, since_boot=lambda: 1000.0).read(0.0)
    shares = Shares()
    assert shares.merged(rows, ()) is rows

    def gpus(percent: float | None) -> tuple[Gpu, ...]:
        users = (GpuProcess(42, 10, percent), GpuProcess(99, 5, 1.0))
        return Gpu(0, "a", "nvidia", processes=users), Gpu(1, "b", "nvidia", processes=(GpuProcess(42, 20, None),))

    def row(seen: tuple[Process, ...]) -> Process:
        return next(process for process in seen if process.pid == 42)

    merged = shares.merged(rows, gpus(50.0))
    assert (row(merged).gpu_memory_bytes, row(merged).gpu_percent) == (30, 50.0)
    assert row(shares.merged(rows, gpus(50.0))) is row(merged)  # nothing changed: the very same object
    assert row(shares.merged(rows, gpus(None))).gpu_percent is None
    assert {process.pid for process in merged} == {1, 42}
