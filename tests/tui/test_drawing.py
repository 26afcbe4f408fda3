"""Rows, frames, bars, graphs, and what is repainted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tests.tui.recorded import processes
from tui.look import make_look
from tui.widgets.graph import area
from tui.widgets.paint import Row, bar, bare, changed_cells, fit, frame
from tui.widgets.process_columns import COLUMNS, order, visible_columns
from tui.widgets.process_rows import clock, process_row

LOOK = make_look(ascii_only=False, color=True)
ASCII = make_look(ascii_only=True, color=False)
WORDS = st.text(st.characters(exclude_categories=["C"]), max_size=40)


@given(WORDS, st.integers(0, 30), st.booleans())
def test_a_cell_has_exactly_its_width(text: str, width: int, right: bool) -> None:
    assert cell_len(fit(LOOK, text, width, right=right)) == width


@given(st.lists(WORDS, max_size=8), st.integers(0, 60), st.integers(0, 12))
def test_a_frame_has_exactly_its_size(texts: list[str], width: int, height: int) -> None:
    strips = frame(LOOK, (width, height), "title", [Row(LOOK).add(text) for text in texts])
    assert len(strips) == height
    assert {strip.cell_length for strip in strips} <= {width}


@given(st.floats(-10, 200), st.integers(0, 50))
def test_a_bar_has_exactly_its_width_and_shows_its_share(percent: float, width: int) -> None:
    for look in (LOOK, ASCII):
        row = bar(look, percent, width)
        assert row.cells == width
        full = row.strip(width).text.count(look.glyphs.bar_full)
        assert abs(full - min(100, max(0, percent)) / 100 * width) <= 1


@given(st.lists(st.floats(0, 100), max_size=90), st.integers(1, 30), st.integers(1, 6))
def test_a_graph_has_exactly_its_size(values: list[float], width: int, height: int) -> None:
    for look in (LOOK, ASCII):
        rows = area(look, values, width, height)
        assert [row.cells for row in rows] == [width] * height


def test_a_graph_on_a_fixed_scale_does_not_blow_up_noise() -> None:
    rows = area(LOOK, [1.0, 2.0] * 10, 10, 4)
    assert [row.strip(10).text.strip() for row in rows[:3]] == ["", "", ""]
    assert rows[3].strip(10).text.strip() == "⣀" * 10


def test_a_full_graph_is_full() -> None:
    assert all(row.strip(5).text == "⣿" * 5 for row in area(LOOK, [100.0] * 10, 5, 3))


STYLES = st.sampled_from([Style(), Style(bold=True), Style(bgcolor="red"), Style(underline=True)])
PIECES = st.lists(st.tuples(st.text("abc 日", max_size=6), STYLES), max_size=6)


@given(PIECES, PIECES, st.integers(1, 30))
def test_repainting_the_changed_cells_gives_the_new_line(
    old: list[tuple[str, Style]], new: list[tuple[str, Style]], width: int
) -> None:
    before, after = (
        Strip([Segment(text, style) for text, style in pieces]).adjust_cell_length(width) for pieces in (old, new)
    )
    painted = cells(before)
    fresh = cells(after)
    for start, end in changed_cells(before, after):
        painted[start:end] = fresh[start:end]
    assert [seen(cell) for cell in painted] == [seen(cell) for cell in fresh]


def seen(cell: tuple[str, Style | None]) -> tuple[str, Style | None]:
    """What a person sees of a cell: the style of a blank only where it shows."""
    char, style = cell
    return (char, None) if char == " " and style is not None and bare(style) else cell


def test_a_row_of_one_style_is_one_segment_blanks_included() -> None:
    row = Row(LOOK).add("1", LOOK.dim).add(" ").add("2", LOOK.dim).skip_to(9).add("x", LOOK.bad)
    assert [segment.text for segment in row.strip(10)] == ["1 2      ", "x"]


def test_two_changes_far_apart_are_painted_apart() -> None:
    before = Row(LOOK).add("a" + "." * 40 + "b").strip(42)
    after = Row(LOOK).add("c" + "." * 40 + "d").strip(42)
    assert changed_cells(before, after) == [(0, 1), (41, 42)]


def cells(strip: Strip) -> list[tuple[str, Style | None]]:
    """Each cell with its style; a wide character fills two."""
    return [
        (char if part == 0 else "", segment.style)
        for segment in strip
        for char in segment.text
        for part in range(cell_len(char))
    ]


def test_the_table_fits_every_width_and_the_command_takes_the_rest() -> None:
    for width in range(10, 200, 7):
        columns = visible_columns(width)
        row = process_row(LOOK, processes()[0], columns, width, 1 << 35).strip(width)
        assert row.cell_length == width
    assert "train.py --batch-size 64" in row.text
    shown = visible_columns(300, told={column.told for column in COLUMNS})
    assert [column.key for column in shown] == [column.key for column in COLUMNS if column.key != "io"]


def test_order_is_by_the_column_then_by_pid() -> None:
    rows = order(processes(), "cpu")
    assert [process.cpu_percent for process in rows[:3]] == [312.0, 9.1, 2.0]
    idle = [process.pid for process in rows if process.cpu_percent == 0]
    assert idle == sorted(idle)
    assert order(processes(), "pid", reverse=True)[0].pid == processes()[-1].pid
    assert order(processes(), "user")[0].user == "deploy"


def test_processor_time_is_written_as_top_writes_it() -> None:
    assert clock(0) == "0:00.00"
    assert clock(62.33) == "1:02.33"
    assert clock(36000 + 240) == "10h04m"
