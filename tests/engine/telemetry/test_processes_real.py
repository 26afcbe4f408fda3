"""The pass over the real /proc, with children whose doings are known."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from engine.snapshot import Process
from engine.telemetry.procfs.processes import ProcessReader
from engine.telemetry.roots import Roots
from tests.engine.telemetry.conftest import Child

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="procfs is Linux's")

BURNER = """
import sys, time
print("ready", flush=True)
for line in sys.stdin:
    begun, share = time.process_time(), float(line)
    while time.process_time() - begun < 0.4:
        slice_, wall = time.process_time(), time.monotonic()
        while time.process_time() - slice_ < 0.01:
            pass
        time.sleep((time.monotonic() - wall) * (1 - share) / share)
    print(time.process_time() - begun, flush=True)
"""
HOG = """
import mmap, sys
print("ready", flush=True)
size = int(sys.stdin.readline()) * 2**20
held = mmap.mmap(-1, size)
for at in range(0, size, mmap.PAGESIZE):
    held[at] = 1
print("held", flush=True)
sys.stdin.read()
"""
NAMER = """
import ctypes, sys
print("ready", flush=True)
for line in sys.stdin:
    assert ctypes.CDLL(None).prctl(15, bytes.fromhex(line), 0, 0, 0) == 0
    print("named", flush=True)
"""
SOMEBODY = """
import os, sys
from engine.telemetry.procfs.processes import ProcessReader
from engine.telemetry.roots import Roots
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
print("ready", flush=True)
reader = ProcessReader(Roots())
for now, line in enumerate(sys.stdin):
    process = next(process for process in reader.read(float(now)) if process.pid == int(line))
    print(process.read_bytes_s, process.command != "", process.user, flush=True)
"""
EXEC = """
import os, sys
print("ready", flush=True)
os.read(0, 1)  # no more than the newline: what follows is for cat
os.execvp("cat", ["cat", "-u", "--", "-"])
"""


def find(processes: tuple[Process, ...], pid: int) -> Process:
    return next(process for process in processes if process.pid == pid)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_burner_reads_what_it_burnt(children: list[Child], share: float) -> None:
    child = Child(BURNER)
    children.append(child)
    reader = ProcessReader(Roots())
    begun = time.monotonic()
    reader.read(begun)
    burnt = float(child.ask(str(share)))
    ended = time.monotonic()
    process = find(reader.read(ended), child.pid)
    seen = process.cpu_percent / 100 * (ended - begun)
    assert seen == pytest.approx(burnt, abs=0.03)  # the kernel counts in ticks of 0.01 s


def test_memory_of_a_child_that_takes_64_mib(children: list[Child]) -> None:
    child = Child(HOG)
    children.append(child)
    reader = ProcessReader(Roots())
    before = find(reader.read(0.0), child.pid).rss_bytes
    assert child.ask("64") == "held"
    grown = find(reader.read(1.0), child.pid).rss_bytes - before
    assert grown == pytest.approx(64 * 2**20, abs=2 * 2**20)


def test_a_name_of_every_byte_value(children: list[Child]) -> None:
    child = Child(NAMER)
    children.append(child)
    reader = ProcessReader(Roots())
    every = bytes(range(1, 256))
    names = [every[at : at + 15] for at in range(0, len(every), 15)]
    for now, name in enumerate([*names, b") R 1 (", b"\x1b[31m\n[red]x", b"\xe2\x82", b"((((", b"))))"]):
        assert child.ask(name.hex()) == "named"
        shown = find(reader.read(float(now)), child.pid).name
        expected = "".join(chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in name)
        assert shown == expected


def test_a_command_after_exec(children: list[Child]) -> None:
    child = Child(EXEC)
    children.append(child)
    reader = ProcessReader(Roots())
    assert "os.execvp" in find(reader.read(0.0), child.pid).command
    child.say()
    assert child.ask("are you cat?") == "are you cat?"
    process = find(reader.read(1.0), child.pid)
    assert (process.name, process.command) == ("cat", "cat -u -- -")


def test_a_zombie() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert find(ProcessReader(Roots()).read(0.0), child.pid).state == "Z"
    child.wait()


def test_the_pass_sees_what_psutil_sees() -> None:
    before = set(psutil.pids())
    seen = {process.pid: process for process in ProcessReader(Roots()).read(0.0)}
    after = set(psutil.pids())
    assert before & after <= seen.keys() <= before | after
    me, theirs = seen[os.getpid()], psutil.Process()
    assert (me.ppid, me.name, me.user) == (theirs.ppid(), theirs.name(), theirs.username())
    assert me.command == " ".join(theirs.cmdline())[:512]
    assert me.rss_bytes == pytest.approx(theirs.memory_info().rss, abs=8 * 2**20)
    assert me.started == pytest.approx(theirs.create_time() - psutil.boot_time(), abs=1.5)
    assert all(process.kernel == (process.pid == 2 or process.ppid == 2) for process in seen.values())


def test_births_and_deaths_during_the_passes_are_no_trouble() -> None:
    reader = ProcessReader(Roots())
    reader.read(0.0)
    for now in range(1, 30):
        children = [subprocess.Popen(["true"]) for _ in range(3)]
        assert any(process.pid == os.getpid() for process in reader.read(float(now)))
        for child in children:
            child.wait()
    assert not any("understood" in note for note in reader.notes)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not look")
def test_somebody_without_rights_sees_all_but_the_io(children: list[Child]) -> None:
    burner, somebody = Child(BURNER), Child(SOMEBODY, bare=False)
    children += (burner, somebody)
    for _ in range(3):
        assert somebody.ask(str(burner.pid)) == "None True root"
        burner.ask("1.0")
    assert somebody.ask(str(burner.pid)) == "None True root"  # root itself is told it: see the test below


def test_io_of_ones_own_child_is_told(children: list[Child]) -> None:
    child = Child(BURNER)
    children.append(child)
    reader = ProcessReader(Roots())
    for now in range(3):
        reader.read(float(now))
        child.ask("1.0")
    process = find(reader.read(3.0), child.pid)
    assert process.cpu_percent > 0
    assert process.read_bytes_s == 0.0  # it burns; it reads nothing
