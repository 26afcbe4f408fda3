from pathlib import Path

import pytest

from engine.telemetry.procfs.disks import DiskReader
from tests.engine.telemetry.conftest import Tree


def line(name: str, reads: int = 1, read: int = 8, writes: int = 1, written: int = 8, busy: int = 1) -> str:
    return f"   8       0 {name} {reads} 0 {read} 5 {writes} 0 {written} 6 0 {busy} 11 0 0 0 0 0 0\n"


def block(tree: Tree, *names: str) -> None:
    for name in names:
        (tree.roots.sys / "block" / name.replace("/", "!") / "slaves").mkdir(parents=True)


def names(tree: Tree, reader: DiskReader, now: float, *devices: str) -> list[str]:
    tree.proc("diskstats", "".join(line(name) for name in devices))
    return [disk.name for disk in reader.read(now)]


def test_rates(tree: Tree) -> None:
    block(tree, "sda")
    tree.proc("diskstats", line("sda", reads=100, read=1000, writes=10, written=200, busy=500))
    reader = DiskReader(tree.roots)
    (first,) = reader.read(5.0)
    assert (first.read_bytes_s, first.write_bytes_s, first.busy_percent) == (0.0, 0.0, 0.0)
    tree.proc("diskstats", line("sda", reads=120, read=1400, writes=14, written=300, busy=1000))
    (disk,) = reader.read(7.0)
    assert (disk.read_bytes_s, disk.write_bytes_s) == (200 * 512, 50 * 512)
    assert (disk.read_ops_s, disk.write_ops_s) == (10.0, 2.0)
    assert disk.busy_percent == pytest.approx(25.0)
    tree.proc("diskstats", line("sda", reads=1, read=8, writes=1, written=8, busy=1))  # a counter that wrapped
    (disk,) = reader.read(8.0)
    assert (disk.read_bytes_s, disk.busy_percent) == (0.0, 0.0)


def test_every_byte_is_counted_once(tree: Tree) -> None:
    block(tree, "sda", "nvme0n1", "dm-0", "md127", "loop0", "zram0", "ram0", "cciss/c0d0", "nvme1c0n1", "sr0")
    (tree.roots.sys / "block" / "dm-0" / "slaves" / "sda2").mkdir()
    (tree.roots.sys / "block" / "md127" / "slaves" / "nvme0n1p1").mkdir()
    tree.sys("block/nvme1c0n1/hidden", "1\n")
    tree.sys("block/sda/hidden", "0\n")
    idle = line("sr0", 0, 0, 0, 0, 0)
    devices = ["sda", "sda1", "sda2", "nvme0n1", "nvme0n1p1", "dm-0", "md127", "loop0", "zram0", "ram0", "cciss/c0d0"]
    tree.proc("diskstats", "".join(line(name) for name in [*devices, "nvme1c0n1"]) + idle)
    assert [disk.name for disk in DiskReader(tree.roots).read(0.0)] == ["sda", "nvme0n1", "cciss/c0d0"]


def test_partitions_are_known_by_their_names_where_sysfs_is_missing(tree: Tree) -> None:
    devices = ("sda", "sda1", "vdb", "vdb12", "nvme0n1", "nvme0n1p1", "mmcblk0", "mmcblk0p2", "xvda", "md0")
    assert names(tree, DiskReader(tree.roots), 0.0, *devices) == ["sda", "vdb", "nvme0n1", "mmcblk0", "xvda", "md0"]


def test_a_disk_that_appears_and_goes(tree: Tree) -> None:
    block(tree, "sda")
    reader = DiskReader(tree.roots)
    assert names(tree, reader, 0.0, "sda") == ["sda"]
    block(tree, "sdb")
    tree.proc("diskstats", line("sda") + line("sdb", read=1 << 40, busy=1 << 30))
    new = reader.read(1.0)[1]
    assert (new.name, new.read_bytes_s, new.busy_percent) == ("sdb", 0.0, 0.0)  # not all since boot in one second
    assert names(tree, reader, 2.0, "sdb") == ["sdb"]


def test_lines_of_an_ancient_kernel_are_passed_over(tree: Tree) -> None:
    tree.proc("diskstats", "   8       1 sda1 1 2 3 4\n" + line("sda"))
    assert [disk.name for disk in DiskReader(tree.roots).read(0.0)] == ["sda"]


def test_garbage_is_a_value_error(tree: Tree) -> None:
    tree.proc("diskstats", line("sda").replace(" 8 ", " eight "))
    with pytest.raises(ValueError, match="eight"):
        DiskReader(tree.roots).read(0.0)


def test_no_diskstats_is_an_os_error(tree: Tree, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        DiskReader(tree.roots).read(0.0)


def test_waits_and_queue(tree: Tree) -> None:
    block(tree, "sda")
    counters = "   8       0 sda {} 0 100 {} {} 0 100 {} {} 10 {}\n"
    tree.proc("diskstats", counters.format(100, 500, 10, 600, 0, 5000))
    reader = DiskReader(tree.roots)
    (first,) = reader.read(0.0)
    assert (first.read_await_ms, first.write_await_ms, first.queue) == (None, None, 0.0)
    tree.proc("diskstats", counters.format(150, 700, 10, 600, 3, 9000))
    (disk,) = reader.read(2.0)
    assert disk.read_await_ms == pytest.approx(4.0)  # 200 ms for 50 reads
    assert disk.write_await_ms is None  # none ended
    assert (disk.queue, disk.in_flight) == (2.0, 3)  # 4000 ms waited in 2000
