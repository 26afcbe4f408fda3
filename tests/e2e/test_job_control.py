"""Ctrl-Z and ``fg``, a terminal that is not read, one that goes away: the real program in a pseudo-terminal."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from tests.e2e.screen import Terminal
from tests.e2e.test_dashboard import LEFT_ON, assert_restored, log


@pytest.fixture
def state(tmp_path: Path) -> dict[str, str]:
    """Settings, state and log in a folder of the test's own."""
    return {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config"), "TZ": "UTC"}


CLOCK = re.compile(r"\d\d:\d\d:\d\d")


def clock(terminal: Terminal) -> str:
    found = CLOCK.search(terminal.rows[0])
    return found[0] if found else ""


def stands_and_moves(terminal: Terminal) -> None:
    """Every part is on the screen, and the figures move."""
    terminal.wait_for("COMMAND")
    terminal.wait_for("analysis")
    terminal.wait_for("freeze")
    terminal.wait_for(clock)
    before = clock(terminal)
    terminal.wait_for(lambda it: clock(it) not in {"", before})


@pytest.mark.parametrize("place", [(), ("k",), ("?",), ("i", "wh"), ("/", "py")], ids=str)
def test_ctrl_z_gives_the_terminal_back_and_fg_repaints(state: dict[str, str], place: tuple[str, ...]) -> None:
    with Terminal(env=state) as terminal:
        terminal.wait_for("COMMAND")
        terminal.press(*place, "ctrl+z")
        terminal.wait_until_stopped()
        terminal.wait_for(lambda it: not it.modes & LEFT_ON)
        assert_restored(terminal)
        terminal.foreground()
        terminal.wait_for(lambda it: 1049 in it.modes)
        if place == ("k",):
            terminal.wait_for("SIGTERM")
            terminal.press("esc")
        elif place == ("?",):
            terminal.wait_for("Esc closes")
            terminal.press("esc")
        elif place:
            terminal.wait_for(place[1])
            terminal.press("esc")
        stands_and_moves(terminal)
        terminal.press("q")
        assert terminal.wait() == 0
        assert_restored(terminal)


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGTSTP], ids=str)
def test_a_stop_from_elsewhere(state: dict[str, str], number: signal.Signals) -> None:
    with Terminal(env=state) as terminal:
        terminal.wait_for("COMMAND")
        for _ in range(2):
            terminal.signal(number)
            terminal.wait_until_stopped()
            terminal.foreground()
            stands_and_moves(terminal)
        threads = [Path(task, "comm").read_text() for task in Path(f"/proc/{terminal.pid}/task").iterdir()]
        assert len([name for name in threads if name.startswith("textual-input")]) <= 1
        terminal.press("7")
        terminal.wait_for(lambda it: "analysis" not in it.text)
        terminal.press("7", "q")
        assert terminal.wait() == 0
        assert_restored(terminal)


def test_a_resize_while_it_is_stopped_is_seen_at_its_return(state: dict[str, str]) -> None:
    with Terminal(env=state) as terminal:
        terminal.wait_for("COMMAND")
        terminal.press("ctrl+z")
        terminal.wait_until_stopped()
        terminal.resize(80, 24)
        terminal.foreground()
        terminal.wait_for(lambda it: "COMMAND" in it.text and "╭─ cpu" not in it.text)
        terminal.press("q")
        assert terminal.wait() == 0


# -- a terminal that is not read


def resident(pid: int) -> int:
    """Bytes of memory that the process holds alone."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")


def fill(terminal: Terminal) -> None:
    """Stop reading, and make it paint much more than any buffer holds; returns when keys were taken for a while."""
    terminal.pause()
    for key in ("7", "7", "8", "8", "1", "1") * 60:
        terminal.press(key)


def handled(terminal: Terminal) -> bool:
    """The program waits for something: nothing of what was typed is left to read."""
    import fcntl
    import struct
    import termios

    with Path(f"/proc/{terminal.pid}/fd/0").open("rb") as other_end:
        return not struct.unpack("i", fcntl.ioctl(other_end, termios.FIONREAD, b"\0" * 4))[0]


def test_with_a_reader_that_stands_still_it_goes_on_does_not_grow_and_catches_up(state: dict[str, str]) -> None:
    with Terminal(columns=200, lines=50, env=state) as terminal:
        terminal.wait_for("COMMAND")
        stands_and_moves(terminal)
        fill(terminal)
        terminal.wait_for(handled)
        before = resident(terminal.pid)
        written = len(terminal.raw)
        for _ in range(5):
            for key in ("7", "7", "8", "8", "1", "1") * 20:
                terminal.press(key)
            terminal.wait_for(handled)
        grown = resident(terminal.pid) - before
        terminal.press("7")
        assert len(terminal.raw) == written
        terminal.resume()
        # What it left out is painted, and no frame of the time between: the buffers of the line, and a screen or two.
        terminal.wait_for(lambda it: "analysis" not in it.text and "processes" in it.text)
        assert len(terminal.raw) - written < 600_000
        assert grown < 8 << 20
        terminal.press("7")
        stands_and_moves(terminal)
        terminal.press("q")
        assert terminal.wait() == 0
        assert_restored(terminal)


@pytest.mark.parametrize("way", ["q", "SIGTERM"])
def test_it_leaves_although_nobody_reads_and_the_terminal_is_restored_once_somebody_does(
    state: dict[str, str], way: str
) -> None:
    with Terminal(columns=200, lines=50, env=state) as terminal:
        terminal.wait_for("COMMAND")
        fill(terminal)
        if way == "q":
            terminal.press("q")
        else:
            terminal.wait_for(handled)
            terminal.signal(signal.SIGTERM)
        terminal.wait_for(lambda it: not Path(f"/proc/{it.pid}").exists() or zombie(it.pid))
        terminal.resume()
        assert terminal.wait() == (0 if way == "q" else 143)
        terminal.wait_for(lambda it: not it.modes & LEFT_ON and 25 in it.modes)
        assert terminal.attributes == terminal.before
        assert "was killed" not in terminal.text


def zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_terminal_that_goes_away_is_no_error(state: dict[str, str]) -> None:
    terminal = Terminal(env=state)
    with terminal:
        terminal.wait_for("COMMAND")
        terminal.hang_up()
        terminal.wait_for(lambda it: not Path(f"/proc/{it.pid}").exists())
    words = log(state)
    assert "SIGHUP" in words
    assert "Traceback" not in words
    assert " ERROR " not in words
    assert " CRITICAL " not in words
