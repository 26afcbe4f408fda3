from __future__ import annotations

import pytest
from textual.events import Key

from engine.config import Config
from engine.events import AnalysisStarted, AnswerStarted, ModelChanged, Notice, SnapshotTaken
from tests.tui.conftest import Open
from tests.tui.reading import lines, text
from tests.tui.recorded import NOON, RecordedNode, processes, snapshot
from tui.actions import ACTIONS
from tui.app import TelltopApp

SIZES = [(200, 50), (120, 40), (80, 24)]


@pytest.mark.parametrize("size", SIZES)
async def test_every_size_shows_the_node_its_finding_its_processes_and_the_words(
    dashboard: Open, size: tuple[int, int]
) -> None:
    async with dashboard(size) as (app, _):
        shown = text(app)
        for words in (
            "web01",
            "load 3.10",
            "memory is full in about 19 min",
            "python3 train.py",
            "running out of memory",
        ):
            assert words in shown
        assert all(len(line) == size[0] for line in lines(app))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (20, 5), (40, 10), (60, 16), (99, 30), (100, 29), (400, 120)])
async def test_any_size_of_terminal_can_be_drawn(dashboard: Open, size: tuple[int, int]) -> None:
    async with dashboard(size, RecordedNode(model="small")) as (app, pilot):
        assert len(lines(app)) == size[1]
        await pilot.press("i", "o", "k", "enter", "escape", "8", "8", "question_mark", "escape")
        assert app.failure is None
        assert app.is_running


async def test_a_storm_of_resizes_ends_in_the_last_size(dashboard: Open) -> None:
    async with dashboard() as (app, pilot):
        for width, height in [(80, 24), (20, 5), (200, 50), (1, 1), (119, 31), (80, 24), (120, 40)] * 5:
            await pilot.resize_terminal(width, height)
        await pilot.pause()
        assert "processes 60" in text(app)
        assert all(len(line) == 120 for line in lines(app))


def selected_pid(app: TelltopApp) -> int | None:
    process = app.dashboard.processes.selected
    return process.pid if process else None


def table_pids(app: TelltopApp) -> list[int]:
    return [process.pid for process in app.dashboard.processes.listing.rows]


async def test_sorting_by_key_by_column_and_reversed(dashboard: Open) -> None:
    async with dashboard() as (app, pilot):
        assert table_pids(app)[0] == 412
        await pilot.press("N")
        assert table_pids(app) == sorted(table_pids(app))
        await pilot.press("N")
        assert table_pids(app) == sorted(table_pids(app), reverse=True)
        await pilot.press("M")
        assert table_pids(app)[:2] == [412, 449]
        await pilot.press("r")
        assert table_pids(app)[-1] == 412
        key = app.dashboard.processes.listing.sort[0]
        await pilot.press("greater_than_sign")
        assert app.dashboard.processes.listing.sort[0] != key
        await pilot.press("less_than_sign")
        assert app.dashboard.processes.listing.sort[0] == key


async def test_a_click_on_a_head_sorts_and_on_a_row_selects(dashboard: Open) -> None:
    async with dashboard() as (app, pilot):
        await pilot.click("#processes", offset=(4, 1))
        assert app.dashboard.processes.listing.sort[0] == "pid"
        await pilot.click("#processes", offset=(4, 4))
        assert app.dashboard.processes.selected is app.dashboard.processes.listing.rows[2]


async def test_the_filter_narrows_while_it_is_typed_and_takes_every_letter(dashboard: Open) -> None:
    async with dashboard() as (app, pilot):
        await pilot.press("slash", *"qapi")
        assert app.is_running
        assert app.dashboard.processes.listing.filter_text == "qapi"
        await pilot.press("ctrl+u", *"nginx")
        assert "www-data" in text(app)
        assert "dockerd" not in text(app)
        assert "/nginx" in text(app)
        await pilot.press("enter")
        assert "/nginx" in text(app)
        await pilot.press("escape")
        assert "dockerd" in text(app)


async def test_the_cursor_keeps_its_row_and_follows_its_process_when_asked(dashboard: Open) -> None:
    node = RecordedNode()
    async with dashboard(node=node) as (app, pilot):
        await pilot.press("down", "down", "down", "down")
        before = selected_pid(app)
        await pilot.press("N")
        assert selected_pid(app) != before
        await pilot.press("P", "F")
        assert f"following {before}" in text(app)
        held = selected_pid(app)
        turned = tuple(reversed(processes()))
        node.say(SnapshotTaken(snapshot(9, shown=turned), ()))
        await pilot.pause()
        await pilot.press("N")
        assert selected_pid(app) == held
        await pilot.press("down")
        assert "following" not in text(app)


