"""The process table under the keys and the mouse of an operator."""

from __future__ import annotations

import msgspec
import pytest
from textual.command import CommandPalette
from textual.events import AppBlur, AppFocus, Key, Paste

from engine.config import Config
from engine.events import SnapshotTaken
from tests.tui.conftest import Open
from tests.tui.family import FamilyNode, family
from tests.tui.reading import lines, text
from tests.tui.recorded import snapshot
from tui.app import TelltopApp
from tui.widgets.process_columns import COLUMNS

SIZES = [(200, 50), (120, 40), (80, 24), (40, 10)]


def pids(app: TelltopApp) -> list[int]:
    return [row.pid for row in app.dashboard.processes.listing.rows]


def under(app: TelltopApp) -> int | None:
    selected = app.dashboard.processes.selected
    return selected.pid if selected else None


def at_the_palette(app: TelltopApp) -> bool:
    return any(isinstance(screen, CommandPalette) for screen in app.screen_stack)


def line_of(app: TelltopApp, words: str) -> str:
    return next(line for line in lines(app) if words in line)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ascii_only", [False, True])
async def test_every_mode_at_every_size(dashboard: Open, size: tuple[int, int], ascii_only: bool) -> None:
    async with dashboard(size, FamilyNode(), Config(ascii=ascii_only)) as (app, pilot):
        for keys in (["t"], ["asterisk"], ["b"], ["K"], ["right", "right"], ["space", "space"], ["t", "minus"]):
            await pilot.press(*keys)
            assert all(len(line) <= size[0] for line in lines(app))
            if ascii_only:
                assert text(app).isascii()
        await pilot.press("slash", *"(cpu>", "enter", "f2", "space", "enter", "number_sign", "1", "enter", "f3", "x")
        assert app.failure is None


async def test_the_tree_folds_by_keys_and_by_mouse(dashboard: Open) -> None:
    async with dashboard((120, 40), FamilyNode()) as (app, pilot):
        await pilot.press("t")
        assert "├─ nginx" in text(app)
        assert "tree by pid" in text(app)
        await pilot.press("number_sign", *"400", "enter", "left")
        assert pids(app)[:4] == [1, 300, 400, 500]
        assert "├+3 nginx" in text(app)
        assert "8.5" in line_of(app, "├+3 nginx")
        await pilot.press("right")
        assert "├─ nginx" in text(app)
        await pilot.press("right")
        assert under(app) == 401
        await pilot.press("left")
        assert under(app) == 400
        await pilot.press("minus")
        assert 401 not in pids(app)
        await pilot.press("plus")
        assert 401 in pids(app)
        row = next(at for at, line in enumerate(lines(app)) if "├─ nginx" in line)
        column = lines(app)[row].index("├─ nginx")
        await pilot.click(offset=(column, row))
        assert 401 not in pids(app)
        await pilot.press("asterisk")
        assert 401 in pids(app)
        await pilot.press("asterisk")
        assert pids(app) == [1, 300, 400, 500, 600, 2, 3, 4, 5]
        await pilot.press("t")
        assert len(pids(app)) == 17


async def test_a_folded_subtree_stays_folded_while_it_lives(dashboard: Open) -> None:
    node = FamilyNode()
    async with dashboard((120, 40), node) as (app, pilot):
        await pilot.press("t", "number_sign", *"400", "enter", "minus")
        node.show(family(), 2)
        await pilot.pause()
        assert 401 not in pids(app)
        recycled = tuple(
            msgspec.structs.replace(process, started=process.started + 5) if process.pid >= 400 else process
            for process in family()
        )
        node.show(recycled, 3)
        await pilot.pause()
        assert 401 in pids(app)


async def test_tags_are_what_is_acted_upon(dashboard: Open) -> None:
    async with dashboard((120, 40), FamilyNode()) as (app, pilot):
        table = app.dashboard.processes
        assert [process.pid for process in table.targets] == [510]
        await pilot.press("space", "down", "space")
        assert [process.pid for process in table.targets] == [510, 511]
        assert "2 tagged" in text(app)
        assert "510◆ml" in text(app)
        await pilot.press("k")
        assert "2 processes" in text(app)
        await pilot.press("escape", "backspace")
        assert "tagged" not in text(app)
        assert len(table.targets) == 1


