"""Colours and characters. Colour says magnitude; without colour or without Unicode everything still reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rich.style import Style

_RAMP = (72, 72, 108, 108, 144, 180, 179, 215, 209, 203)
"""xterm-256 colours from calm to grave: shorter on the wire than true colour, and every terminal over SSH has them."""


@dataclass(frozen=True)
class Glyphs:
    """The characters that frames, bars and marks are drawn with, each one cell wide."""

    top_left: str
    top_right: str
    bottom_left: str
    bottom_right: str
    horizontal: str
    vertical: str
    bar_full: str
    bar_steps: str
    """Partial cells of a bar, from an eighth to seven."""
    bar_empty: str
    columns: str
    """Columns of height 0 to 8 eighths."""
    critical: str
    warning: str
    quiet: str
    cursor: str
    down: str
    up: str
    ellipsis: str
    dot: str
    prompt: str
    branch: str
    """A row of a tree with siblings below it."""
    branch_last: str
    tag: str


UNICODE = Glyphs(
    top_left="╭",
    top_right="╮",
    bottom_left="╰",
    bottom_right="╯",
    horizontal="─",
    vertical="│",
    bar_full="█",
    bar_steps="▏▎▍▌▋▊▉",
    bar_empty=" ",
    columns=" ▁▂▃▄▅▆▇█",
    critical="●",
    warning="▲",
    quiet="✓",
    cursor="▸",
    down="↓",
    up="↑",
    ellipsis="…",
    dot="·",
    prompt="❯",
    branch="├",
    branch_last="└",
    tag="◆",
)
ASCII = Glyphs(
    top_left="+",
    top_right="+",
    bottom_left="+",
    bottom_right="+",
    horizontal="-",
    vertical="|",
    bar_full="#",
    bar_steps="       ",
    bar_empty=".",
    columns=" ..::==##",
    critical="!",
    warning="^",
    quiet="-",
    cursor=">",
    down="v",
    up="^",
    ellipsis="~",
    dot="-",
    prompt=">",
    branch="|",
    branch_last="`",
    tag="*",
)


@dataclass(frozen=True)
class Look:
    """How everything is drawn. Backgrounds stay the terminal's own."""

    glyphs: Glyphs
    color: bool
    text: Style
    dim: Style
    frame: Style
    frame_focus: Style
    title: Style
    label: Style
    strong: Style
    accent: Style
    good: Style
    warn: Style
    bad: Style
    cursor: Style
    head: Style
    key: Style

    @property
    def ascii(self) -> bool:
        """Only ASCII characters may be drawn."""
        return self.glyphs is ASCII

    def heat(self, percent: float) -> Style:
        """The colour of a magnitude, 0..100."""
        if not self.color:
            return self.strong if percent >= 80 else self.text
        return _heat(min(9, max(0, int(percent / 10))))

    def severity(self, severity: str) -> Style:
        """The colour of a finding."""
        return self.bad if severity == "critical" else self.warn

    def mark(self, severity: str) -> str:
        """The sign of a finding, told apart without colour too."""
        return self.glyphs.critical if severity == "critical" else self.glyphs.warning

    def plain(self, text: str) -> str:
        """Text as this look can show it: without Unicode what is not ASCII becomes a question mark."""
        return text.encode("ascii", "replace").decode() if self.ascii and not text.isascii() else text


@lru_cache(16)
def _heat(step: int) -> Style:
    return Style(color=f"color({_RAMP[step]})")


def make_look(*, ascii_only: bool, color: bool) -> Look:
    """The look for a terminal's abilities."""
    glyphs = ASCII if ascii_only else UNICODE
    if not color:
        plain, bold, reverse = Style(), Style(bold=True), Style(reverse=True)
        dim = Style(dim=True)
        return Look(
            glyphs,
            color=False,
            text=plain,
            dim=dim,
            frame=dim,
            frame_focus=bold,
            title=bold,
            label=plain,
            strong=bold,
            accent=bold,
            good=plain,
            warn=bold,
            bad=Style(bold=True, reverse=True),
            cursor=reverse,
            head=Style(underline=True),
            key=bold,
        )

    def shade(number: int, *, bold: bool = False, back: int | None = None) -> Style:
        return Style(color=f"color({number})", bold=bold or None, bgcolor=None if back is None else f"color({back})")

    return Look(
        glyphs,
        color=True,
        text=Style(),
        dim=shade(245),
        frame=shade(240),
        frame_focus=shade(75),
        title=shade(75, bold=True),
        label=shade(249),
        strong=Style(bold=True),
        accent=shade(80),
        good=shade(72),
        warn=shade(215),
        bad=shade(203, bold=True),
        cursor=shade(231, bold=True, back=24),
        head=shade(110, bold=True),
        key=shade(231, back=238),
    )