async def test_a_selected_process_that_ends_leaves_a_cursor_on_the_table(dashboard: Open) -> None:
    node = RecordedNode()
    async with dashboard(node=node) as (app, pilot):
        await pilot.press("end")
        node.say(SnapshotTaken(snapshot(9, shown=processes(3)), ()))
        await pilot.pause()
        assert selected_pid(app) in {process.pid for process in processes(3)}
        node.say(SnapshotTaken(snapshot(10, shown=()), ()))
        await pilot.pause()
        assert selected_pid(app) is None
        await pilot.press("down", "up", "end", "e", "enter")
        assert app.failure is None


async def test_enter_on_a_finding_jumps_to_the_process_to_blame(dashboard: Open) -> None:
    async with dashboard() as (app, pilot):
        await pilot.press("end", "f", "down", "enter")
        await pilot.pause()
        assert selected_pid(app) == 412
        assert app.dashboard.processes.has_focus


async def test_what_is_typed_right_after_i_belongs_to_the_prompt(dashboard: Open) -> None:
    node = RecordedNode()
    async with dashboard(node=node) as (app, pilot):
        for key in ("i", "q", "a", "question_mark", "p", "enter"):
            app.post_message(Key(key, {"question_mark": "?", "enter": "\r"}.get(key, key)))
        await pilot.pause()
        await pilot.pause()
        assert node.asked == ["qa?p"]


async def test_asking_shows_question_and_answer_and_remembers_the_prompt(dashboard: Open) -> None:
    node = RecordedNode()
    async with dashboard((200, 50), node) as (app, pilot):
        await pilot.press("i", *"why", "enter", *"so", "enter")
        await pilot.pause()
        assert node.asked == ["why", "so"]
        assert "python3 (412) uses three cores" in " ".join(text(app).split())
        prompt = app.dashboard.console_panel.prompt
        await pilot.press("x", "up")
        assert prompt.value == "so"
        await pilot.press("up", "up")
        assert prompt.value == "why"
        await pilot.press("down", "down", "down")
        assert prompt.value == "x"


async def test_an_empty_prompt_asks_nothing(dashboard: Open) -> None:
    node = RecordedNode()
    async with dashboard(node=node) as (_, pilot):
        await pilot.press("i", "enter", "space", "enter")
        assert node.asked == []


async def test_escape_stops_what_is_being_written_then_leaves_the_prompt(dashboard: Open) -> None:
    node = RecordedNode()
    async with dashboard(node=node) as (app, pilot):
        await pilot.press("i")
        node.say(AnswerStarted("q9", NOON, "why", "rules", "rules"))
        await pilot.pause()
        await pilot.press("escape")
        assert node.cancelled == ["q9"]
        assert app.dashboard.console_panel.prompt.has_focus
        app.dashboard.console_panel._writing = ""
        await pilot.press("escape")
        assert app.dashboard.processes.has_focus


async def test_a_writes_an_analysis_and_once_more_stops_it(dashboard: Open) -> None:
    node = RecordedNode()
    async with dashboard(node=node) as (_, pilot):
        before = node.analyses
        await pilot.press("a")
        assert node.analyses == before + 1
        node.say(AnalysisStarted("a9", NOON, "demand", "rules", "rules"))
        await pilot.pause()
        await pilot.press("a")
        assert node.cancelled == ["a9"]


async def test_in_a_small_terminal_the_words_are_one_key_away(dashboard: Open) -> None:
    async with dashboard((80, 24)) as (app, pilot):
        assert "Watch swap" in text(app) or "running out" in text(app)
        await pilot.press("enter")
        assert "Watch swap: 1.2 GiB is in use" in text(app)
        assert "dockerd" not in text(app)
        await pilot.press("escape")
        assert "dockerd" in text(app)
        await pilot.press("i", *"why", "enter")
        await pilot.pause()
        assert "uses three cores" in text(app)
        await pilot.press("escape", "escape")
        assert "dockerd" in text(app)


