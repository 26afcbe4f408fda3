import mmap

import psutil
import pytest

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
