"""The real dashboard acts on real children: what was meant is hit, what telltop needs is spared."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.screen import TELLTOP, Terminal

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="niceness of others is read from procfs")

TRAPPING = """
import signal, sys
signal.signal(signal.SIGUSR1, lambda *_: print("USR1", flush=True))
print("ready", flush=True)
while sys.stdin.read(1):
    pass
"""


@pytest.fixture
def state(tmp_path: Path) -> dict[str, str]:
    """Settings, state and log in a folder of the test's own."""
    return {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-S", "-c", TRAPPING, "the-one-that-is-meant"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def name(child: subprocess.Popen[str]) -> str:
    """What the kernel calls it: after the interpreter, whichever name that was started by."""
    return Path(f"/proc/{child.pid}/comm").read_text().strip()


def choose(terminal: Terminal, pid: int) -> None:
    """Put the cursor on a process, by the filter."""
    terminal.wait_for("COMMAND")
    terminal.press("/", f"pid={pid}", "enter")
    terminal.wait_for(re.compile(rf"processes 1 of (.*\n)+.*\b{pid} "))


def test_signals_reach_the_child_and_its_end_is_told(state: dict[str, str], child: subprocess.Popen[str]) -> None:
    with Terminal(env=state) as terminal:
        choose(terminal, child.pid)
        terminal.press("k")
        terminal.wait_for(f"send a signal to {name(child)} ({child.pid})")
        terminal.press("1", "0", "enter")
        terminal.wait_for(f"Send SIGUSR1 to {name(child)} ({child.pid})?")
        terminal.press("y")
        assert child.stdout
        assert child.stdout.readline() == "USR1\n"
        terminal.wait_for("got SIGUSR1")
        # As a person types it who knows the way: all at once.
        terminal.press("k", "enter", "enter")
        assert child.wait() == -signal.SIGTERM
        terminal.wait_for("got SIGTERM")
        terminal.press("q")
        assert terminal.wait() == 0


def test_niceness_is_raised_and_the_process_seen_whole(state: dict[str, str], child: subprocess.Popen[str]) -> None:
    with Terminal(env=state, columns=160, lines=50) as terminal:
        choose(terminal, child.pid)
        terminal.press("f8", "f8")
        terminal.wait_for(lambda _: os.getpriority(os.PRIO_PROCESS, child.pid) == 2)
        terminal.press("n", "7", "enter", "y")
        terminal.wait_for(lambda _: os.getpriority(os.PRIO_PROCESS, child.pid) == 7)
        terminal.press("d")
        terminal.wait_for("niceness 7")
        terminal.wait_for(f"{name(child)} ({child.pid})")
        terminal.wait_for("open files")
        child.kill()
        child.wait()
        terminal.wait_for("has ended")
        terminal.press("q")
        terminal.wait_for("COMMAND")
        terminal.press("q")
        assert terminal.wait() == 0


def guard_of(pid: int) -> int:
    """The shell that waits to restore the terminal of telltop ``pid``."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                words = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if int(fields[1]) == pid and b"telltop-guard" in words:
                return int(folder.name)
    raise AssertionError("there is no guard")


def test_telltop_and_its_guard_are_spared(state: dict[str, str]) -> None:
    with Terminal((*TELLTOP, "--interval", "0.5"), env=state) as terminal:
        terminal.wait_for("COMMAND")
        choose(terminal, guard_of(terminal.pid))
        terminal.press("k", "9", "enter", "y")
        terminal.wait_for("refused: ")
        terminal.wait_for("a part of telltop")
        terminal.press("enter")
        terminal.wait_for("COMMAND")
        terminal.press("/", "ctrl+u", f"pid={terminal.pid}", "enter")
        terminal.wait_for(re.compile(rf"\b{terminal.pid} .*python"))
        terminal.press("k", "9", "enter", "y")
        terminal.wait_for("is telltop itself")
        terminal.press("enter")
        terminal.wait_for("COMMAND")
        terminal.press("q")
        assert terminal.wait() == 0


def test_read_only_by_flag_and_by_variable(state: dict[str, str], child: subprocess.Popen[str]) -> None:
    for flags, variables in ((("--read-only",), {}), ((), {"TELLTOP_READ_ONLY": "true"})):
        with Terminal((*TELLTOP, *flags), env=state | variables) as terminal:
            choose(terminal, child.pid)
            assert "signal" not in terminal.rows[-1]
            terminal.press("k", "enter")
            terminal.wait_for("telltop looks only")
            terminal.press("f8")
            terminal.press("q")
            assert terminal.wait() == 0
    assert child.poll() is None
    assert os.getpriority(os.PRIO_PROCESS, child.pid) == 0
