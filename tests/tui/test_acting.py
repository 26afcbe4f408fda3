"""The menus of acts over a recorded node, with a control that notes what it is asked for; and with the real one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator

import pytest

from engine.config import Config
from engine.control import Act, Affinity, Control, Io, Nice, Nicer, Outcome, Result, Signal, Target
from engine.events import SnapshotTaken
from engine.snapshot import Process
from engine.telemetry.procfs.processes import ProcessReader
from engine.telemetry.roots import Roots
from tests.tui.conftest import Open
from tests.tui.reading import text
from tests.tui.recorded import RecordedNode, processes, snapshot
from tui.actions import ACTIONS
from tui.app import TelltopApp
from tui.screens.act import ActScreen


class Noting(Control):
    """Does nothing and says what it was told to say."""

    def __init__(self, *results: Result) -> None:
        super().__init__()
        self.asked: list[tuple[Act, list[Target]]] = []
        self.results = results or ("done",)

    def apply(self, act: Act, targets: Iterable[Target]) -> list[Outcome]:
        named = list(targets)
        self.asked.append((act, named))
        results = [self.results[at % len(self.results)] for at in range(len(named))]
        return [Outcome(target, result, f"{target} {act.fact}") for target, result in zip(named, results, strict=True)]


def watch(app: TelltopApp, *results: Result) -> Noting:
    control = Noting(*results)
    app.dashboard._control = control
    return control


def told(app: TelltopApp) -> str:
    return " ".join(notification.message for notification in app._notifications)


async def settled(app: TelltopApp) -> None:
    """Every act has been done and told."""
    for screen in app.screen_stack:
        await app.workers.wait_for_complete([worker for worker in app.workers if worker.node is screen])


@pytest.mark.parametrize("key", ["k", "f9"])
async def test_a_signal_is_chosen_confirmed_sent_and_told(dashboard: Open, key: str) -> None:
    async with dashboard() as (app, pilot):
        control = watch(app)
        await pilot.press(key)
        assert "send a signal to python3 (412)" in text(app)
        assert "▸ 15 SIGTERM" in text(app)
        await pilot.press("down", "enter")
        assert "Send SIGKILL to python3 (412)?" in text(app)
        assert "412 python3 of ml" in text(app)
        assert "it cannot clean up" in text(app)
        assert control.asked == []
        await pilot.press("y")
        await settled(app)
        await pilot.pause()
        ((act, targets),) = control.asked
        assert act == Signal(signal.SIGKILL)
        assert [(target.pid, target.started) for target in targets] == [(412, 100.0)]
        assert app.screen is app.dashboard
        assert "python3 (412) got SIGKILL" in told(app)


async def test_a_number_that_is_typed_finds_its_signal(dashboard: Open) -> None:
    async with dashboard() as (app, pilot):
        watch(app)
        await pilot.press("k", "1", "0")
        assert "▸ 10 SIGUSR1" in text(app)
        await pilot.press("9")
        assert "▸  9 SIGKILL" in text(app)


@pytest.mark.parametrize("keys", [("escape",), ("q",), ("ctrl+c",), ("enter", "n", "escape"), ("enter", "escape", "q")])
async def test_nothing_is_done_without_a_yes(dashboard: Open, keys: tuple[str, ...]) -> None:
    async with dashboard() as (app, pilot):
        control = watch(app)
        await pilot.press("k", *keys)
        await pilot.pause()
        assert control.asked == []
        assert app.screen is app.dashboard
        assert app.is_running


async def test_going_back_keeps_the_place_in_the_list(dashboard: Open) -> None:
    async with dashboard() as (app, pilot):
        watch(app)
        await pilot.press("k", "down", "down", "enter", "n")
        assert "▸  1 SIGHUP" in text(app)


async def test_the_target_is_that_of_the_moment_the_menu_was_opened(dashboard: Open) -> None:
    node = RecordedNode()
    async with dashboard(node=node) as (app, pilot):
        control = watch(app)
        await pilot.press("k")
        # The process ends meanwhile, and another one takes its row.
        node.say(SnapshotTaken(snapshot(9, shown=processes()[1:]), ()))
        await pilot.pause()
        selected = app.dashboard.processes.selected
        assert selected is not None
        assert selected.pid != 412
        await pilot.press("enter", "enter")
        await settled(app)
        assert [target.pid for target in control.asked[0][1]] == [412]


def tag(app: TelltopApp, monkeypatch: pytest.MonkeyPatch, chosen: tuple[Process, ...]) -> None:
    monkeypatch.setattr(type(app.dashboard), "_chosen", lambda _: chosen)


async def test_several_are_named_and_what_became_of_each_is_told_apart(
    dashboard: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard() as (app, pilot):
        control = watch(app, "done", "not permitted", "already gone", "recycled")
        tag(app, monkeypatch, processes()[:4])
        await pilot.press("k")
        assert "send a signal to 4 processes" in text(app)
        for name in ("412 python3", "449 postgres", "486 dockerd", "523 nginx"):
            assert name in text(app)
        await pilot.press("enter", "enter")
        await settled(app)
        await pilot.pause()
        assert len(control.asked[0][1]) == 4
        shown = text(app)
        assert "1 done, 1 not permitted, 1 already gone, 1 recycled" in shown
        for line in ("done: python3 (412)", "not permitted: postgres (449)", "already gone: dockerd (486)"):
            assert line in shown
        await pilot.press("enter")
        assert app.screen is app.dashboard


async def test_of_many_the_rest_is_counted(dashboard: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async with dashboard((80, 24)) as (app, pilot):
        watch(app, "done", "refused")
        tag(app, monkeypatch, processes()[:40])
        await pilot.press("k")
        assert "and 34 more" in text(app)
        await pilot.press("enter", "enter")
        await settled(app)
        await pilot.pause()
        assert "20 done, 20 refused" in text(app)
        await pilot.press("end")
        assert "▸ done:" in text(app)


@pytest.mark.parametrize(
    ("keys", "act"),
    [
        (("n", "5", "enter", "y"), Nice(5)),
        (("n", "-", "1", "0", "enter", "y"), Nice(-10)),
        (("n", "up", "enter", "y"), Nice(-1)),
        (("o", "down", "enter", "y"), Io("idle")),
        (("f7",), Nicer(-1)),
        (("right_square_bracket",), Nicer(-1)),
        (("f8",), Nicer(1)),
        (("left_square_bracket",), Nicer(1)),
    ],
    ids=str,
)
async def test_niceness_and_io_priority(dashboard: Open, keys: tuple[str, ...], act: Act) -> None:
    async with dashboard() as (app, pilot):
        control = watch(app)
        await pilot.press(*keys)
        await settled(app)
        assert [asked for asked, _ in control.asked] == [act]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no affinity")
async def test_affinity_is_ticked(dashboard: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    async with dashboard() as (app, pilot):
        control = watch(app)
        await pilot.press("A")
        assert "▸ [x] cpu 0" in text(app)
        assert "[x] cpu 1" in text(app)
        await pilot.press("space")
        assert "▸ [ ] cpu 0" in text(app)
        await pilot.press("enter", "y")
        await settled(app)
        assert [act for act, _ in control.asked] == [Affinity(frozenset({1}))]


async def test_without_a_tick_no_affinity_is_set(dashboard: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    async with dashboard() as (app, pilot):
        watch(app)
        await pilot.press("A", "space", "enter")
        assert isinstance(app.screen, ActScreen)
        assert "are you sure" not in text(app)


@pytest.mark.parametrize("size", [(200, 50), (80, 24), (40, 10), (20, 5), (1, 1)])
async def test_every_menu_at_any_size(dashboard: Open, size: tuple[int, int]) -> None:
    async with dashboard(size) as (app, pilot):
        watch(app, "failed")
        for key in ("k", "n", "o", "A"):
            await pilot.press(key, "end", "enter")
            if size[1] >= 10:
                assert "Enter does it" in text(app)
            await pilot.press("enter")
            await settled(app)
            await pilot.pause()
            await pilot.press("enter")
            await pilot.pause()
            assert app.screen is app.dashboard
            assert app.failure is None


async def test_a_click_moves_and_a_second_one_chooses(dashboard: Open) -> None:
    async with dashboard((80, 24)) as (app, pilot):
        control = watch(app)
        await pilot.press("k")
        row = next(at for at, line in enumerate(text(app).splitlines()) if "SIGHUP" in line)
        await pilot.click(offset=(20, row))
        assert "▸  1 SIGHUP" in text(app)
        await pilot.click(offset=(20, row))
        assert "Send SIGHUP" in text(app)
        assert control.asked == []


ACTING = [action for action in ACTIONS if action.acts]


@pytest.mark.parametrize("action", ACTING, ids=lambda action: action.name)
async def test_read_only_does_nothing_says_so_and_hides_the_keys(dashboard: Open, action: object) -> None:
    assert action in ACTING
    key = next(one.keys[0] for one in ACTING if one is action)
    async with dashboard(config=Config(read_only=True)) as (app, pilot):
        control = watch(app)
        await pilot.press(key)
        await pilot.pause()
        assert app.screen is app.dashboard
        assert control.asked == []
        assert "--read-only" in told(app)


async def test_read_only_hides_the_keys(dashboard: Open) -> None:
    for read_only, seen in ((False, True), (True, False)):
        async with dashboard((200, 80), config=Config(read_only=read_only)) as (app, pilot):
            assert ("signal" in text(app).splitlines()[-1]) is seen
            offered = {command.help for command in app.get_system_commands(app.screen)}
            assert ("key k" in offered) is seen
            await pilot.press("question_mark")
            await pilot.pause()
            assert ("Send a signal" in text(app)) is seen


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-S", "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as it:
        yield it
        it.kill()


async def test_the_real_thing_ends_a_real_child(dashboard: Open, sleeper: subprocess.Popen[bytes]) -> None:
    mine = next(process for process in ProcessReader(Roots()).read(0.0) if process.pid == sleeper.pid)
    node = RecordedNode()
    async with dashboard(node=node) as (app, pilot):
        app.dashboard._control = Control(own=-1)
        node.say(SnapshotTaken(snapshot(9, shown=(mine,)), ()))
        await pilot.pause()
        await pilot.press("k", "enter", "enter")
        await settled(app)
        assert sleeper.wait() == -signal.SIGTERM
        # Once more: the table has not noticed yet.
        await pilot.press("k", "enter", "enter")
        await settled(app)
        await pilot.pause()
        assert "already gone: " in text(app)
