"""Make the pictures of ``screenshots/`` from the running program: ``python -m tests.screenshots``.

A real ``telltop`` runs in a pseudo-terminal of each size, on a small node of its own (name spaces, so it needs root) on
which a process keeps a core busy. What the terminal shows then is drawn as SVG and, with the extra ``screenshots``, as
PNG.
"""

from __future__ import annotations

import os
import site
import sys
import tempfile
from io import StringIO
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

from tests.e2e.screen import REPOSITORY, Terminal

FOLDER = REPOSITORY / "screenshots"
FONT = "DejaVu Sans Mono"
SIZES = ((200, 50), (120, 40), (80, 24))
_WORK = """
import sys, time
until = time.monotonic() + 180
while time.monotonic() < until:
    time.sleep(float(sys.argv[1])) if sys.argv[1] != "0" else None
"""
_NODE = r"""
hostname web01
cd "$1"
start() { ( exec -a "$1" "$PYTHON" "${@:2}" ) >/dev/null 2>&1 & }
start python3 train.py 0 --epochs 90
start python3 backup.py 0.004 --to /srv/backup
start python3 -m http.server 8080 --bind 127.0.0.1
start gunicorn worker.py 0.03 shop.wsgi
for number in 1 2 3; do start gunicorn worker.py 0.5 shop.wsgi; done
start node_exporter worker.py 1
cd "$REPOSITORY"
exec -a telltop "$PYTHON" -m tui.cli
"""


def command(folder: str) -> tuple[str, ...]:
    """A node with a few programs of its own: process and host names of the machine below stay out of the picture."""
    for name in ("train.py", "backup.py", "worker.py"):
        (Path(folder) / name).write_text(_WORK)
    return ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts", "bash", "-c", _NODE, "node", folder)


def shown(columns: int, lines: int) -> str:
    """What the dashboard shows at a size once it has found the busy process and answered a question, as SVG."""
    with (
        tempfile.TemporaryDirectory() as home,
        Terminal(
            command(home),
            columns=columns,
            lines=lines,
            env={
                "XDG_STATE_HOME": home,
                "XDG_CONFIG_HOME": home,
                "COLORTERM": "truecolor",
                "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *site.getsitepackages()]),
                "PYTHON": sys.executable,
                "PYTHONUNBUFFERED": "1",
                "REPOSITORY": str(REPOSITORY),
            },
        ) as terminal,
    ):
        terminal.wait_for("keeps a core busy")
        terminal.wait_for("Warning")  # the analysis has taken the finding up
        if columns >= 100:
            terminal.press("i", "why is load high?", "enter")
            terminal.wait_for("rules · grounded")
        return drawn(terminal)


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
    if os.geteuid() != 0:
        raise SystemExit("run as root: the pictures show a node in name spaces of its own")
    for columns, lines in SIZES:
        svg = shown(columns, lines)
        path = FOLDER / f"telltop-{columns}x{lines}"
        path.with_suffix(".svg").write_text(svg)
        path.with_suffix(".png").write_bytes(as_png(svg))
        print(path.with_suffix(".svg").relative_to(REPOSITORY))


if __name__ == "__main__":
    main()
