"""Make the pictures of ``screenshots/`` from the running program: ``python -m tests.screenshots``.

A real ``telltop`` runs in a pseudo-terminal of each size while a process of this program's own keeps a core busy; what
the terminal shows then is drawn as SVG and, with the extra ``screenshots``, as PNG.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

from tests.e2e.screen import REPOSITORY, TELLTOP, Terminal

FOLDER = REPOSITORY / "screenshots"
FONT = "DejaVu Sans Mono"
SIZES = ((200, 50), (120, 40), (80, 24))
_BURNER = "import time\nend = time.monotonic() + 120\nwhile time.monotonic() < end:\n    pass\n"


@contextmanager
def busy_process() -> Iterator[None]:
    """A process that keeps a core busy, for two minutes at most."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "train.py").write_text(_BURNER)
        child = subprocess.Popen([sys.executable, "train.py", "--epochs", "90"], cwd=folder)
        try:
            yield
        finally:
            child.kill()
            child.wait()


def shown(columns: int, lines: int) -> str:
    """What the dashboard shows at a size once it has found the busy process and answered a question, as SVG."""
    with (
        tempfile.TemporaryDirectory() as home,
        Terminal(
            TELLTOP,
            columns=columns,
            lines=lines,
            env={"XDG_STATE_HOME": home, "XDG_CONFIG_HOME": home, "COLORTERM": "truecolor"},
        ) as terminal,
    ):
        terminal.wait_for("keeps a core busy")
        terminal.wait_for("Warning")  # the analysis has taken the finding up
        if columns >= 100:
            terminal.press("i", "why is load high?", "enter")
            terminal.wait_for("rules · grounded")
            terminal.press("esc")
        picture = drawn(terminal)
        terminal.press("q")
        terminal.wait()
    return picture


def drawn(terminal: Terminal) -> str:
    """The screen of a terminal as SVG."""
    screen = terminal.screen
    console = Console(record=True, width=screen.columns, height=screen.lines, file=StringIO(), force_terminal=True)
    for number in range(screen.lines):
        row = screen.buffer[number]
        line = Text(no_wrap=True, end="\n")
        for column in range(screen.columns):
            line.append(row[column].data or "", style(row[column]))
        console.print(line, crop=True)
    return console.export_svg(title="telltop", font_aspect_ratio=0.61)


def style(char: pyte.screens.Char) -> Style:
    """The style of one cell."""
    return Style(
        color=color(char.fg),
        bgcolor=color(char.bg),
        bold=char.bold,
        italic=char.italics,
        underline=char.underscore,
        reverse=char.reverse,
    )


def color(name: str) -> str | None:
    """pyte's name of a colour as rich writes it."""
    if name == "default":
        return None
    if len(name) == 6 and all(digit in "0123456789abcdef" for digit in name):
        return f"#{name}"
    bright = name.startswith("bright")
    plain = {"brown": "yellow"}.get(name.removeprefix("bright"), name.removeprefix("bright"))
    return f"bright_{plain}" if bright else plain


def as_png(svg: str) -> bytes:
    """The same picture in pixels."""
    import resvg_py

    return bytes(resvg_py.svg_to_bytes(svg_string=svg.replace("Fira Code", FONT), font_family=FONT))


def main() -> None:
    """Make all pictures."""
    with busy_process():
        for columns, lines in SIZES:
            svg = shown(columns, lines)
            path = FOLDER / f"telltop-{columns}x{lines}"
            path.with_suffix(".svg").write_text(svg)
            path.with_suffix(".png").write_bytes(as_png(svg))
            print(path.with_suffix(".svg").relative_to(REPOSITORY))


if __name__ == "__main__":
    main()
