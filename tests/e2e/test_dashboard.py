"""The real ``telltop`` in a real pseudo-terminal: from its first frame to the way it leaves."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.screen import TELLTOP, Terminal

LEFT_ON = {1049, 1000, 1002, 1003, 1006, 1015, 1004, 2004, 2026, 2048}
"""Private modes that no program may leave on."""


@pytest.fixture
def state(tmp_path: Path) -> dict[str, str]:
    """Settings, state and log in a folder of the test's own."""
    return {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config"), "TZ": "UTC"}


def assert_restored(terminal: Terminal) -> None:
    """The terminal is as it was before."""
    assert terminal.attributes == terminal.before
    assert not terminal.modes & LEFT_ON
    assert 25 in terminal.modes


def log(state: dict[str, str]) -> str:
    return (Path(state["XDG_STATE_HOME"]) / "telltop" / "telltop.log").read_text()


@pytest.mark.parametrize(("columns", "lines"), [(200, 50), (120, 40), (80, 24)])
def test_it_shows_this_node_and_leaves_by_q(state: dict[str, str], columns: int, lines: int) -> None:
    with Terminal(columns=columns, lines=lines, env=state) as terminal:
        terminal.wait_for(os.uname().nodename)
        terminal.wait_for("rules" if columns > 80 else "❯")
        terminal.wait_for("COMMAND")
        assert "PID" in terminal.text
        assert 1049 in terminal.modes
        terminal.press("q")
        assert terminal.wait() == 0
        assert_restored(terminal)


def test_the_first_frame_has_real_figures(state: dict[str, str]) -> None:
    with Terminal(env=state) as terminal:
        terminal.wait_for(re.compile(r"cpu ─+ [\d.]+ %"))
        terminal.wait_for(re.compile(rf"{terminal.pid} .* S /"))
        load = re.search(r"load ([\d.]+)", terminal.text)
        assert load
        assert abs(float(load[1]) - os.getloadavg()[0]) < 1.5


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)],
    ids=str,
)
def test_a_polite_signal_ends_it_and_restores_the_terminal(
    state: dict[str, str], number: signal.Signals, code: int
) -> None:
    with Terminal(env=state) as terminal:
        terminal.wait_for("COMMAND")
        terminal.signal(number)
        assert terminal.wait() == code
        assert_restored(terminal)


def test_ctrl_c_leaves_from_the_table_and_from_the_prompt(state: dict[str, str]) -> None:
    for place in ((), ("i", "wh")):
        with Terminal(env=state) as terminal:
            terminal.wait_for("COMMAND")
            terminal.press(*place, "ctrl+c")
            assert terminal.wait() == 0
            assert_restored(terminal)


def test_ctrl_c_before_the_first_frame_restores_the_terminal(state: dict[str, str]) -> None:
    for _ in range(3):
        with Terminal(env=state) as terminal:
            terminal.wait_for(lambda it: it.raw)
            terminal.press("ctrl+c")
            assert terminal.wait() in {0, 130}
            assert_restored(terminal)


def test_kill_9_restores_the_terminal(state: dict[str, str], tiny_gguf: Path) -> None:
    with Terminal((*TELLTOP, "--model", str(tiny_gguf)), env=state) as terminal:
        terminal.wait_for("ready")
        terminal.press("a")
        terminal.signal(signal.SIGKILL)
        assert terminal.wait() == -signal.SIGKILL
        terminal.wait_for("the terminal was restored")
        terminal.wait_for(lambda it: it.attributes == it.before)
        assert not terminal.modes & LEFT_ON


def test_a_crash_is_a_sentence_and_its_traceback_is_in_the_log(state: dict[str, str]) -> None:
    broken = (
        "import tui.widgets.header as header\n"
        "def draw(self, width, height): raise RuntimeError('a bug')\n"
        "header.HeaderLine.draw = draw\n"
        "from tui.cli import main\n"
        "main([])\n"
    )
    with Terminal((sys.executable, "-c", broken), env=state) as terminal:
        assert terminal.wait() == 1
        assert_restored(terminal)
        assert "RuntimeError: a bug" in terminal.text
        assert "telltop.log" in terminal.text.replace("\n", "")
        assert "Traceback" not in terminal.text
        assert "Traceback" in log(state)


