import mmap
import os
from pathlib import Path

import pytest

from engine.snapshot import Process
from engine.telemetry.procfs.processes import COMMAND_LIMIT, ProcessReader
from engine.telemetry.procfs.users import Users
from tests.engine.telemetry.conftest import Tree

HERTZ = os.sysconf("SC_CLK_TCK")


class Clock:
    """Seconds since boot; of the monotonic clock they are the same here."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(tree: Tree, clock: Clock) -> ProcessReader:
    tree.process(1, comm=b"init")
    return ProcessReader(tree.roots, since_boot=clock, clock=clock)


def pass_at(reader: ProcessReader, clock: Clock, now: float) -> dict[int, Process]:
    clock.now = now
    return {process.pid: process for process in reader.read(now)}


def test_the_fields(tree: Tree, reader: ProcessReader, clock: Clock) -> None:
    tree.process(7, b"kworker/0:1", "I", flags=0x04208060, start=5, rss=0, command=b"", nice=-20)
    tree.process(
        42, b"python3", "S", ticks=250, start=50000, rss=1000, command=b"python3\0train.py\0--bs\x0064\0", threads=9
    )
    tree.proc("self/stat", "not a process")
    seen = pass_at(reader, clock, 1000.0)
    assert sorted(seen) == [1, 7, 42]
    user = seen[42].user
    assert seen[42] == Process(
        pid=42,
        ppid=1,
        name="python3",
        user=user,
        state="S",
        cpu_percent=0.0,
        rss_bytes=1000 * mmap.PAGESIZE,
        threads=9,
        nice=0,
        cpu_seconds=250 / HERTZ,
        started=50000 / HERTZ,
        command="python3 train.py --bs 64",
        kernel=False,
    )
    assert (seen[7].kernel, seen[7].command, seen[7].nice) == (True, "kworker/0:1", -20)


def test_one_that_did_nothing_is_the_very_same_object(tree: Tree, reader: ProcessReader, clock: Clock) -> None:
    tree.process(42, ticks=100)
    first = pass_at(reader, clock, 1000.0)[42]
    assert pass_at(reader, clock, 1001.0)[42] is first
    tree.process(42, ticks=100 + HERTZ // 2)
    busy = pass_at(reader, clock, 1002.0)[42]
    assert busy.cpu_percent == pytest.approx(50.0)
    idle = pass_at(reader, clock, 1003.0)[42]
    assert idle.cpu_percent == 0.0  # the same bytes, but it was busy before
    assert pass_at(reader, clock, 1004.0)[42] is idle


def test_percent_is_of_one_core_over_the_interval(tree: Tree, reader: ProcessReader, clock: Clock) -> None:
    tree.process(42, ticks=1000)
    assert pass_at(reader, clock, 1000.0)[42].cpu_percent == 0.0
    tree.process(42, ticks=1000 + 6 * HERTZ)
    assert pass_at(reader, clock, 1002.0)[42].cpu_percent == pytest.approx(300.0)
    tree.process(42, ticks=900)
    assert pass_at(reader, clock, 1003.0)[42].cpu_percent == 0.0  # never negative


def test_a_short_lived_process_counts_over_the_time_that_it_lived(
    tree: Tree, reader: ProcessReader, clock: Clock
) -> None:
    pass_at(reader, clock, 1000.0)
    tree.process(42, ticks=HERTZ // 10, start=int(1000.8 * HERTZ))
    tree.process(43, ticks=500 * HERTZ, start=int(3 * HERTZ))  # it was hidden until now
    seen = pass_at(reader, clock, 1001.0)
    assert seen[42].cpu_percent == pytest.approx(50.0)
    assert seen[43].cpu_percent == 0.0


def test_a_recycled_pid_is_another_process(tree: Tree, reader: ProcessReader, clock: Clock) -> None:
    tree.process(42, b"old", ticks=5000, command=b"old\0")
    pass_at(reader, clock, 1000.0)
    tree.process(42, b"old", ticks=0, start=int(1000.5 * HERTZ), command=b"new\0")
    seen = pass_at(reader, clock, 1001.0)[42]
    assert (seen.command, seen.cpu_percent, seen.started) == ("new", 0.0, 1000.5)


def test_a_process_that_ends_is_gone_and_one_that_ends_midway_is_skipped(
    tree: Tree, reader: ProcessReader, clock: Clock
) -> None:
    tree.process(42)
    (tree.roots.proc / "43").mkdir()  # listed, but its files are gone
    assert sorted(pass_at(reader, clock, 1000.0)) == [1, 42]
    (tree.roots.proc / "42" / "stat").unlink()
    assert list(pass_at(reader, clock, 1001.0)) == [1]
    assert reader.notes == ()


def test_a_line_of_garbage_costs_that_process_and_a_note(tree: Tree, reader: ProcessReader, clock: Clock) -> None:
    tree.process(42)
    tree.proc("43/stat", b"43 (cut) S 1 2")
    assert sorted(pass_at(reader, clock, 1000.0)) == [1, 42]
    assert reader.notes == ("The kernel's line of 1 processes is not understood.",)


def test_hidepid_shows_only_ones_own_and_says_so(tree: Tree, clock: Clock) -> None:
    tree.process(4242)
    reader = ProcessReader(tree.roots, since_boot=clock, clock=clock)
    assert list(pass_at(reader, clock, 1000.0)) == [4242]
    assert len(reader.notes) == 1
    assert "hidden" in reader.notes[0]


def test_the_command_is_read_anew_after_an_exec(tree: Tree, reader: ProcessReader, clock: Clock) -> None:
    tree.process(42, b"sh", command=b"sh\0")
    assert pass_at(reader, clock, 1000.0)[42].command == "sh"
    tree.process(42, b"nginx", command=b"nginx\0-g\0daemon off;\0")
    assert pass_at(reader, clock, 1001.0)[42].command == "nginx -g daemon off;"


def test_a_young_process_is_looked_at_again_between_fork_and_exec(
    tree: Tree, reader: ProcessReader, clock: Clock
) -> None:
    pass_at(reader, clock, 1000.0)
    tree.process(42, b"python3", start=int(1000.9 * HERTZ), command=b"python3\0parent.py\0")
    assert pass_at(reader, clock, 1001.0)[42].command == "python3 parent.py"
    tree.proc("42/cmdline", b"python3\0child.py\0")
    assert pass_at(reader, clock, 1002.0)[42].command == "python3 child.py"


def test_in_uninterruptible_sleep_the_command_is_not_touched(tree: Tree, reader: ProcessReader, clock: Clock) -> None:
    tree.process(42, b"cp", "D", command=b"cp\0/nfs/a\0b\0")
    tree.process(43, b"tar", "S", command=b"tar\0x\0")
    seen = pass_at(reader, clock, 1000.0)
    assert (seen[42].state, seen[42].command) == ("D", "cp")
    tree.process(42, b"cp", "S", command=b"cp\0/nfs/a\0b\0")
    tree.process(43, b"tar", "D", command=b"unread\0")
    seen = pass_at(reader, clock, 1001.0)
    assert seen[42].command == "cp /nfs/a b"
    assert (seen[43].state, seen[43].command) == ("D", "tar x")


def test_a_zombie_keeps_the_command_that_it_had(tree: Tree, reader: ProcessReader, clock: Clock) -> None:
    tree.process(42, b"job", command=b"job\0--once\0")
    pass_at(reader, clock, 1000.0)
    tree.process(42, b"job", "Z", command=b"", rss=0)
    zombie = pass_at(reader, clock, 1001.0)[42]
    assert (zombie.state, zombie.command, zombie.rss_bytes) == ("Z", "job --once", 0)


def test_hostile_text_is_inert_and_cut(tree: Tree, reader: ProcessReader, clock: Clock) -> None:
    tree.process(42, b"a) R 1 (\n\x1b[2J", command=b"[bold]\0\x1b]0;x\x07\0" + "\u202e".encode() + b"\xff" * 4000)
    process = pass_at(reader, clock, 1000.0)[42]
    assert process.name == "a) R 1 (\\x0a\\x1b[2J"
    assert process.command.startswith("[bold] \\x1b]0;x\\x07 \\u202e\\xff")
    assert len(process.command) == COMMAND_LIMIT
    assert process.command.isprintable()


IO = "rchar: 9\nwchar: 9\nsyscr: 9\nsyscw: 9\nread_bytes: {}\nwrite_bytes: {}\ncancelled_write_bytes: 0\n"


def test_io_is_read_of_hot_processes_only(tree: Tree, reader: ProcessReader, clock: Clock) -> None:
    tree.process(42, ticks=1)
    tree.proc("42/io", IO.format(1000, 0))
    pass_at(reader, clock, 1000.0)
    tree.process(42, ticks=2)
    first = pass_at(reader, clock, 1001.0)[42]
    assert (first.read_bytes_s, first.write_bytes_s) == (None, None)  # nothing to compare it with
    tree.process(42, ticks=3)
    tree.proc("42/io", IO.format(5000, 2000))
    second = pass_at(reader, clock, 1003.0)[42]
    assert (second.read_bytes_s, second.write_bytes_s) == (2000.0, 1000.0)
    tree.proc("42/io", IO.format(9000, 2000))
    third = pass_at(reader, clock, 1004.0)[42]  # it took no time: not read
    assert (third.read_bytes_s, third.write_bytes_s) == (None, None)
    tree.process(42, ticks=4)
    fourth = pass_at(reader, clock, 1005.0)[42]  # over the two seconds since it was read
    assert fourth.read_bytes_s == 2000.0


def test_io_of_a_newborn_is_all_that_it_did(tree: Tree, reader: ProcessReader, clock: Clock) -> None:
    pass_at(reader, clock, 1000.0)
    tree.process(42, ticks=5, start=int(1000.5 * HERTZ))
    tree.proc("42/io", IO.format(4096, 8192))
    seen = pass_at(reader, clock, 1001.0)[42]
    assert (seen.read_bytes_s, seen.write_bytes_s) == (8192.0, 16384.0)


@pytest.mark.parametrize("text", ["", "read_bytes: x\nwrite_bytes: 1\n", "\xff\n"])
def test_io_that_is_not_told_is_none(tree: Tree, reader: ProcessReader, clock: Clock, text: str) -> None:
    for now in (1000.0, 1001.0, 1002.0):
        tree.process(42, ticks=int(now))
        tree.proc("42/io", text)
        assert pass_at(reader, clock, now)[42].read_bytes_s is None


def test_a_name_that_the_name_service_tells_late_replaces_the_number(tree: Tree, clock: Clock, tmp_path: Path) -> None:
    tree.process(1)
    uid = (tree.roots.proc / "1").stat().st_uid
    passwd = tmp_path / "passwd"
    passwd.write_bytes(b"nobody:x:65534:65534::/:/bin/false\n")
    users = Users(passwd, lambda uid: f"ldap{uid}")
    reader = ProcessReader(tree.roots, users, clock, clock)
    assert pass_at(reader, clock, 1000.0)[1].user == str(uid)
    users.answered.put(users.answered.get(timeout=10))  # await the answer, and leave it to the reader
    assert pass_at(reader, clock, 1001.0)[1].user == f"ldap{uid}"


def test_proc_that_cannot_be_listed_is_an_os_error(tree: Tree, clock: Clock) -> None:
    tree.roots.proc.rmdir()
    with pytest.raises(FileNotFoundError):
        ProcessReader(tree.roots, since_boot=clock, clock=clock).read(0.0)


def test_the_interval_of_a_process_is_that_between_its_own_readings(tree: Tree) -> None:
    """A first pass takes long; what is listed last is read late in it, and early in the next."""
    moments = iter([0.0, 0.9, 1.0, 1.1])  # the beginning and the one process of two passes
    reader = ProcessReader(tree.roots, since_boot=lambda: 1000.0, clock=lambda: next(moments))
    tree.process(1, ticks=100)
    reader.read(1000.0)
    tree.process(1, ticks=100 + HERTZ // 10)
    (process,) = reader.read(1001.0)
    assert process.cpu_percent == pytest.approx(50.0)  # 0.1 s in the 0.2 s from 1000.9 to 1001.1
