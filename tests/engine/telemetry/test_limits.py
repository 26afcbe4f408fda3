"""Nodes that are containers: what their cgroups allow, in both versions."""

import pytest

from engine.snapshot import CpuQuota, MemoryLimit
from engine.telemetry.procfs.limits import LimitReader, QuotaReader
from tests.engine.telemetry.conftest import Tree

MIB = 2**20


def test_version_two(tree: Tree) -> None:
    tree.sys("fs/cgroup/cpu.max", "150000 100000\n")
    tree.sys("fs/cgroup/cpu.stat", "usage_usec 9\nnr_periods 100\nnr_throttled 10\nthrottled_usec 5000000\n")
    reader = QuotaReader(tree.roots)
    assert reader.read(10.0) == CpuQuota(cores=1.5, throttled_percent=0.0, throttled_s=0.0)
    tree.sys("fs/cgroup/cpu.stat", "nr_periods 120\nnr_throttled 15\nthrottled_usec 6000000\n")
    assert reader.read(12.0) == CpuQuota(cores=1.5, throttled_percent=25.0, throttled_s=0.5)
    tree.sys("fs/cgroup/memory.max", f"{512 * MIB}\n")
    tree.sys("fs/cgroup/memory.current", f"{300 * MIB}\n")
    tree.sys("fs/cgroup/memory.stat", f"anon {200 * MIB}\ninactive_file {60 * MIB}\n")
    limit = LimitReader(tree.roots).read(0.0, 8192 * MIB)
    assert limit == MemoryLimit(limit_bytes=512 * MIB, used_bytes=240 * MIB, cache_bytes=60 * MIB)
    assert limit.percent == pytest.approx(100 * 240 / 512)


def test_version_one(tree: Tree) -> None:
    tree.sys("fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n")
    tree.sys("fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
    tree.sys("fs/cgroup/cpu/cpu.stat", "nr_periods 10\nnr_throttled 0\nthrottled_time 0\n")
    reader = QuotaReader(tree.roots)
    assert reader.read(0.0) == CpuQuota(0.5, 0.0, 0.0)
    tree.sys("fs/cgroup/cpu/cpu.stat", "nr_periods 20\nnr_throttled 10\nthrottled_time 250000000\n")
    assert reader.read(1.0) == CpuQuota(0.5, 100.0, 0.25)
    tree.sys("fs/cgroup/memory/memory.limit_in_bytes", f"{256 * MIB}\n")
    tree.sys("fs/cgroup/memory/memory.usage_in_bytes", f"{100 * MIB}\n")
    tree.sys("fs/cgroup/memory/memory.stat", f"cache 1\ntotal_inactive_file {10 * MIB}\n")
    assert LimitReader(tree.roots).read(0.0, 8192 * MIB) == MemoryLimit(256 * MIB, 90 * MIB, 10 * MIB)


def test_a_host_has_no_limits(tree: Tree) -> None:
    assert QuotaReader(tree.roots).read(0.0) is None
    assert LimitReader(tree.roots).read(0.0, 1) is None
    tree.sys("fs/cgroup/cpu.max", "max 100000\n")
    tree.sys("fs/cgroup/memory.max", "max\n")
    assert QuotaReader(tree.roots).read(0.0) is None
    assert LimitReader(tree.roots).read(0.0, 1) is None
    (tree.roots.sys / "fs/cgroup/memory.max").unlink()
    tree.sys("fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    assert LimitReader(tree.roots).read(0.0, 8192 * MIB) is None


def test_a_limit_that_is_set_later_is_seen(tree: Tree) -> None:
    reader = QuotaReader(tree.roots)
    assert reader.read(0.0) is None
    tree.sys("fs/cgroup/cpu.max", "100000 100000\n")
    assert reader.read(1.0) is None
    assert reader.read(31.0) == CpuQuota(1.0, 0.0, 0.0)


def test_garbage_is_a_value_error(tree: Tree) -> None:
    tree.sys("fs/cgroup/cpu.max", "lots 100000\n")
    with pytest.raises(ValueError, match="lots"):
        QuotaReader(tree.roots).read(0.0)