@pytest.mark.parametrize(
    ("key", "words"), [("1", "cpu"), ("4", "nvme0n1"), ("6", "RTX 4090"), ("7", "kworker"), ("8", "Watch swap")]
)
@pytest.mark.parametrize("size", SIZES)
async def test_a_panel_zooms_and_gives_the_screen_back(
    dashboard: Open, size: tuple[int, int], key: str, words: str
) -> None:
    async with dashboard(size) as (app, pilot):
        before = text(app)
        await pilot.press(key)
        assert words in text(app)
        assert text(app) != before
        await pilot.press(key)
        assert text(app) == before


async def test_frozen_figures_stand_still_until_they_go_on(dashboard: Open) -> None:
    node = RecordedNode()
    async with dashboard(node=node) as (app, pilot):
        await pilot.press("p")
        before = text(app)
        assert "FROZEN" in before
        node.say(SnapshotTaken(snapshot(20), ()))
        await pilot.pause()
        assert text(app) == before
        await pilot.press("p")
        assert "FROZEN" not in text(app)
        assert "nothing wrong" in text(app)


async def test_a_model_that_loads_then_fails_is_told(dashboard: Open) -> None:
    node = RecordedNode()
    async with dashboard((200, 50), node) as (app, pilot):
        node.say(ModelChanged("loading", "small", progress=0.4))
        await pilot.pause()
        assert "small" in text(app)
        assert "loading 40%" in text(app)
        node.say(ModelChanged("failed", "small", "small.gguf is cut off: get it again."))
        node.say(Notice("small.gguf is cut off: get it again. The rules narrator goes on.", "error"))
        await pilot.pause()
        assert "failed: small.gguf is cut off" in text(app)


async def test_hostile_text_is_drawn_as_it_is(dashboard: Open) -> None:
    node = RecordedNode()
    async with dashboard(node=node) as (app, pilot):
        names = ("[bold red]x[/]", "[/", "{evil}", "日本語プロセス", "a" * 300, "[@click=app.quit]q[/]", "é̀̂")
        shown = tuple(
            type(process)(
                **{**{f: getattr(process, f) for f in process.__struct_fields__}, "command": name, "name": name[:15]}
            )
            for process, name in zip(processes(len(names)), names, strict=True)
        )
        node.say(SnapshotTaken(snapshot(9, shown=shown), ()))
        node.ask("[bold]why[/] [/]")
        await pilot.pause()
        drawn = text(app)
        for literal in ("[bold red]x[/]", "{evil}", "日本語プロセス", "[@click=app.quit]q[/]", "[bold]why[/] [/]"):
            assert literal in drawn
        assert app.failure is None


async def test_without_unicode_only_ascii_is_drawn(dashboard: Open) -> None:
    for size in SIZES:
        async with dashboard(size, config=Config(ascii=True)) as (app, pilot):
            await pilot.press("i", *"why", "enter", "escape")
            await pilot.pause()
            foreign = {char for char in text(app) if ord(char) > 126}
            assert not foreign


async def test_without_colour_no_colour_is_drawn(dashboard: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with dashboard((120, 40)) as (app, _):
        assert not app.look.color
        for strip in app.screen._compositor.render_strips(app.screen.size):
            for segment in strip:
                style = segment.style
                assert style is None or style.color is None or style.color.is_default, segment


async def test_help_and_palette_offer_every_action(dashboard: Open) -> None:
    async with dashboard((200, 120)) as (app, pilot):
        await pilot.press("f1")
        shown = " ".join(text(app).split())
        for action in ACTIONS:
            assert action.help in shown, action.name
        await pilot.press("escape", "colon")
        await pilot.pause()
        assert app.screen is not app.dashboard
        await pilot.press("escape")
        assert app.screen is app.dashboard


@pytest.mark.parametrize("key", ["q", "f10", "ctrl+c"])
async def test_leaving_closes_the_node(dashboard: Open, key: str) -> None:
    node = RecordedNode()
    async with dashboard(node=node) as (_, pilot):
        await pilot.press(key)
    assert node.closed


async def test_every_action_is_one_that_the_dashboard_has() -> None:
    from tui.screens.dashboard import DashboardScreen

    keys = [key for action in ACTIONS for key in action.keys]
    assert len(keys) == len(set(keys))
    for action in ACTIONS:
        assert hasattr(DashboardScreen, "action_" + action.name.partition("(")[0]), action.name
