"""Every fault is real, is what it says, and leaves nothing behind, however it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from engine.drill import play
from engine.drill.demo import Demonstration
from engine.drill.plan import ACTS, CONTROLS, FAULTS, Act
from engine.drill.play import played
from engine.drill.storage import NotHereError
from tests.e2e.screen import PATIENCE_S, REPOSITORY

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="faults are made by the means of Linux")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the faults of this test keep their files: other drills on this machine are not taken for it."""
    monkeypatch.setattr(play, "place", lambda: str(tmp_path))
    return tmp_path


def leftovers(place: Path) -> list[str]:
    """Processes, mounts and files of a drill that kept its files there."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        found += [word for word in process.info["cmdline"] or () if word.startswith(str(place))]
    found += [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(place) in line]
    return found + [str(path) for path in place.glob("telltop-drill*")]


@pytest.mark.parametrize("act", [*FAULTS, *CONTROLS], ids=lambda act: act.kind)
async def test_it_becomes_ready_and_nothing_is_left(act: Act, place: Path) -> None:
    try:
        async with played(act) as playing:
            processes = [psutil.Process(pid) for pid in playing.pids]
            assert processes
            assert all(process.name() == f"drill-{act.kind}"[:15] for process in processes)
    except NotHereError as error:
        pytest.skip(str(error))
    assert psutil.wait_procs(processes, timeout=PATIENCE_S)[1] == []
    assert leftovers(place) == []


SIGNS: dict[str, Callable[[psutil.Process], bool]] = {
    "zombies": lambda parent: sum(child.status() == psutil.STATUS_ZOMBIE for child in parent.children()) >= 10,
    "thread_explosion": lambda process: process.num_threads() > 500,
    "fd_exhaustion": lambda process: process.num_fds() > 250,
    "load_high": lambda process: process.status() == psutil.STATUS_DISK_SLEEP,
    "fork_storm": lambda parent: len(parent.children()) > 100,
    "connection_flood": lambda process: len(process.net_connections("tcp")) > 300,
    "memory_leak": lambda process: process.memory_info().rss > 20 << 20,
}


@pytest.mark.parametrize("kind", SIGNS)
async def test_it_does_what_it_says(kind: str, place: Path) -> None:
    async with asyncio.timeout(PATIENCE_S), played(ACTS[kind]) as playing:
        process = psutil.Process(min(playing.pids))
        assert not SIGNS[kind](process)
        playing.go()
        while not SIGNS[kind](process):  # noqa: ASYNC110 - what another process does is told by no event
            await asyncio.sleep(0.02)
    assert leftovers(place) == []


PLAYER = """
import asyncio, sys
from engine.drill.plan import ACTS
from engine.drill.play import played
async def main():
    async with played(ACTS[sys.argv[1]]) as playing:
        playing.go()
        print(*playing.pids, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.parametrize("kind", ["fork_storm", "disk_full", "memory_pressure"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_guard_cleans_up_whatever_ends_telltop(kind: str, number: signal.Signals) -> None:
    player = subprocess.Popen(
        [sys.executable, "-c", PLAYER, kind], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with player:
        assert player.stdout is not None
        pids = [int(pid) for pid in player.stdout.readline().split()]
        if not pids:
            pytest.skip("this node does not permit it")
        guard = next(p for p in psutil.Process(pids[0]).parents() if p.name() == "telltop-guard")
        folder = Path(guard.cmdline()[-1])
        everything = [guard, *guard.children(recursive=True)]
        player.send_signal(number)
        player.communicate(timeout=PATIENCE_S)
    assert psutil.wait_procs(everything, timeout=PATIENCE_S)[1] == []
    assert leftovers(folder) == []
    assert not folder.exists()
    assert not [path for path in Path("/sys/fs/cgroup").glob(f"**/{folder.name}") if path.is_dir()]


async def test_a_guard_that_is_killed_takes_the_fault_along(place: Path) -> None:
    async with played(ACTS["cpu_saturated"]) as playing:
        playing.go()
        processes = [psutil.Process(pid) for pid in playing.pids]
        guard = next(p for p in processes[0].parents() if p.name() == "telltop-guard")
        os.kill(guard.pid, signal.SIGKILL)
        assert psutil.wait_procs(processes, timeout=PATIENCE_S)[1] == []
    assert leftovers(place) == []


def test_the_demonstration_plays_until_it_is_closed(place: Path) -> None:
    with Demonstration((ACTS["zombies"],), first_s=0.0):
        me = psutil.Process()
        while not any(process.name() == "drill-zombies" for process in me.children(recursive=True)):
            pass  # the guard takes a moment to start it
    assert leftovers(place) == []
