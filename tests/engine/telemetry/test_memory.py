import mmap
import os
from pathlib import Path

import psutil
import pytest

from engine.telemetry.procfs.kernel_log import oom_kills
from engine.telemetry.procfs.memory import MemoryReader, available, meminfo
from engine.telemetry.roots import Roots
from tests.engine.telemetry.conftest import MEMINFO, Tree

KIB = 1024


def test_figures_and_swap_rates(tree: Tree) -> None:
    tree.whole()
    reader = MemoryReader(tree.roots)
    first = reader.read(10.0)
    assert first.total_bytes == 16316132 * KIB
    assert first.available_bytes == 9876544 * KIB
    assert first.used_bytes == (16316132 - 9876544) * KIB
    assert (first.buffers_bytes, first.cached_bytes, first.dirty_bytes) == (512000 * KIB, 7340032 * KIB, 2048 * KIB)
    assert (first.swap_total_bytes, first.swap_used_bytes) == (2097152 * KIB, 1048576 * KIB)
    assert (first.swap_in_bytes_s, first.swap_out_bytes_s) == (0.0, 0.0)
    tree.proc("vmstat", "pswpin 30\npswpout 60\n")
    second = reader.read(12.0)
    assert second.swap_in_bytes_s == 10 * mmap.PAGESIZE
    assert second.swap_out_bytes_s == 20 * mmap.PAGESIZE


def test_an_old_kernel_without_mem_available(tree: Tree) -> None:
    tree.whole()
    tree.proc("meminfo", "\n".join(line for line in MEMINFO.splitlines() if "MemAvailable" not in line))
    memory = MemoryReader(tree.roots).read(0.0)
    assert memory.available_bytes == (1203340 + 512000 + 7340032 - 300000 + 400000) * KIB
    assert memory.used_bytes == memory.total_bytes - memory.available_bytes


def test_available_is_never_more_than_all() -> None:
    assert available({b"MemTotal": 100, b"MemAvailable": 200}) == 100


def test_no_vmstat_and_no_swap(tree: Tree) -> None:
    tree.proc("meminfo", "MemTotal: 100 kB\nMemFree: 40 kB\nMemAvailable: 60 kB\n")
    memory = MemoryReader(tree.roots).read(0.0)
    assert (memory.swap_total_bytes, memory.swap_percent, memory.swap_in_bytes_s) == (0, 0.0, 0.0)
    assert memory.percent == pytest.approx(40.0)


