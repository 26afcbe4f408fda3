"""Recorded trees of procfs and sysfs, written to a folder of the test, and children that do as they are told."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.telemetry.roots import Roots

REPOSITORY = Path(__file__).parents[3]

MEMINFO = """\
MemTotal:       16316132 kB
MemFree:         1203340 kB
MemAvailable:    9876544 kB
Buffers:          512000 kB
Cached:          7340032 kB
SwapCached:            0 kB
Dirty:              2048 kB
Shmem:            300000 kB
SReclaimable:     400000 kB
SwapTotal:       2097152 kB
SwapFree:        1048576 kB
HugePages_Total:       0
Hugepagesize:       2048 kB
"""
STAT = """\
cpu  1000 100 500 8000 300 20 80 0 0 0
cpu0 500 50 250 4000 150 10 40 0 0 0
cpu1 500 50 250 4000 150 10 40 0 0 0
intr 33396712 0 9 0 0
ctxt 70451912
btime 1700000000
processes 123456
procs_running 3
procs_blocked 1
softirq 100 1 2 3
"""
NET_DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed
    lo: 1000      10    0    0    0     0          0         0     1000      10    0    0    0     0       0          0
  eth0:5000      50    1    2    0     0          0         0     7000      70    3    4    0     0       0          0
"""
PSI = """\
some avg10=1.50 avg60=0.75 avg300=0.10 total=1000000
full avg10=0.50 avg60=0.25 avg300=0.00 total=400000
"""


class Tree:
    """A recorded tree that a test may change between two readings."""

    def __init__(self, folder: Path) -> None:
        self.roots = Roots(folder / "proc", folder / "sys")
        self.roots.proc.mkdir()
        self.roots.sys.mkdir()

    def proc(self, path: str, text: str | bytes) -> Path:
        return self._write(self.roots.proc / path, text)

    def sys(self, path: str, text: str | bytes) -> Path:
        return self._write(self.roots.sys / path, text)

    def _write(self, path: Path, text: str | bytes) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def process(
        self,
        pid: int,
        comm: bytes = b"sleep",
        state: str = "S",
        ticks: int = 0,
        start: int = 100,
        flags: int = 0x400000,
        rss: int = 256,
        command: bytes = b"sleep\x00100\x00",
        nice: int = 0,
        threads: int = 1,
    ) -> None:
        head = b"%d (%s) " % (pid, comm)
        tail = (
            f"{state} 1 {pid} {pid} 0 -1 {flags} 100 0 0 0 {ticks} 0 0 0 20 {nice} {threads} 0 {start} 8000000 {rss} "
            "18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
        )
        self.proc(f"{pid}/stat", head + tail.encode())
        self.proc(f"{pid}/cmdline", command)

    def whole(self) -> None:
        """Everything that a sample reads."""
        self.proc("stat", STAT)
        self.proc("loadavg", "0.50 0.40 0.30 3/400 12345\n")
        self.proc("uptime", "1000.00 1900.00\n")
        self.proc("meminfo", MEMINFO)
        self.proc("vmstat", "nr_free_pages 300000\npswpin 10\npswpout 20\n")
        self.proc("net/dev", NET_DEV)
        self.proc("diskstats", "")
        self.proc("self/mounts", "")
        for kind in ("cpu", "memory", "io"):
            self.proc(f"pressure/{kind}", PSI)
        self.process(1, comm=b"systemd", command=b"/sbin/init\x00")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


class Child:
    """A Python process that runs a script and is talked to a line at a time.

    It begins by saying ``ready``. ``bare`` leaves out the packages, for scripts that need none.
    """

    def __init__(self, script: str, bare: bool = True) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *(("-S", "-E") if bare else ()), "-c", script],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.pid = self._process.pid
        assert self.hear() == "ready"

    def say(self, line: str = "") -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")

    def hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def ask(self, line: str = "") -> str:
        self.say(line)
        return self.hear()

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def children() -> Iterator[list[Child]]:
    """Every child put in here is ended with the test."""
    started: list[Child] = []
    yield started
    for child in started:
        child.end()
