"""psutil's readers run on Linux too, and there they must agree with our own."""

import subprocess
import sys
import time

import psutil
import pytest
from msgspec.structs import replace

from engine.telemetry import portable, source
from engine.telemetry.roots import Roots
from engine.telemetry.sampler import Sampler
from tests.engine.telemetry.conftest import Child
from tests.engine.telemetry.test_processes_real import BURNER, find

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is nothing to agree with")


def test_a_whole_sample_agrees_with_procfs() -> None:
    theirs, ours = Sampler(readers=source.portable(Roots())), Sampler(readers=source.procfs(Roots()))
    for sampler in (theirs, ours):
        sampler.sample()
        sampler.settle(10.0)
    a, b = theirs.sample(), ours.sample()
    assert a.host == replace(b.host, os=a.host.os, virtualization="", container="")  # psutil knows neither
    assert a.memory.total_bytes == b.memory.total_bytes
    assert a.memory.available_bytes == pytest.approx(b.memory.available_bytes, abs=b.memory.total_bytes * 0.02)
    assert len(a.cpu.per_core) == len(b.cpu.per_core)
    assert a.uptime_s == pytest.approx(b.uptime_s, abs=5.0)
    assert {interface.name for interface in a.interfaces} == {interface.name for interface in b.interfaces}
    assert {f.mount for f in a.filesystems} & {f.mount for f in b.filesystems} or not b.filesystems
    shared = {process.pid: process for process in a.processes}
    pairs = [(shared[process.pid], process) for process in b.processes if process.pid in shared]
    assert len(pairs) >= 2
    for left, right in pairs:
        assert (left.ppid, left.user, left.kernel) == (right.ppid, right.user, right.kernel)
        assert left.started == pytest.approx(right.started, abs=1.5)
    assert any("PSI" in note for note in a.notes)


def test_a_burner_reads_what_it_burnt(children: list[Child]) -> None:
    child = Child(BURNER)
    children.append(child)
    reader = portable.ProcessReader()
    begun = time.monotonic()
    assert find(reader.read(begun), child.pid).cpu_percent == 0.0
    burnt = float(child.ask("1.0"))
    ended = time.monotonic()
    process = find(reader.read(ended), child.pid)
    assert process.cpu_percent / 100 * (ended - begun) == pytest.approx(burnt, abs=0.03)
    assert process.command.startswith(sys.executable)


def test_a_zombie_and_a_death() -> None:
    reader = portable.ProcessReader()
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    assert find(reader.read(0.0), child.pid).name == "cat"
    child.communicate()
    assert child.pid not in {process.pid for process in reader.read(1.0)}


def test_errors_of_psutil_become_os_errors() -> None:
    with pytest.raises(OSError, match="pid"), portable._as_os_errors():
        raise psutil.NoSuchProcess(1)


@pytest.mark.parametrize(
    ("name", "disk", "is_partition"),
    [
        ("sda1", "sda", True),
        ("nvme0n1p2", "nvme0n1", True),
        ("disk0s1", "disk0", True),
        ("sdaa", "sda", False),
        ("disk10", "disk1", False),
        ("sda", "sda", False),
        ("dm-0", "sda", False),
    ],
)
def test_partitions_are_told_by_their_names(name: str, disk: str, is_partition: bool) -> None:
    assert portable._is_partition(name, disk) == is_partition
