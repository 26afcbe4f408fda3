"""A history as an area of braille dots: two samples a cell, four levels a row, on a fixed scale."""

from __future__ import annotations

from collections.abc import Sequence

from tui.look import Look
from tui.widgets.paint import Row

_LEFT = (0x00, 0x40, 0x44, 0x46, 0x47)
_RIGHT = (0x00, 0x80, 0xA0, 0xB0, 0xB8)
"""Dots of the left and right half of a cell for 0 to 4 levels (Unicode block Braille Patterns, U+2800)."""


def area(look: Look, values: Sequence[float], width: int, height: int, ceiling: float = 100.0) -> list[Row]:
    """``height`` rows of ``width`` cells, newest value at the right; values are 0..``ceiling``.

    Each row has one colour, that of the magnitude which it stands for, so that a line costs one colour change.
    Without Unicode a cell holds one sample and three heights.
    """
    if width <= 0 or height <= 0:
        return []
    if look.ascii:
        return _blocks(look, values, width, height, ceiling)
    wanted = values[-2 * width :]
    levels = [0] * (2 * width - len(wanted)) + [_level(value, height * 4, ceiling) for value in wanted]
    rows = []
    for index in range(height):
        floor = (height - 1 - index) * 4
        cells = [
            0x2800 + _LEFT[min(4, max(0, levels[at] - floor))] + _RIGHT[min(4, max(0, levels[at + 1] - floor))]
            for at in range(0, 2 * width, 2)
        ]
        text = "".join(map(chr, cells)).replace("\u2800", " ")
        rows.append(Row(look).add(text, look.heat(100 * (floor + 4) / (height * 4) - 1)))
    return rows


def _blocks(look: Look, values: Sequence[float], width: int, height: int, ceiling: float) -> list[Row]:
    wanted = values[-width:]
    levels = [0] * (width - len(wanted)) + [_level(value, height * 8, ceiling) for value in wanted]
    return [
        Row(look).add(
            "".join(look.glyphs.columns[min(8, max(0, level - 8 * (height - 1 - index)))] for level in levels)
        )
        for index in range(height)
    ]


def _level(value: float, top: int, ceiling: float) -> int:
    """Any load at all shows one dot: an idle node and a dead sampler must not look alike."""
    if ceiling <= 0:
        return 0
    level = round(min(1.0, max(0.0, value / ceiling)) * top)
    return max(level, 1 if value > 0 else 0)
