"""A whole sampler through what happens to nodes."""

import pytest

from engine.telemetry.sampler import Sampler
from tests.engine.telemetry.conftest import NET_DEV, STAT, Tree


class Node:
    def __init__(self, tree: Tree) -> None:
        tree.whole()
        self.tree = tree
        self.now, self.wall = 100.0, 1_700_000_000.0
        self.sampler = Sampler(tree.roots, clock=lambda: self.now, wall=lambda: self.wall)


@pytest.fixture
def node(tree: Tree) -> Node:
    return Node(tree)


def test_the_clock_is_set_back_an_hour(node: Node) -> None:
    node.tree.process(42, ticks=100)
    node.sampler.sample()
    node.now, node.wall = 101.0, node.wall - 3600
    node.tree.process(42, ticks=150)
    node.tree.proc("pressure/io", "some avg10=0 avg60=0 avg300=0 total=1500000\n")
    node.tree.proc("stat", STAT.replace("ctxt 70451912", "ctxt 70452912"))
    snapshot = node.sampler.sample()
    assert snapshot.interval_s == 1.0
    busy = next(process for process in snapshot.processes if process.pid == 42)
    assert busy.cpu_percent == pytest.approx(50.0, abs=1.0)  # of a tree, yet by the real clock
    assert snapshot.cpu.context_switches_s == 1000.0
    assert snapshot.pressure.io is not None
    assert snapshot.pressure.io.some_percent == pytest.approx(50.0)


def test_a_processor_is_unplugged(node: Node) -> None:
    node.sampler.sample()
    node.now += 1
    node.tree.proc("stat", STAT.replace("cpu1 500 50 250 4000 150 10 40 0 0 0\n", "").replace("cpu0 500", "cpu0 550"))
    snapshot = node.sampler.sample()
    assert [core.number for core in snapshot.cpu.cores] == [0]
    assert snapshot.cpu.per_core == (100.0,)
    assert not snapshot.notes


def test_a_disk_and_an_interface_come_and_go(node: Node) -> None:
    node.tree.proc("diskstats", " 8 0 sda 1 0 8 5 1 0 8 6 0 1 11\n")
    node.sampler.sample()
    node.tree.proc("diskstats", " 8 0 sda 1 0 8 5 1 0 8 6 0 1 11\n 8 16 sdb 900 0 99999 5 1 0 8 6 0 900 11\n")
    node.tree.proc("net/dev", NET_DEV + "usb0: 999999 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n")
    node.now += 1
    snapshot = node.sampler.sample()
    assert [(disk.name, disk.read_bytes_s) for disk in snapshot.disks] == [("sda", 0.0), ("sdb", 0.0)]
    assert (snapshot.interfaces[-1].name, snapshot.interfaces[-1].receive_bytes_s) == ("usb0", 0.0)
    node.tree.proc("diskstats", "")
    node.tree.proc("net/dev", NET_DEV)
    node.now += 1
    snapshot = node.sampler.sample()
    assert (snapshot.disks, len(snapshot.interfaces)) == ((), 2)
    assert not snapshot.notes


def test_no_permission_for_anything_but_the_least(node: Node) -> None:
    """All files that a sandbox may take away are gone at once, midway."""
    node.sampler.sample()
    for name in ("loadavg", "uptime", "vmstat", "net/dev", "diskstats", "self/mounts", "pressure/cpu", "1/cmdline"):
        (node.tree.roots.proc / name).unlink()
    node.now += 1
    snapshot = node.sampler.sample()
    assert snapshot.memory.total_bytes > 0
    assert [process.name for process in snapshot.processes] == ["systemd"]
    assert all(note.endswith(".") and note.isprintable() for note in snapshot.notes)
    assert len(snapshot.notes) >= 4


def test_a_pid_is_recycled_between_two_samples(node: Node) -> None:
    node.tree.process(42, b"old", ticks=9000, start=100)
    node.sampler.sample()
    node.tree.process(42, b"new", ticks=0, start=99_990, command=b"new\0")
    node.now += 1
    process = next(one for one in node.sampler.sample().processes if one.pid == 42)
    assert (process.name, process.cpu_percent, process.command) == ("new", 0.0, "new")
