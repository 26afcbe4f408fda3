import os
import threading
from pathlib import Path

import pytest

from engine.snapshot import Filesystem
from engine.telemetry.space import PATIENCE_S, PERIOD_S, Mount, SpaceReader, probe

DEADLINE = 10.0


def mount(path: str) -> Mount:
    return Mount(path, "/dev/sda1", "ext4", read_only=False)


def filesystem(mount: Mount, used: int = 1) -> Filesystem:
    return Filesystem(mount.path, mount.device, mount.kind, 10, used, 10 - used, read_only=False)


class Server:
    """Mounts of which some hang until they are let go."""

    def __init__(self) -> None:
        self.hanging: dict[str, threading.Event] = {}
        self.asked = threading.Semaphore(0)
        self.used = 1

    def probe(self, mount: Mount) -> Filesystem:
        self.asked.release()
        if mount.path in self.hanging:
            self.hanging[mount.path].wait(DEADLINE)
        return filesystem(mount, self.used)

    def wait_asked(self, times: int) -> None:
        for _ in range(times):
            assert self.asked.acquire(timeout=DEADLINE)


def test_the_last_known_figures_are_served_and_asked_anew() -> None:
    server = Server()
    reader = SpaceReader(lambda: [mount("/"), mount("/home")], server.probe, clock=lambda: 0.0)
    reader.read(0.0)
    reader.settle(DEADLINE)
    assert [(f.mount, f.used_bytes) for f in reader.read(1.0)] == [("/", 1), ("/home", 1)]
    server.used = 5
    assert [f.used_bytes for f in reader.read(PERIOD_S - 1)] == [1, 1]
    reader.read(PERIOD_S + 1)
    reader.settle(DEADLINE)
    assert [f.used_bytes for f in reader.read(PERIOD_S + 2)] == [5, 5]
    assert reader.notes == ()


def test_a_dead_server_blocks_neither_the_sampler_nor_the_other_mounts() -> None:
    server = Server()
    server.hanging["/nfs"] = threading.Event()
    now = 0.0
    reader = SpaceReader(lambda: [mount("/"), mount("/nfs"), mount("/home")], server.probe, clock=lambda: now)
    reader.read(now)
    server.wait_asked(2)  # it is stuck at the second
    now = PATIENCE_S + 1
    root, dead = reader.read(now)
    assert (root.mount, root.silent_s) == ("/", None)
    assert (dead.mount, dead.total_bytes, dead.silent_s) == ("/nfs", 0, now)
    assert len(reader.notes) == 1
    assert "/nfs" in reader.notes[0]
    reader.settle(DEADLINE)  # a new thread has asked the third
    assert [f.mount for f in reader.read(now)] == ["/", "/nfs", "/home"]
    now += PERIOD_S + 1
    reader.read(now)
    reader.settle(DEADLINE)
    assert sum(thread.name == "telltop-space" for thread in threading.enumerate()) == 1  # not one more each round
    stuck = next(thread for thread in threading.enumerate() if thread.name == "telltop-space")
    server.hanging.pop("/nfs").set()  # the server is back
    stuck.join(DEADLINE)
    assert [(f.mount, f.silent_s) for f in reader.read(now)] == [("/", None), ("/nfs", None), ("/home", None)]
    assert not reader.notes


def test_a_mount_that_is_gone_or_refuses_is_left_out() -> None:
    mounts = [mount("/"), mount("/gone")]

    def ask(mount: Mount) -> Filesystem:
        if mount.path == "/gone":
            raise PermissionError
        return filesystem(mount)

    reader = SpaceReader(lambda: mounts, ask, clock=lambda: 0.0)
    reader.read(0.0)
    reader.settle(DEADLINE)
    assert [f.mount for f in reader.read(1.0)] == ["/"]
    mounts.clear()
    assert not reader.read(PERIOD_S + 1)


def test_probing_the_real_thing(tmp_path: Path) -> None:
    found = probe(Mount(str(tmp_path), "/dev/\x1b[31m", "ext4", read_only=False))
    assert found is not None
    figures = os.statvfs(tmp_path)
    assert found.total_bytes == figures.f_blocks * figures.f_frsize
    assert found.available_bytes == pytest.approx(figures.f_bavail * figures.f_frsize, rel=0.1)
    assert 0 <= found.percent <= 100
    assert found.device == "/dev/\\x1b[31m"
    assert probe(Mount("/proc", "proc", "proc", read_only=False)) is None  # it has no blocks
    file = tmp_path / "bound"
    file.touch()
    assert probe(Mount(str(file), "/dev/sda1", "ext4", read_only=False)) is None
