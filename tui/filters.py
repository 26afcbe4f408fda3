"""What is drawn by Textual's own widgets, brought down to what the terminal can show."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_PLAIN = str.maketrans(
    dict.fromkeys("•●▪‣⭑◦∙·", "*")
    | dict.fromkeys("─━═╌┄▔▁", "-")
    | dict.fromkeys("│┃║▌▐▎▏▕", "|")
    | dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼┏┓┗┛┡┩╇", "+")
    | dict.fromkeys("█▇▆▅▄▃▂▉▊▋▍▀", "#")
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
    | dict.fromkeys("\u2018\u2019", "'")
    | dict.fromkeys("\u201c\u201d", '"')
    | {"…": "~", "→": ">", "←": "<"}
)


class Colourless(LineFilter):
    """Removes every colour and keeps bold, dim, underline and reverse."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments without colour."""
        return list(Segment.remove_color(segments))


class Plain(LineFilter):
    """Replaces what is not ASCII by what looks most like it, one cell for one cell."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in ASCII."""
        return [
            segment if segment.text.isascii() else Segment(_ascii(segment), segment.style, segment.control)
            for segment in segments
        ]


def _ascii(segment: Segment) -> str:
    text = segment.text.translate(_PLAIN).encode("ascii", "replace").decode()
    return text.ljust(segment.cell_length, "?")[: segment.cell_length]
