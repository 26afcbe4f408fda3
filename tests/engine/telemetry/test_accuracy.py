"""Our figures against those of the kernel's own tools, in the same run; they skip only where a tool is missing."""

import os
import re
import shutil
import socket
import subprocess
import time

import pytest

from engine.snapshot import Snapshot
from engine.telemetry.procfs.processes import ProcessReader
from engine.telemetry.procfs.sockets import SocketReader
from engine.telemetry.roots import Roots
from engine.telemetry.sampler import Sampler
from tests.engine.telemetry.conftest import Child
from tests.engine.telemetry.test_processes_real import HOG


def tool(name: str, *arguments: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    environment = {**os.environ, "LC_ALL": "C", "COLUMNS": "500"}
    return subprocess.run([path, *arguments], capture_output=True, text=True, check=True, env=environment).stdout


def around(name: str, *arguments: str) -> tuple[Snapshot, str, Snapshot]:
    """What the tool says, between a sample of ours before it and one after: both intervals are almost the same."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    sampler = Sampler()
    try:
        before = sampler.sample()
        said = tool(name, *arguments)
        return before, said, sampler.sample()
    finally:
        sampler.close()


def test_memory_as_free_tells_it() -> None:
    before, said, after = around("free", "-b")
    total, _, free, shared, _, available = (int(word) for word in said.splitlines()[1].split()[1:])
    slack = 0.02 * total + abs(after.memory.free_bytes - before.memory.free_bytes)
    assert after.memory.total_bytes == total
    assert after.memory.free_bytes == pytest.approx(free, abs=slack)
    assert after.memory.available_bytes == pytest.approx(available, abs=slack)
    assert after.memory.shared_bytes == pytest.approx(shared, abs=slack)
    assert after.memory.swap_total_bytes == int(said.splitlines()[2].split()[1])


def test_processor_use_as_vmstat_tells_it() -> None:
    _, said, after = around("vmstat", "1", "2")
    heads, figures = said.splitlines()[1].split(), said.splitlines()[-1].split()
    told = {head: float(figure) for head, figure in zip(heads, figures, strict=True)}
    slack = 12.0  # vmstat's second lies within our interval, which also holds its start
    assert after.cpu.user == pytest.approx(told["us"], abs=slack)
    assert after.cpu.system == pytest.approx(told["sy"], abs=slack)
    assert after.cpu.iowait == pytest.approx(told["wa"], abs=slack)
    assert after.cpu.context_switches_s == pytest.approx(told["cs"], rel=0.5, abs=500)


def test_a_burner_as_top_tells_it() -> None:
    burner = subprocess.Popen(["sh", "-c", "while :; do :; done"])
    try:
        reader = ProcessReader(Roots())
        reader.read(time.monotonic())
        said = tool("top", "-b", "-d", "1.5", "-n", "2", "-p", str(burner.pid))
        process = next(one for one in reader.read(time.monotonic()) if one.pid == burner.pid)
    finally:
        burner.kill()
        burner.wait()
    heads = next(line for line in said.splitlines() if "%CPU" in line).split()
    rows = [line.split() for line in said.splitlines() if line.split()[:1] == [str(burner.pid)]]
    told = dict(zip(heads, rows[-1], strict=False))
    assert process.cpu_percent == pytest.approx(
        float(told["%CPU"]), abs=12
    )  # another machine's turn in the first slice
    assert process.nice == int(told["NI"])


def test_a_child_as_ps_tells_it(children: list[Child]) -> None:
    child = Child(HOG)
    children.append(child)
    child.ask("32")
    said = tool("ps", "-o", "ppid=,user:64=,nlwp=,ni=,rss=,comm=,args=", "-p", str(child.pid))
    ppid, user, threads, nice, rss, comm, args = said.strip().split(None, 6)
    process = next(one for one in ProcessReader(Roots()).read(0.0) if one.pid == child.pid)
    assert (process.ppid, process.user, process.threads) == (int(ppid), user, int(threads))
    assert (process.nice, process.name) == (int(nice), comm)
    assert process.rss_bytes == pytest.approx(int(rss) * 1024, rel=0.1)
    assert process.command[:12] == args[:12]


def test_the_number_of_processes_as_ps_tells_it() -> None:
    said = {int(word) for word in tool("ps", "-e", "-o", "pid=").split()}
    ours = {process.pid for process in ProcessReader(Roots()).read(0.0)}
    again = {int(word) for word in tool("ps", "-e", "-o", "pid=").split()}
    assert said & again <= ours  # those that were there before and after


def test_listeners_as_ss_tells_them() -> None:
    with socket.create_server(("127.0.0.1", 0)), socket.create_server(("0.0.0.0", 0)):
        said = tool("ss", "-H", "-tln")
        ours = {(one.address, one.port) for one in SocketReader(Roots()).read(0.0).listeners if one.protocol == "tcp"}
        again = tool("ss", "-H", "-tln")

    def ports(text: str) -> set[tuple[str, int]]:
        ends = (line.split()[3].rpartition(":") for line in text.splitlines())
        return {(re.sub(r"%\w+$|[\[\]]", "", host).replace("*", "::"), int(port)) for host, _, port in ends}

    assert len(ports(said)) >= 2
    assert ports(said) & ports(again) <= ours


def test_disks_as_iostat_tells_them() -> None:
    _, said, after = around("iostat", "-d", "-k", "-y", "1", "1")
    told = {words[0]: words for line in said.splitlines() if len(words := line.split()) > 3}
    for disk in after.disks:
        assert disk.read_bytes_s / 1024 == pytest.approx(float(told[disk.name][2]), rel=0.5, abs=4096)