@pytest.mark.parametrize("garbage", [b"", b"MemTotal: lots kB\n", b"MemTotal: 0 kB\n", b"\x00\xff"])
def test_garbage_is_a_value_error(garbage: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        meminfo(garbage)


def test_agrees_with_psutil_in_the_same_run() -> None:
    ours, theirs = MemoryReader(Roots()).read(0.0), psutil.virtual_memory()
    assert ours.total_bytes == theirs.total
    assert ours.available_bytes == pytest.approx(theirs.available, abs=ours.total_bytes * 0.02)
    assert ours.swap_total_bytes == psutil.swap_memory().total


def test_shared_slab_and_huge_pages(tree: Tree) -> None:
    tree.whole()
    huge = MEMINFO.replace("HugePages_Total:       0", "HugePages_Total:       8\nHugePages_Free:        3")
    tree.proc("meminfo", huge + "Slab: 500000 kB\n")
    memory = MemoryReader(tree.roots).read(0.0)
    assert (memory.shared_bytes, memory.slab_bytes) == (300000 * KIB, 500000 * KIB)
    assert memory.slab_reclaimable_bytes == 400000 * KIB
    assert (memory.huge_total_bytes, memory.huge_free_bytes) == (16 * 2**20, 6 * 2**20)


def test_the_cache_of_zfs_counts_as_available(tree: Tree) -> None:
    tree.whole()
    gib = 2**30
    tree.proc(
        "spl/kstat/zfs/arcstats",
        f"13 1 0x01 2 3 4 5\nname                            type data\nhits 4 1\nc_min    4    {gib // 2}\n"
        f"size                            4    {2 * gib}\nmeta_size 4 7\n",
    )
    memory = MemoryReader(tree.roots).read(0.0)
    assert memory.arc_bytes == 2 * gib
    assert memory.available_bytes == 9876544 * KIB + 3 * gib // 2
    assert memory.used_bytes == memory.total_bytes - memory.available_bytes


def test_zram_is_found_within_a_minute_and_may_go_again(tree: Tree) -> None:
    tree.whole()
    reader = MemoryReader(tree.roots)
    assert reader.read(0.0).zram_used_bytes == 0
    stat = tree.sys("block/zram0/mm_stat", "  40960000 10240000 12288000 0 12288000 5 0 0 0\n")
    tree.sys("block/zram1/mm_stat", "1000 10 100 0 0 0 0\n")
    memory = reader.read(61.0)
    assert (memory.zram_stored_bytes, memory.zram_used_bytes) == (40961000, 12288100)
    stat.unlink()
    assert reader.read(62.0).zram_used_bytes == 100


KMSG = """\
6,1,1000000,-;Linux version 6.8
3,900,5000000,-;Out of memory: Killed process 77 (old) total-vm:1kB, anon-rss:1kB
4,1000,99123456,-;oom-kill:constraint=CONSTRAINT_NONE,task=python3,pid=4121,uid=0
3,1001,99123999,-;Out of memory: Killed process 4121 (py) \\x1b[31m(x), UID 1000, total-vm:9kB, oom_score_adj:0
 SUBSYSTEM=memory
3,1002,100000000,-;Memory cgroup out of memory: Killed process 99 (java) total-vm:5kB
"""


def test_who_was_killed_is_looked_up_when_the_count_grows(tree: Tree) -> None:
    tree.whole()
    tree.proc("vmstat", "oom_kill 0\n")
    reader = MemoryReader(tree.roots)
    assert (reader.read(0.0).oom_kills, reader.read(1.0).oom_killed) == (0, ())
    device = tree.roots.beside("dev/kmsg")
    device.parent.mkdir()
    device.write_text(KMSG)
    assert reader.read(2.0).oom_killed == ()  # the log is not read for nothing
    tree.proc("vmstat", "oom_kill 2\n")
    memory = reader.read(3.0)
    assert (memory.oom_kills, memory.oom_kills_now) == (2, 2)
    assert [(kill.pid, kill.at_s) for kill in memory.oom_killed] == [(77, 5.0), (4121, 99.123999), (99, 100.0)]
    assert memory.oom_killed[-1].name == "java"
    device.unlink()
    tree.proc("vmstat", "oom_kill 3\n")
    memory = reader.read(4.0)
    assert (memory.oom_kills_now, len(memory.oom_killed)) == (1, 3)  # not permitted any more: what was known stays
    assert reader.read(5.0).oom_kills_now == 0


def test_kills_from_before_are_named_too_but_not_by_the_first_reading(tree: Tree) -> None:
    tree.whole()
    tree.proc("vmstat", "oom_kill 1\n")
    device = tree.roots.beside("dev/kmsg")
    device.parent.mkdir()
    device.write_text(KMSG)
    reader = MemoryReader(tree.roots)
    assert reader.read(0.0).oom_killed == ()
    memory = reader.read(1.0)
    assert (memory.oom_kills_now, len(memory.oom_killed)) == (0, 3)


def test_a_kernel_before_4_13_does_not_count_kills(tree: Tree) -> None:
    tree.whole()
    assert MemoryReader(tree.roots).read(0.0).oom_kills is None


def test_the_limit_of_a_container(tree: Tree) -> None:
    tree.whole()
    tree.sys("fs/cgroup/memory.max", "1073741824\n")
    tree.sys("fs/cgroup/memory.current", "536870912\n")
    limit = MemoryReader(tree.roots).read(0.0).limit
    assert limit is not None
    assert limit.percent == 50.0


@pytest.mark.skipif(not os.access("/dev/kmsg", os.R_OK), reason="the kernel log is not readable here")
def test_the_real_kernel_log_is_read_without_blocking() -> None:
    assert len(oom_kills(Path("/dev/kmsg"))) <= 8  # it returns at all, at the log's end
