"""Details of real children, and of what may not be read."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import TelemetryError
from engine.telemetry.capabilities import capabilities
from engine.telemetry.inspect import GoneError, inspect, memory_use
from engine.telemetry.masking import MASK
from engine.telemetry.procfs.stat import parse
from tests.engine.telemetry.conftest import Child, Tree

HERTZ = os.sysconf("SC_CLK_TCK")
SCRIPT = """
import mmap, os, socket, sys, threading
held = mmap.mmap(-1, 32 * 2**20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for at in range(0, len(held), mmap.PAGESIZE):
    held[at] = 1
server = socket.create_server(("127.0.0.1", 0))
file = open("/etc/passwd")
os.chdir("/")
threading.Thread(target=sys.stdin.read, daemon=True).start()
child = os.fork()
if child == 0:
    import time
    time.sleep(1000)
print("ready", flush=True)
print(child, server.getsockname()[1], flush=True)
threading.Event().wait()
"""


def started(pid: int) -> float:
    return parse(Path(f"/proc/{pid}/stat").read_bytes()).start / HERTZ


def test_a_child_whose_doings_are_known(children: list[Child], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_TOKEN", "hunter2")
    monkeypatch.setenv("DATABASE_URL", "postgres://app:s3cr3t@db/x")
    monkeypatch.setenv("PLAIN", "\x1b[31mred")
    child = Child(SCRIPT)
    children.append(child)
    grandchild, port = (int(word) for word in child.hear().split())
    try:
        seen = inspect(child.pid, started(child.pid))
    finally:
        os.kill(grandchild, 9)
    assert seen.missing == ()
    assert seen.parents[0].pid == os.getpid()
    assert [relative.pid for relative in seen.children] == [grandchild]
    assert len(seen.threads) == 2
    assert seen.folder == "/"
    assert seen.executable == str(Path(sys.executable).resolve())
    assert seen.command[1:4] == ("-S", "-E", "-c")
    assert any(file.target == "/etc/passwd" for file in seen.files)
    assert seen.files_open == len(seen.files)
    assert seen.files_limit is not None
    assert seen.files_limit > 0
    (listening,) = seen.sockets
    assert (listening.local, listening.state) == (f"127.0.0.1:{port}", "LISTEN")
    environment = dict(seen.environment)
    assert environment["MY_API_TOKEN"] == MASK
    assert environment["DATABASE_URL"] == f"postgres://app:{MASK}@db/x"
    assert environment["PLAIN"] == "\\x1b[31mred"
    assert seen.memory is not None
    assert seen.memory.uss_bytes <= seen.memory.pss_bytes <= seen.memory.rss_bytes
    assert seen.memory.pss_bytes > 16 * 2**20  # half of what it shares with the grandchild
    assert seen.memory.rss_bytes > 32 * 2**20
    assert max(mapping.rss_bytes for mapping in seen.mappings) >= 32 * 2**20
    assert seen.oom_score is not None
    assert {limit.name for limit in seen.limits} >= {"Max open files", "Max processes"}


def test_memory_alone(children: list[Child]) -> None:
    child = Child('print("ready", flush=True); input()')
    children.append(child)
    use = memory_use(child.pid, started(child.pid))
    assert 0 < use.uss_bytes <= use.pss_bytes <= use.rss_bytes


def test_sockets_of_other_kinds_are_no_trouble() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
        udp.bind(("::1", 0))
        seen = inspect(os.getpid(), started(os.getpid()))
        local = f"[::1]:{udp.getsockname()[1]}"
    assert any((one.protocol, one.local) == ("udp", local) for one in seen.sockets)


def test_one_that_is_gone_or_another_under_its_pid() -> None:
    child = subprocess.Popen(["sleep", "100"])
    since = started(child.pid)
    with pytest.raises(GoneError, match="has ended"):
        inspect(child.pid, since - 1.0)
    child.kill()
    child.wait()
    with pytest.raises(GoneError, match="has ended"):
        inspect(child.pid, since)
    with pytest.raises(GoneError, match="has ended"):
        memory_use(child.pid, since)


def test_each_part_that_may_not_be_read_says_so(tree: Tree) -> None:
    tree.process(1, b"init")
    tree.process(42, b"locked", start=500)
    seen = inspect(42, 500 / HERTZ, tree.roots)
    assert seen.command == ("sleep", "100")
    assert seen.memory is None
    assert seen.files_open is None
    parts = {sentence.split(" could not")[0] for sentence in seen.missing}
    assert {"Open files", "The environment", "The memory", "Limits", "The OOM score"} <= parts
    assert all(sentence.isprintable() for sentence in seen.missing)
    with pytest.raises(TelemetryError, match="The memory of process 42 cannot be read: no such file"):
        memory_use(42, 500 / HERTZ, tree.roots)


STRANGER = """
import os, sys
from engine.telemetry.inspect import inspect
os.setgroups([]); os.setgid(65534); os.setuid(65534)
seen = inspect(int(sys.argv[1]), float(sys.argv[2]))
print(seen.environment, seen.memory, seen.parents != (), *seen.missing, sep="\\n")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not look")
def test_somebody_without_rights_is_told_what_is_missing(children: list[Child]) -> None:
    child = Child('print("ready", flush=True); input()')
    children.append(child)
    asked = [sys.executable, "-c", STRANGER, str(child.pid), str(started(child.pid))]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    environment, memory, parents, *missing = done.stdout.splitlines()
    assert (environment, memory, parents) == ("()", "None", "True")
    assert any("permission denied" in sentence for sentence in missing)


def test_what_can_be_seen_of_a_tree_that_hides_everything(tree: Tree) -> None:
    tree.whole()
    (tree.roots.proc / "1" / "stat").unlink()
    (tree.roots.proc / "1" / "cmdline").unlink()
    (tree.roots.proc / "1").rmdir()
    tree.proc("self/mounts", "proc /proc proc rw,nosuid,hidepid=invisible 0 0\n")
    for kind in ("cpu", "memory", "io"):
        (tree.roots.proc / "pressure" / kind).unlink()
    told = {one.name: one for one in capabilities(tree.roots)}
    hidden = told["other users' processes"]
    assert not hidden.seen
    assert "hidepid=invisible" in hidden.why
    assert "root" in hidden.cure
    assert not told["pressure (PSI)"].seen
    assert "psi=1" in told["pressure (PSI)"].cure
    assert told["the whole node"].seen


def test_what_can_be_seen_here() -> None:
    told = capabilities()
    assert len({one.name for one in told}) == len(told) >= 9
    assert all(one.why.endswith(".") and one.why.isprintable() for one in told)
    assert told[0].seen == Path("/proc/1").is_dir()


def test_a_folder_that_is_no_procfs(tree: Tree) -> None:
    (only,) = capabilities(tree.roots)
    assert not only.seen