async def test_tags_are_told_without_colour(dashboard: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with dashboard((80, 24), FamilyNode(), Config(ascii=True)) as (app, pilot):
        await pilot.press("space")
        assert "510*ml" in text(app)
        assert "1 tagged" in text(app)


async def test_programs_in_one_row_each(dashboard: Open) -> None:
    async with dashboard((120, 40), FamilyNode()) as (app, pilot):
        await pilot.press("b")
        assert "COUNT" in text(app)
        assert "3x ml" in line_of(app, "351.0")
        await pilot.press("F")
        assert "following" in text(app)
        await pilot.press("b")
        assert "COUNT" not in text(app)
        await pilot.press("b", "t")
        assert app.dashboard.processes.listing.mode == "tree"


async def test_kernel_threads_are_hidden_and_come_back(dashboard: Open) -> None:
    async with dashboard((120, 40), FamilyNode()) as (app, pilot):
        assert "[kworker/0:1]" in text(app)
        await pilot.press("K")
        assert "[k" not in text(app)
        assert "no kernel threads" in text(app)
        await pilot.press("K")
        assert "[kworker/0:1]" in text(app)


async def test_searching_goes_from_match_to_match_and_hides_nothing(dashboard: Open) -> None:
    async with dashboard((120, 40), FamilyNode()) as (app, pilot):
        await pilot.press("N", "f3", *"user=www-data")
        assert "find user=www-data_" in text(app)
        assert under(app) == 401
        assert len(pids(app)) == 17
        await pilot.press("f3")
        assert under(app) == 402
        await pilot.press("enter", "f3")
        assert under(app) == 403
        await pilot.press("f3")
        assert under(app) == 401
        await pilot.press("shift+f3")
        assert under(app) == 403
        await pilot.press("ctrl+f", *"nobody")
        assert "not found" in text(app)
        assert under(app) == 403
        await pilot.press("ctrl+u", *"cpu>", "enter")
        assert "cpu> needs a value" in text(app)
        assert app.dashboard.processes.entry is None


async def test_a_wrong_filter_says_so_and_changes_nothing(dashboard: Open) -> None:
    for size in ((120, 40), (80, 24)):
        async with dashboard(size, FamilyNode()) as (app, pilot):
            await pilot.press("slash", *"cpu>4 and mem>")
            assert sorted(pids(app)) == [402, 510, 511, 512]
            assert "mem> needs a value" in text(app)
            await pilot.press(*"100m")
            assert sorted(pids(app)) == [510, 511, 512]
            assert "needs" not in text(app)
            await pilot.press("ctrl+w", *"nothing", "enter")
            assert "no process matches" in text(app)
            await pilot.press("escape")
            assert len(pids(app)) == 17


async def test_filter_by_user_begins_with_the_field(dashboard: Open) -> None:
    async with dashboard((120, 40), FamilyNode()) as (app, pilot):
        await pilot.press("u", *"ml", "enter")
        assert sorted(pids(app)) == [510, 511, 512]
        assert "processes 3 of 17" in text(app)


async def test_a_long_filter_leaves_its_end_and_its_fault_in_sight(dashboard: Open) -> None:
    async with dashboard((120, 40), FamilyNode()) as (app, pilot):
        await pilot.press("slash")
        app.post_message(Paste("user=root and " * 12 + "cup>3\nsecond line"))
        await pilot.pause()
        await pilot.pause()
        assert "no field cup" in text(app)
        assert "processes 9 of 17" in text(app)
        assert "cup>3_" in text(app)
        assert "second line" not in app.dashboard.processes.listing.filter_text


async def test_typing_survives_a_terminal_that_loses_the_keys_and_ends_when_they_go_elsewhere(dashboard: Open) -> None:
    async with dashboard((120, 40), FamilyNode()) as (app, pilot):
        await pilot.press("slash", "v")
        app.post_message(AppBlur())
        await pilot.pause()
        app.post_message(AppFocus())
        await pilot.pause()
        await pilot.press("i", "m")
        assert app.dashboard.processes.listing.filter_text == "vim"
        await pilot.click("Prompt")
        await pilot.pause()
        assert app.dashboard.processes.entry is None


async def test_what_is_typed_at_once_after_the_slash_belongs_to_the_filter(dashboard: Open) -> None:
    async with dashboard((120, 40), FamilyNode()) as (app, pilot):
        for key in ("slash", "q", "t", "space", "K", "enter", "t"):
            app.post_message(Key(key, {"slash": "/", "space": " ", "enter": "\r"}.get(key, key)))
        await pilot.pause()
        await pilot.pause()
        listing = app.dashboard.processes.listing
        assert (listing.filter_text, listing.mode, listing.kernel_hidden) == ("qt K", "tree", False)


async def test_long_commands_move_sideways(dashboard: Open) -> None:
    async with dashboard((120, 40), FamilyNode()) as (app, pilot):
        assert "--epochs 90" not in text(app)
        await pilot.press("down", *["right"] * 6)
        assert "--epochs 90" in text(app)
        await pilot.press(*["left"] * 8)
        assert "/opt/venv/bin/python3" in text(app)


async def test_columns_are_chosen_ordered_and_given_back(dashboard: Open) -> None:
    async with dashboard((120, 40), FamilyNode()) as (app, pilot):
        table = app.dashboard.processes
        before = tuple(column.key for column in table.shown_columns)
        await pilot.press("f2", "space", "down", "down", "u", "u", "enter")
        assert list(table.columns) == ["cpu", "user", "res", "state", "command"]
        head = line_of(app, "COMMAND")
        assert "PID" not in head
        assert head.index("CPU%") < head.index("USER")
        await pilot.press("f2", "escape")
        assert table.columns[0] == "cpu"
        await pilot.press("f2", "r")
        assert not table.columns
        assert tuple(column.key for column in table.shown_columns) == before
        table.columns = ("unit", "unit", "nonsense", "pid")
        assert list(table.columns) == ["unit", "pid"]


async def test_every_column_can_be_shown_and_sorted_by_a_click(dashboard: Open) -> None:
    async with dashboard((200, 50), FamilyNode()) as (app, pilot):
        await pilot.press("7")
        table = app.dashboard.processes
        table.columns = [column.key for column in COLUMNS]
        head = next(at for at, line in enumerate(lines(app)) if "COMMAND" in line)
        for column in COLUMNS:
            await pilot.click(offset=(lines(app)[head].index(f" {column.title}") + 1, head))
            assert table.listing.sort[0] == column.key
        assert "3f2a91c04d7e" in text(app)
        assert "8.8G" in text(app)


async def test_columns_that_nobody_tells_are_not_shown(dashboard: Open) -> None:
    async with dashboard((200, 50)) as (app, pilot):
        await pilot.press("7")
        assert "GPU%" not in text(app)
        assert "CONTAINER" not in text(app)


@pytest.mark.parametrize(("typed", "pid"), [("pid 602", 602), ("602", 602), ("port 443", 400), ("443", 400)])
async def test_the_palette_goes_to_a_pid_and_to_who_listens_on_a_port(dashboard: Open, typed: str, pid: int) -> None:
    async with dashboard((120, 40), FamilyNode()) as (app, pilot):
        await pilot.press("4", "colon")
        await pilot.pause()
        assert at_the_palette(app)
        await pilot.press(*typed)
        await app.workers.wait_for_complete()
        await pilot.pause()
        await pilot.press("enter")
        if at_the_palette(app):
            await pilot.press("enter")
        await pilot.pause()
        assert not at_the_palette(app)
        assert under(app) == pid
        assert app.dashboard.processes.has_focus


async def test_the_palette_takes_names_literally(dashboard: Open) -> None:
    node = FamilyNode()
    async with dashboard((120, 40), node) as (app, pilot):
        evil = msgspec.structs.replace(family()[-1], name="[bold]x[/", command="[@click=app.quit]y[/] \\")
        node.say(SnapshotTaken(snapshot(2, shown=(evil,)), ()))
        await pilot.pause()
        await pilot.press("colon", *"pid 602")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "[bold]x[/" in text(app)
        assert "[@click=app.quit]y[/] \\" in text(app)


async def test_going_to_a_pid_that_is_not_there_says_so(dashboard: Open) -> None:
    async with dashboard((120, 40), FamilyNode()) as (app, pilot):
        before = under(app)
        await pilot.press("number_sign", "9", "x", "9", "9")
        assert "pid 999_" in text(app)
        assert "no such process" in text(app)
        assert under(app) == before
        await pilot.press("backspace", "backspace", "backspace", *"601")
        assert under(app) == 601
        assert "following 601" in text(app)


async def test_hostile_names_in_the_tree_and_by_program(dashboard: Open) -> None:
    node = FamilyNode()
    async with dashboard((80, 24), node) as (app, pilot):
        names = ("[bold red]x[/]", "日本語プロセス" * 9, "é̀̂" * 80, "/", "//a b", " ", "")
        hostile = tuple(
            msgspec.structs.replace(process, name=name[:15], command=name, container="日本" * 6, unit=name)
            for process, name in zip(family(), names, strict=False)
        )
        node.say(SnapshotTaken(snapshot(2, shown=hostile), ()))
        await pilot.pause()
        for keys in (["t"], ["right"], ["b"], ["b", "right", "right"], ["space"]):
            await pilot.press(*keys)
            assert app.failure is None
        app.dashboard.processes.columns = [column.key for column in COLUMNS]
        await pilot.pause()
        assert all(strip.cell_length == 80 for strip in app.screen._compositor.render_strips(app.screen.size))
