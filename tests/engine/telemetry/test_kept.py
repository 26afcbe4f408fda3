"""Files of processes that stay open: bounded, above the small numbers, and never another process's."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from engine.telemetry.procfs.kept import FIRST, Kept, bound
from engine.telemetry.procfs.processes import ProcessReader
from engine.telemetry.roots import Roots
from tests.engine.telemetry.conftest import Tree

LAST_PID = Path("/proc/sys/kernel/ns_last_pid")


def open_above() -> int:
    return sum(int(name) >= FIRST for name in os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are wanted


def test_they_are_bounded_and_closed_with_the_reader() -> None:
    bound(2**40)
    before = open_above()
    reader = ProcessReader(Roots(), keep=3)
    everybody = len(reader.read(0.0))
    assert everybody > 3
    assert open_above() - before == 3
    assert len(reader.read(1.0)) > 3  # the others are opened anew
    assert open_above() - before == 3
    reader.close()
    assert open_above() == before


def test_the_room_of_one_that_ended_is_given_to_another() -> None:
    bound(2**40)
    reader = ProcessReader(Roots(), keep=10_000)
    before = open_above()
    for now in range(20):
        child = subprocess.Popen(["sleep", "100"])
        seen = reader.read(float(now))
        assert any(process.pid == child.pid for process in seen)
        child.kill()
        child.wait()
    everybody = len(reader.read(30.0))
    assert open_above() - before <= everybody
    reader.close()
    assert open_above() == before


@pytest.mark.skipif(not os.access(LAST_PID, os.W_OK), reason="the next pid can be chosen by root only")
def test_a_recycled_pid_is_not_read_through_the_old_file() -> None:
    bound(2**40)
    reader = ProcessReader(Roots(), keep=10_000)
    for _ in range(50):
        first = subprocess.Popen(["sleep", "100"])
        old = next(process for process in reader.read(0.0) if process.pid == first.pid)
        reader.read(0.5)
        first.kill()
        first.wait()
        LAST_PID.write_text(str(first.pid - 1))
        second = subprocess.Popen(["sleep", "200"])
        recycled = second.pid == first.pid  # somebody else may have been quicker
        new = next(process for process in reader.read(1.0) if process.pid == second.pid)
        ended = reader.ended
        second.kill()
        second.wait()
        if recycled:
            break
    reader.close()
    assert recycled
    assert new is not old
    assert (old.command, new.command) == ("sleep 100", "sleep 200")
    assert any(process.pid == old.pid and process.command == "sleep 100" for process in ended)


def test_a_recorded_tree_is_opened_anew(tree: Tree) -> None:
    tree.process(1)
    before = open_above()
    reader = ProcessReader(tree.roots, since_boot=lambda: 1000.0)
    reader.read(0.0)
    assert open_above() == before


def test_without_room_none_is_kept() -> None:
    kept = Kept(0)
    descriptor = os.open("/proc/self/stat", os.O_RDONLY)
    assert kept.keep(descriptor) == -1
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)  # it was closed all the same


def test_the_bound_follows_memory_and_the_limit_of_open_files() -> None:
    assert bound(0) == 0
    assert bound(2**30) == 2**30 // 400 // 4400
    script = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 2000));"
        "from engine.telemetry.procfs.kept import bound;"
        "print(bound(2**40), *resource.getrlimit(resource.RLIMIT_NOFILE), bound(2**20))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["388", "2000", "2000", "0"]
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > FIRST
