"""The screen of one process: of a real child, of a recorded one, and of one that the kernel does not answer for."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from textual.pilot import Pilot

from engine.config import Config
from engine.errors import TelemetryError
from engine.events import SnapshotTaken
from engine.snapshot import Process
from engine.telemetry.inspect import Details, GoneError, Limit, MemoryUse, OpenFile, Relative, Socket
from engine.telemetry.procfs.processes import ProcessReader
from engine.telemetry.roots import Roots
from tests.tui.conftest import Open
from tests.tui.reading import lines, text
from tests.tui.recorded import RecordedNode, processes, snapshot
from tui.app import TelltopApp
from tui.screens.detail import DetailScreen

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="details are read from procfs")

DETAILS = Details(
    pid=412,
    started=100.0,
    command=("python3", "train.py", "--batch-size", "64"),
    executable="/usr/bin/python3",
    folder="/srv/train",
    parents=(Relative(1, "systemd", "S", 3.0),),
    children=tuple(Relative(500 + at, f"loader-{at}", "S", 0.1) for at in range(40)),
    threads=(Relative(412, "python3", "R", 9.0), Relative(413, "worker", "S", 1.0)),
    files=(OpenFile(3, "/srv/train/data.bin"),),
    files_open=900,
    files_limit=1024,
    sockets=(Socket("tcp", "127.0.0.1:8080", "10.0.0.1:9", "ESTAB"),),
    environment=(("API_TOKEN", "********"), ("HOME", "/root")),
    limits=(Limit("Max open files", "1024", "4096", "files"),),
    cgroup="/system.slice/train.service",
    oom_score=667,
    oom_adjustment=100,
    memory=MemoryUse(4 << 30, 3 << 30, 2 << 30, 1 << 20),
    missing=("The mappings could not be read: not permitted.",),
)

Read = Callable[[int, float], Details]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Callable[[Read], None]:
    """Read details in another way than from procfs."""

    def use(read: Read) -> None:
        monkeypatch.setattr(DetailScreen.__init__, "__defaults__", (read,))

    return use


async def until(pilot: Pilot[int], holds: Callable[[], object]) -> None:
    """Wait for an answer of the thread; the test's own time limit is the only one."""
    for _ in range(3000):
        if holds():
            return
        await pilot.pause(0.01)
    raise AssertionError("it did not come to pass:\n" + text(pilot.app))  # type: ignore[arg-type]  # it is TelltopApp


def panel(app: TelltopApp) -> DetailScreen:
    assert isinstance(app.screen, DetailScreen)
    return app.screen


async def test_everything_that_is_known_is_shown(dashboard: Open, reads: Callable[[Read], None]) -> None:
    reads(lambda pid, started: DETAILS)
    async with dashboard((120, 140)) as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: "open files" in text(app))
        shown = text(app)
        for words in (
            "python3 (412)",
            "python3 train.py --batch-size 64",
            "cpu 312 %",
            "peak 312 % of 400 %",
            "memory 4.1 GiB",
            "disk 12.0 MiB/s",
            "900 of at most 1024",
            "667 of 2000, adjusted by 100",
            "rss 4.0 GiB  pss 3.0 GiB  uss 2.0 GiB  swap 1.0 MiB",
            "/system.slice/train.service",
            "parents 1",
            "children 40",
            "threads 2",
            "tcp  127.0.0.1:8080  10.0.0.1:9  ESTAB",
            "/srv/train/data.bin",
            "Max open files",
            "API_TOKEN=********",
            "HOME=/root",
            "The mappings could not be read",
        ):
            assert words in shown
        await pilot.press("escape")
        assert app.screen is app.dashboard


async def test_what_was_used_before_it_was_opened_is_in_the_graph_and_new_samples_are_added(
    dashboard: Open, reads: Callable[[Read], None]
) -> None:
    reads(lambda pid, started: DETAILS)
    node = RecordedNode(samples=1)
    async with dashboard(node=node) as (app, pilot):
        for sequence in (2, 3, 4):
            node.say(SnapshotTaken(snapshot(sequence), ()))
            await pilot.pause()
        await pilot.press("d")
        before = len(panel(app).panel.used)
        assert before >= 3
        node.say(SnapshotTaken(snapshot(5), ()))
        await until(pilot, lambda: len(panel(app).panel.used) == before + 1)