def test_a_model_is_loaded_analyses_answers_and_is_stopped(state: dict[str, str], tiny_gguf: Path) -> None:
    command = (*TELLTOP, "--model", str(tiny_gguf), "--max-tokens", "100000", "--log-level", "debug")
    with Terminal(command, columns=200, lines=50, env=state) as terminal:
        terminal.wait_for("tiny ready")
        terminal.wait_for(re.compile(r"model tiny · \d\d:\d\d:\d\d"))
        terminal.press("i", "why is load high?", "enter")
        terminal.wait_for("❯ why is load high?")
        terminal.wait_for(answer_rows)
        terminal.press("esc")
        terminal.wait_for("cancelled")
        terminal.press("up")
        terminal.wait_for(lambda it: it.text.count("why is load high?") == 2)
        terminal.press("ctrl+c")
        assert terminal.wait() == 0
        assert_restored(terminal)
        assert b"llama_" not in terminal.raw
    assert "llama" in log(state)


def answer_rows(terminal: Terminal) -> list[str]:
    """The rows below the question in the console that hold words."""
    rows = [row.rpartition("││")[2].strip("│ ") for row in terminal.rows]
    at = next((number for number, row in enumerate(rows) if row.startswith("❯ why")), len(rows))
    return [row for row in rows[at + 1 : -5] if row and "reading the node" not in row]


def test_a_model_that_cannot_be_used_is_told_and_the_rules_go_on(state: dict[str, str], tmp_path: Path) -> None:
    missing = tmp_path / "missing.gguf"
    with Terminal((*TELLTOP, "--model", str(missing)), columns=200, lines=50, env=state) as terminal:
        terminal.wait_for("The rules narrator goes on.")
        terminal.wait_for("failed:")
        terminal.wait_for("fallback")
        terminal.press("q")
        assert terminal.wait() == 0


def test_resizes_in_a_storm_and_very_small_terminals(state: dict[str, str]) -> None:
    with Terminal(env=state) as terminal:
        terminal.wait_for("COMMAND")
        for columns, lines in [(20, 5), (200, 50), (1, 1), (80, 24), (3, 40), (250, 3)] * 5:
            terminal.resize(columns, lines)
        terminal.resize(20, 5)
        terminal.wait_for("telltop")
        terminal.resize(120, 40)
        terminal.wait_for("COMMAND")
        terminal.wait_for("analysis")
        terminal.press("q")
        assert terminal.wait() == 0
        assert_restored(terminal)


@contextmanager
def process_named(name: bytes) -> Iterator[int]:
    """A process that calls itself so; its command line is empty as a kernel thread's is, so that the name is shown."""
    code = (
        "import ctypes,sys\n"
        f"libc = ctypes.CDLL(None)\nlibc.prctl(15, {name!r}, 0, 0, 0)\n"
        "print(flush=True)\nsys.stdin.read()\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin
    assert child.stdout
    child.stdout.readline()
    try:
        yield child.pid
    finally:
        child.communicate()


def test_a_hostile_command_line_is_shown_and_does_nothing(state: dict[str, str]) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J[bold]x[/] \u202eevil\nline"
    sleeper = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()", hostile], stdin=subprocess.PIPE)
    try:
        with Terminal(columns=200, lines=50, env=state) as terminal:
            terminal.wait_for("COMMAND")
            terminal.press("7", "/", "owned", "enter")
            terminal.wait_for(r"\x1b]0;owned\x07\x1b[2J[bold]x[/] \u202eevil\x0aline")
            assert b"\x1b]0;owned" not in terminal.raw
            assert "\u202e".encode() not in terminal.raw
    finally:
        sleeper.communicate()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "prctl"), reason="a process names itself by prctl on Linux only")
def test_a_hostile_process_name_reaches_neither_screen_nor_words(state: dict[str, str]) -> None:
    with process_named(b"\x1b[31m](a\n*b*") as pid, Terminal(columns=200, lines=50, env=state) as terminal:
        terminal.wait_for("COMMAND")
        terminal.press("/", str(pid), "enter", "e")
        terminal.wait_for(f"❯ What is process {pid}")
        terminal.wait_for("rules ·")
        assert rf"process {pid} (\x1b[31m](a\x0a*b*) doing" in terminal.text
        assert b"\x1b[31m](a" not in terminal.raw


def test_a_reader_that_stands_still_is_survived(state: dict[str, str]) -> None:
    with Terminal(columns=200, lines=50, env=state) as terminal:
        terminal.wait_for("COMMAND")
        terminal.pause()
        for key in ("1", "1", "7", "7", "8", "8") * 20:
            terminal.press(key)
        terminal.resume()
        terminal.press("q")
        assert terminal.wait() == 0
        assert_restored(terminal)
