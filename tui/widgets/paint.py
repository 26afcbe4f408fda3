"""Drawing lines of cells: rows, frames, bars and graphs as strips, without markup and without layout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain, repeat

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.look import Look

_NO_STYLE = Style.null()


class Row:
    """One line being written from left to right; every piece of text keeps its own style and is taken literally."""

    __slots__ = ("_segments", "cells", "look")

    def __init__(self, look: Look) -> None:
        self.look = look
        self._segments: list[Segment] = []
        self.cells = 0

    def add(self, text: str, style: Style | None = None) -> Row:
        """Append text as it is."""
        shown = self.look.plain(text)
        if shown:
            self._put(shown, style or self.look.text)
            self.cells += cell_len(shown)
        return self

    def cell(self, text: str, width: int, style: Style | None = None, *, right: bool = False) -> Row:
        """Append text in exactly ``width`` cells, cut with an ellipsis or padded."""
        shown = fit(self.look, self.look.plain(text), width, right=right)
        if shown:
            self._put(shown, style or self.look.text)
            self.cells += width
        return self

    def _put(self, text: str, style: Style) -> None:
        """One segment for as long as the style is the same: each change costs bytes, and blanks look alike in any."""
        if self._segments:
            before, last = self._segments[-1].text, self._segments[-1].style
            assert last is not None
            if last is style or last == style or (text.isspace() and bare(style) and bare(last)):
                self._segments[-1] = Segment(before + text, last)
                return
            if before.isspace() and bare(last) and bare(style):
                self._segments[-1] = Segment(before + text, style)
                return
        self._segments.append(Segment(text, style))

    def skip_to(self, column: int) -> Row:
        """Pad with blanks up to a column."""
        if column > self.cells:
            self._put(" " * (column - self.cells), self.look.text)
            self.cells = column
        return self

    def extend(self, other: Row) -> Row:
        """Append another row."""
        self._segments += other._segments
        self.cells += other.cells
        return self

    def strip(self, width: int) -> Strip:
        """The finished line, cut or padded to ``width`` cells."""
        return Strip(self._segments, self.cells).adjust_cell_length(max(0, width), self.look.text)


def fit(look: Look, text: str, width: int, *, right: bool = False) -> str:
    """Text in exactly ``width`` cells: cut with an ellipsis where it is longer, padded where it is shorter."""
    if width <= 0:
        return ""
    cells = len(text) if text.isascii() else cell_len(text)
    if cells > width:
        return set_cell_size(text, width - 1) + look.glyphs.ellipsis
    pad = " " * (width - cells)
    return pad + text if right else text + pad


def bar(look: Look, percent: float, width: int, style: Style | None = None) -> Row:
    """A horizontal bar of a share 0..100, in eighths of a cell, coloured by magnitude."""
    glyphs = look.glyphs
    eighths = round(min(100.0, max(0.0, percent)) / 100 * width * 8)
    full, rest = divmod(eighths, 8)
    if look.ascii:
        full, rest = full + (rest >= 4), 0
    row = Row(look)
    row.add(glyphs.bar_full * full + (glyphs.bar_steps[rest - 1] if rest else ""), style or look.heat(percent))
    row.add(glyphs.bar_empty * (width - row.cells), look.frame)
    return row


def frame(
    look: Look,
    size: tuple[int, int],
    title: str,
    body: Sequence[Row],
    *,
    right: Row | None = None,
    foot: Row | None = None,
    focused: bool = False,
) -> list[Strip]:
    """A framed box of ``size`` (columns, rows) around body rows; a title above, figures at its right and below.

    A box too small for a frame shows its body alone.
    """
    width, height = size
    if width < 4 or height < 3:
        return pad_rows(look, body, width, height)
    glyphs, edge = look.glyphs, look.frame_focus if focused else look.frame
    inner = width - 2
    strips = [_edge_row(look, (glyphs.top_left, glyphs.top_right), title, right, width, edge)]
    side = Segment(glyphs.vertical, edge)
    for index in range(height - 2):
        content = body[index].strip(inner) if index < len(body) else Strip.blank(inner, look.text)
        strips.append(Strip([side, *content, side], width))
    strips.append(_edge_row(look, (glyphs.bottom_left, glyphs.bottom_right), "", foot, width, edge))
    return strips


def _edge_row(look: Look, corners: tuple[str, str], title: str, right: Row | None, width: int, edge: Style) -> Strip:
    line = look.glyphs.horizontal
    row = Row(look).add(corners[0], edge)
    if title and width > len(title) + 5:
        row.add(line, edge).add(f" {title} ", look.title)
    room = width - 1 - row.cells
    if right is not None and right.cells and right.cells + 3 <= room:
        row.add(line * (room - right.cells - 3), edge).add(" ").extend(right).add(" ").add(line, edge)
    else:
        row.add(line * room, edge)
    return row.add(corners[1], edge).strip(width)


def pad_rows(look: Look, body: Sequence[Row], width: int, height: int) -> list[Strip]:
    """Exactly ``height`` strips: the body, then blanks."""
    strips = [row.strip(width) for row in body[:height]]
    return strips + [Strip.blank(width, look.text)] * (height - len(strips))


@lru_cache(256)
def bare(style: Style) -> bool:
    """A blank in this style looks like any other blank."""
    return not (style.bgcolor or style.underline or style.reverse or style.strike)


_GAP = 9
"""Cells that did not change but are sent all the same: fewer than the sequence that skips them has bytes."""


def changed_cells(old: Strip, new: Strip) -> list[tuple[int, int]]:
    """The runs of columns ``(start, end)`` in which two strips of one width differ."""
    if old == new:
        return []
    before, after = old.text, new.text
    if not (before.isascii() and after.isascii() and len(before) == len(after)):
        return _outer(list(old), list(new), new.cell_length)
    spans: list[tuple[int, int]] = []
    for at, (one, other, former, style) in enumerate(zip(before, after, _styles(old), _styles(new), strict=True)):
        if one == other and (former == style or (one == " " and bare(former) and bare(style))):
            continue
        if spans and at - spans[-1][1] < _GAP:
            spans[-1] = (spans[-1][0], at + 1)
        else:
            spans.append((at, at + 1))
    return spans


def _styles(strip: Strip) -> Iterable[Style]:
    """The style of each character."""
    return chain.from_iterable(repeat(segment.style or _NO_STYLE, len(segment.text)) for segment in strip)


def _outer(before: list[Segment], after: list[Segment], width: int) -> list[tuple[int, int]]:
    """One run, from the first segment that differs to the last: wide characters make columns and characters differ."""
    start, common = 0, 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            if one.style == other.style:
                start += _shared(one.text, other.text)
            break
        start += one.cell_length
        common += 1
    end = width
    for one, other in zip(reversed(before[common:]), reversed(after[common:]), strict=False):
        if one != other:
            break
        end -= other.cell_length
    return [(start, max(end, start + 1))]


def _shared(one: str, other: str) -> int:
    """Cells of the characters that two texts begin with in common."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += cell_len(a)
    return count


def join(look: Look, parts: Iterable[str], style: Style | None = None) -> Row:
    """Parts with two blanks between them."""
    return Row(look).add("  ".join(part for part in parts if part), style)
