import json
import subprocess
import sys

import pytest
from msgspec.structs import replace

from engine.errors import TelemetryError
from engine.snapshot import Snapshot
from engine.telemetry.roots import Roots
from engine.telemetry.sampler import Sampler, sample_once
from engine.telemetry.source import procfs, readers
from tests.engine.telemetry.conftest import MEMINFO, NET_DEV, REPOSITORY, STAT, Tree


def test_a_recorded_node_sampled_twice(tree: Tree) -> None:
    tree.whole()
    now = [50.0]
    sampler = Sampler(tree.roots, clock=lambda: now[0])
    first = sampler.sample()
    assert (first.sequence, first.interval_s, first.cpu.percent) == (1, 0.0, 0.0)
    tree.proc("stat", STAT.replace("cpu  1000", "cpu  1050").replace("500 8000", "500 8050"))
    tree.proc("net/dev", NET_DEV.replace("eth0:5000", "eth0:7000"))
    now[0] = 52.0
    second = sampler.sample()
    assert (second.sequence, second.interval_s, second.monotonic, second.uptime_s) == (2, 2.0, 52.0, 1000.0)
    assert second.cpu.percent == pytest.approx(50.0)
    assert second.interfaces[1].receive_bytes_s == 1000.0
    assert [process.name for process in second.processes] == ["systemd"]
    assert second.processes[0] is first.processes[0]
    assert not second.notes


def test_what_cannot_be_read_costs_only_itself(tree: Tree) -> None:
    tree.whole()
    sampler = Sampler(tree.roots)
    sampler.sample()
    tree.proc("meminfo", b"MemTotal: \xff\x1b kB\n")
    (tree.roots.proc / "net" / "dev").unlink()
    snapshot = sampler.sample()
    assert snapshot.memory.total_bytes == 16316132 * 1024  # as it was before
    assert len(snapshot.interfaces) == 2
    assert snapshot.cpu.load == (0.5, 0.4, 0.3)
    memory, network = snapshot.notes
    assert memory.startswith("Memory could not be read: its source is not understood")
    assert network.startswith("Network use could not be read: no such file or directory")
    assert all(note.isprintable() for note in snapshot.notes)
    tree.proc("meminfo", MEMINFO)
    tree.proc("net/dev", NET_DEV)
    assert not sampler.sample().notes


def test_a_container_that_hides_almost_everything(tree: Tree) -> None:
    tree.proc("stat", STAT)
    tree.proc("meminfo", MEMINFO)
    sampler = Sampler(tree.roots)
    sampler.sample()
    snapshot = sampler.sample()
    assert snapshot.memory.percent > 0
    assert not snapshot.processes
    assert not snapshot.disks + snapshot.interfaces + snapshot.filesystems
    assert len(snapshot.notes) >= 5


def test_a_clock_set_back_an_hour_changes_nothing(tree: Tree) -> None:
    tree.whole()
    walls = iter([1_700_000_000.0, 1_700_000_001.0, 1_699_996_402.0])
    now = [50.0]
    sampler = Sampler(tree.roots, clock=lambda: now[0], wall=lambda: next(walls))
    for second in range(3):
        now[0] = 50.0 + second
        tree.proc("net/dev", NET_DEV.replace("eth0:5000", f"eth0:{5000 + 500 * second}"))
        snapshot = sampler.sample()
    assert snapshot.time == 1_699_996_402.0
    assert snapshot.interval_s == 1.0
    assert snapshot.interfaces[1].receive_bytes_s == 500.0


def test_this_node() -> None:
    snapshot = sample_once(0.1)
    assert snapshot.sequence == 2
    assert snapshot.interval_s >= 0.1
    assert snapshot.host.cores == len(snapshot.cpu.per_core) > 0
    assert 0 < snapshot.memory.percent < 100
    assert any(process.pid == snapshot.self_use.pid for process in snapshot.processes)
    assert snapshot.self_use.rss_bytes > 2**20
    assert not any("could not be read" in note for note in snapshot.notes)


def test_a_driver_that_is_no_driver_does_not_stop_the_sample(tree: Tree) -> None:
    class Broken:
        notes = ()

        def read(self, now: float) -> tuple[()]:
            raise IndexError("no such GPU")

    tree.whole()
    broken = Broken()
    snapshot = Sampler(readers=replace(procfs(tree.roots), gpus=broken)).sample()
    assert snapshot.gpus == ()
    assert snapshot.notes[-1].startswith("GPUs could not be read")
    assert snapshot.processes


def test_a_folder_that_is_no_procfs_is_told(tree: Tree) -> None:
    with pytest.raises(TelemetryError, match="does not look like procfs"):
        readers(tree.roots)


def test_a_snapshot_is_frozen() -> None:
    snapshot = Sampler().sample()
    with pytest.raises(AttributeError):
        snapshot.sequence = 0  # type: ignore[misc]  # that it may not is what is tested
    assert isinstance(snapshot, Snapshot)


def test_importing_the_sampler_loads_nothing_heavy() -> None:
    script = "import json, sys, engine.telemetry.sampler; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    heavy = {"psutil", "pynvml", "ctypes", "dataclasses", "asyncio", "httpx", "textual", "rich", "llama_cpp"}
    assert not heavy & set(json.loads(done.stdout))


def test_live_roots_are_told_from_recorded_ones(tree: Tree) -> None:
    assert Roots().live
    assert not tree.roots.live
