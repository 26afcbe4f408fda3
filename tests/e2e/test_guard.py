"""The terminal is as it was, however a program that had it ends."""

from __future__ import annotations

import os
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.screen import Terminal

PLAIN = {7, 25}
"""Wrap lines, show the cursor: what is on in a terminal that nobody has touched."""


def program(ending: str, folder: Path) -> list[str]:
    return [sys.executable, "-m", "tests.e2e.raw_screen", ending, str(folder / "log")]


def guards() -> set[int]:
    """The guards of all telltops that run."""
    found = set()
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and b"telltop-guard" in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
    return found


def guard_of(terminal: Terminal, pid: int) -> int:
    """The guard of one telltop, once it can be told from the program that started it."""
    found: list[int] = []

    def there(_: Terminal) -> bool:
        for one in guards():
            with suppress(OSError):
                if f"\nPPid:\t{pid}\n" in Path(f"/proc/{one}/status").read_text():
                    found.append(one)
        return bool(found)

    terminal.wait_for(there)
    return found[0]


@pytest.mark.parametrize("ending", ["kill", "abort"])
def test_restored_after_what_no_handler_can_catch(ending: str, tmp_path: Path) -> None:
    with Terminal(program(ending, tmp_path), columns=100) as terminal:
        terminal.wait_for("with 100 columns")
        guard = guard_of(terminal, terminal.pid)
        assert terminal.attributes != terminal.before
        assert terminal.modes >= {1049, 1000, 1003, 1006, 2004}
        if ending == "kill":
            terminal.signal(signal.SIGKILL)
        else:
            terminal.press("x")
        assert terminal.wait() == (-signal.SIGKILL if ending == "kill" else -signal.SIGABRT)
        terminal.wait_for("telltop was killed; the terminal was restored")
        terminal.wait_for(lambda seen: seen.attributes == seen.before)
        assert terminal.modes == PLAIN
        assert b"\x1b[<u" in terminal.raw
        assert terminal.rows[:2] == ["what stood here before", "telltop was killed; the terminal was restored"]
        assert "drawn by" not in terminal.text
        terminal.wait_for(lambda _: guard not in guards())
    log = (tmp_path / "log").read_text()
    assert log.startswith("native noise\n")
    assert ("raw_screen.py" in log) == (ending == "abort")


@pytest.mark.parametrize(("ending", "code"), [("quit", 0), ("error", 1)])
def test_the_guard_leaves_without_a_word_when_the_program_ends_by_itself(
    ending: str, code: int, tmp_path: Path
) -> None:
    with Terminal(program(ending, tmp_path)) as terminal:
        terminal.wait_for("drawn by")
        guard = guard_of(terminal, terminal.pid)
        terminal.press("x")
        assert terminal.wait() == code
        assert guard not in guards()
        assert b"telltop was killed" not in terminal.raw
        assert ("and after" in terminal.text) == (ending == "quit")


def test_signals_for_the_program_are_not_for_the_guard(tmp_path: Path) -> None:
    with Terminal(program("kill", tmp_path)) as terminal:
        terminal.wait_for("drawn by")
        guard = guard_of(terminal, terminal.pid)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTOU):
            os.kill(guard, number)
        terminal.signal(signal.SIGKILL)
        terminal.wait()
        terminal.wait_for(lambda seen: seen.attributes == seen.before)
        assert terminal.modes == PLAIN


def test_a_guard_that_was_killed_is_not_missed(tmp_path: Path) -> None:
    with Terminal(program("quit", tmp_path)) as terminal:
        terminal.wait_for("drawn by")
        os.kill(guard_of(terminal, terminal.pid), signal.SIGKILL)
        terminal.press("x")
        assert terminal.wait() == 0
        assert "and after" in terminal.text


def test_the_guard_costs_next_to_nothing(tmp_path: Path) -> None:
    with Terminal(program("quit", tmp_path)) as terminal:
        terminal.wait_for("drawn by")
        guard = guard_of(terminal, terminal.pid)
        sizes = Path(f"/proc/{guard}/smaps_rollup").read_text()
        assert int(re.findall(r"Pss:\s+(\d+) kB", sizes)[0]) < 1024
        links = {str(entry.readlink()) for entry in Path(f"/proc/{guard}/fd").iterdir()}
        assert all(link.startswith(("pipe:", "/dev/")) for link in links)


def test_a_shell_that_edits_its_next_line_is_not_disturbed(tmp_path: Path) -> None:
    command = " ".join(program("kill", tmp_path))
    with Terminal(["bash", "--noprofile", "--norc", "-i"], env={"PS1": "$ "}) as terminal:
        terminal.wait_for("$")
        terminal.press(command, "enter")
        terminal.wait_for(re.compile(r"drawn by \d+ with"))
        found = re.search(r"drawn by (\d+)", terminal.text)
        assert found
        pid = int(found[1])
        guard = guard_of(terminal, pid)
        os.kill(pid, signal.SIGKILL)
        terminal.wait_for("telltop was killed; the terminal was restored")
        terminal.wait_for(lambda _: guard not in guards())
        terminal.press("echo $((40+2))", "enter")
        terminal.wait_for(re.compile(r"^42$", re.MULTILINE))
        assert terminal.text.count("echo $((40+2))") == 1
        terminal.press("exit", "enter")
        terminal.wait()
