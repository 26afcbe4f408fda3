import os
import time

import pytest

from engine.telemetry.procfs.host import HostReader, UptimeReader, boot_clock
from engine.telemetry.roots import Roots
from tests.engine.telemetry.conftest import Tree


def test_a_recorded_node(tree: Tree) -> None:
    tree.whole()
    tree.proc("sys/kernel/hostname", "web\x1b[31m01\n")
    tree.proc("sys/kernel/ostype", "Linux\n")
    tree.proc("sys/kernel/osrelease", "2.6.32-754.el6\n")
    reader = HostReader(tree.roots)
    host = reader.read(0.0)
    assert (host.name, host.system) == ("web\\x1b[31m01", "Linux 2.6.32-754.el6")
    assert (host.cores, host.memory_total_bytes) == (2, 16316132 * 1024)
    tree.proc("sys/kernel/hostname", "other\n")
    assert reader.read(1.0) is host  # read once
    assert UptimeReader(tree.roots).read(0.0) == 1000.0
    assert boot_clock(tree.roots)() == 1000.0


def test_where_proc_sys_is_masked_uname_answers(tree: Tree) -> None:
    tree.whole()
    assert HostReader(tree.roots).read(0.0).name == os.uname().nodename


def test_the_boot_clock_of_this_node_is_the_base_of_start_times() -> None:
    started = int((Roots().proc / "self" / "stat").read_bytes().rpartition(b")")[2].split()[19])
    now = boot_clock(Roots())()
    assert 0 < started / os.sysconf("SC_CLK_TCK") <= now
    assert now == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=60)