@pytest.mark.parametrize("size", [(200, 50), (120, 40), (80, 24), (40, 10), (20, 5), (1, 1)])
async def test_any_size(dashboard: Open, reads: Callable[[Read], None], size: tuple[int, int]) -> None:
    reads(lambda pid, started: DETAILS)
    async with dashboard(size) as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: panel(app).panel.details)
        await pilot.press("pagedown", "down", "up", "end")
        assert len(lines(app)) == size[1]
        if size[0] >= 40:
            assert "could not be read" in text(app)
            await pilot.press("home")
            assert "command" in text(app)
        await pilot.press("q")
        assert app.screen is app.dashboard
        assert app.failure is None


async def test_one_that_ends_is_said_so_and_stays_to_be_read(dashboard: Open, reads: Callable[[Read], None]) -> None:
    reads(lambda pid, started: DETAILS)
    node = RecordedNode()
    async with dashboard(node=node) as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: panel(app).panel.details)
        node.say(SnapshotTaken(snapshot(9, shown=processes()[1:]), ()))
        await until(pilot, lambda: "has ended" in text(app))
        assert "900 of at most 1024" in text(app)


@pytest.mark.parametrize(
    ("error", "said"),
    [(GoneError("Process 412 has ended; choose another."), "has ended"), (TelemetryError("No way."), "No way.")],
)
async def test_what_cannot_be_read_is_said(
    dashboard: Open, reads: Callable[[Read], None], error: TelemetryError, said: str
) -> None:
    def read(pid: int, started: float) -> Details:
        raise error

    reads(read)
    async with dashboard() as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: said in text(app))


async def test_a_read_that_hangs_freezes_nothing_and_is_said(
    dashboard: Open, reads: Callable[[Read], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    hang, begun = threading.Event(), []

    def read(pid: int, started: float) -> Details:
        begun.append(pid)
        hang.wait()
        return DETAILS

    reads(read)
    monkeypatch.setattr("tui.screens.detail._PATIENCE_S", 0.0)
    monkeypatch.setattr("tui.screens.detail._EVERY_S", 0.01)
    async with dashboard() as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: "the kernel has not answered" in text(app))
        assert begun == [412]
        await pilot.press("escape")
        assert app.screen is app.dashboard
        await pilot.press("d")
        await until(pilot, lambda: len(begun) == 2)
        hang.set()
        await until(pilot, lambda: "900 of at most 1024" in text(app))


async def test_a_signal_from_here_goes_to_this_process(dashboard: Open, reads: Callable[[Read], None]) -> None:
    reads(lambda pid, started: DETAILS)
    async with dashboard() as (app, pilot):
        await pilot.press("d", "k")
        await pilot.pause()
        assert "send a signal to python3 (412)" in text(app)
        await pilot.press("escape")
        assert isinstance(app.screen, DetailScreen)
    async with dashboard(config=Config(read_only=True)) as (app, pilot):
        await pilot.press("d", "k")
        assert isinstance(app.screen, DetailScreen)
        assert any("--read-only" in one.message for one in app._notifications)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {"SOME_TOKEN": "hunter2", "PLAIN": "seen"}
    command = [sys.executable, "-S", "-c", "import sys; print(flush=True); sys.stdin.read()", "needle"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()


def seen(pid: int) -> Process:
    return next(process for process in ProcessReader(Roots()).read(0.0) if process.pid == pid)


async def test_a_real_child_lives_and_ends(dashboard: Open, child: subprocess.Popen[bytes]) -> None:
    node = RecordedNode()
    async with dashboard((120, 200), node=node) as (app, pilot):
        node.say(SnapshotTaken(snapshot(9, shown=(seen(child.pid),)), ()))
        await pilot.pause()
        await pilot.press("d")
        await until(pilot, lambda: "environment" in text(app))
        shown = text(app)
        assert "needle" in shown
        assert "PLAIN=seen" in shown
        assert "SOME_TOKEN=********" in shown
        assert "hunter2" not in shown
        assert f"{os.getpid():>7}" in shown
        child.kill()
        child.wait()
        await until(pilot, lambda: "has ended" in text(app))
