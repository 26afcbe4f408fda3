"""A real pseudo-terminal for tests: runs a program, answers its queries, shows what a person would see."""

from __future__ import annotations

import copy
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyte

from tests.e2e.leader import END

REPOSITORY = Path(__file__).parents[2]
TELLTOP = (sys.executable, "-m", "tui.cli")
"""The command ``telltop``, of the tree under test."""

_LEADER = Path(__file__).with_name("leader.py")

PATIENCE_S = 30.0
"""How long a condition may take before a test gives up: the machine may be busy with other things."""

KEYS = {
    "enter": "\r",
    "tab": "\t",
    "esc": "\x1b",
    "backspace": "\x7f",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "f1": "\x1bOP",
    "f2": "\x1bOQ",
    "f3": "\x1bOR",
    "f4": "\x1bOS",
    "f5": "\x1b[15~",
    "f6": "\x1b[17~",
    "f7": "\x1b[18~",
    "f8": "\x1b[19~",
    "f9": "\x1b[20~",
    "f10": "\x1b[21~",
}

_SEQUENCE = re.compile(rb"\x1b\[([<=>?]?)([0-9;:]*)([ !\"$']*)([@-~])")
_CUT_OFF = re.compile(rb"\x1b\[[<=>?]?[0-9;:]*[ !\"$']*(?=[\x18\x1a\x1b])")
_UNFINISHED = re.compile(rb"\x1b(\[[<=>?]?[0-9;:]*[ !\"$']*)?$")
_SUPPORTED_MODES = {b"2026"}  # synchronized output; not 2048, or resizes would have to be reported in band


class _Screen(pyte.Screen):
    """pyte's screen with the alternate one, and a record of the private modes that are on."""

    def __init__(self, columns: int, lines: int) -> None:
        self.private: set[int] = set()
        self._main: tuple[Any, Any] | None = None
        super().__init__(columns, lines)

    def set_mode(self, *modes: int, **flags: Any) -> None:
        if flags.get("private"):
            self.private.update(modes)
            if 1049 in modes and self._main is None:
                self._main = copy.deepcopy(self.buffer), copy.copy(self.cursor)
                self.erase_in_display(2)
        super().set_mode(*modes, **flags)

    def reset_mode(self, *modes: int, **flags: Any) -> None:
        if flags.get("private"):
            self.private.difference_update(modes)
            if 1049 in modes and self._main is not None:
                self.buffer, self.cursor = self._main
                self._main = None
        super().reset_mode(*modes, **flags)


class Terminal:
    """A program in a terminal of its own. Use it as a context manager: whatever happens, the program is ended.

    What the program writes is read in a thread, so that it never waits for the test unless :meth:`pause` says so.
    """

    def __init__(
        self,
        command: Sequence[str] = TELLTOP,
        *,
        columns: int = 120,
        lines: int = 40,
        env: Mapping[str, str] | None = None,
        cwd: Path = REPOSITORY,
    ) -> None:
        self._master, slave = os.openpty()
        self._changed = threading.Condition(threading.RLock())
        self._screen = _Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._tail = b""
        self._raw = bytearray()
        self._closed = False
        self._code: int | None = None
        self._reading = threading.Event()
        self._reading.set()
        self._set_size(columns, lines)
        self.before = termios.tcgetattr(self._master)
        """The modes of the terminal before the program began."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TELLTOP_") and k != "NO_COLOR"}
        environment |= {"TERM": "xterm-256color", "PYTHONPATH": str(REPOSITORY), **(env or {})}
        report, report_end = os.pipe()
        control_end, self._control = os.pipe()
        self._leader = subprocess.Popen(
            [sys.executable, "-S", str(_LEADER), str(report_end), str(control_end), *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            pass_fds=(report_end, control_end),
            cwd=cwd,
            env=environment,
        )
        for descriptor in (slave, report_end, control_end):
            os.close(descriptor)
        self._report = os.fdopen(report)
        self.pid = int(self._report.readline())
        """The program's; its process group has the same number."""
        self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # -- what is seen

    @property
    def screen(self) -> pyte.Screen:
        """The screen itself, with styles; look at it while nothing changes."""
        return self._screen

    @property
    def rows(self) -> list[str]:
        """The rows of the screen, without the blanks at their ends."""
        with self._changed:
            return [row.rstrip() for row in self._screen.display]

    @property
    def text(self) -> str:
        """The whole screen."""
        return "\n".join(self.rows)

    @property
    def raw(self) -> bytes:
        """Every byte that was written to the terminal."""
        with self._changed:
            return bytes(self._raw).replace(END, b"")

    @property
    def modes(self) -> set[int]:
        """The private modes that are on: 1049 is the alternate screen, 25 the cursor, 1000 and others the mouse."""
        with self._changed:
            return set(self._screen.private) | ({25} if not self._screen.cursor.hidden else set())

    @property
    def attributes(self) -> list[Any]:
        """The modes of the terminal (``termios``) now."""
        return termios.tcgetattr(self._master)

    def wait_for(self, what: str | re.Pattern[str] | Callable[[Terminal], object], timeout: float = PATIENCE_S) -> None:
        """Wait until a text or pattern is on the screen, or a condition holds; fails with the screen if not in time."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not self._holds(what):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"waited {timeout} s for {what!r}; the screen is\n{self.text}")
                # Conditions may look at more than the screen, so they are looked at now and then in any case.
                self._changed.wait(min(left, 0.05) if callable(what) else left)

    def _holds(self, what: str | re.Pattern[str] | Callable[[Terminal], object]) -> bool:
        if isinstance(what, str):
            return what in self.text
        return bool(what.search(self.text)) if isinstance(what, re.Pattern) else bool(what(self))

    # -- what is done

    def press(self, *keys: str) -> None:
        """Press keys, one after the other: names of :data:`KEYS`, ``ctrl+c`` and its like, else text as typed."""
        for key in keys:
            if key.startswith("ctrl+"):
                self.write(bytes([ord(key[-1]) & 0x1F]))
            else:
                self.write(KEYS.get(key, key).encode())

    def write(self, content: bytes) -> None:
        """Send bytes as if the terminal did."""
        os.write(self._master, content)

    def resize(self, columns: int, lines: int) -> None:
        """Change the size; the kernel tells the program by SIGWINCH."""
        with self._changed:
            self._screen.resize(lines, columns)
        self._set_size(columns, lines)

    def pause(self) -> None:
        """Read no more, as a stuck line does: what the program writes stays with it."""
        self._reading.clear()

    def resume(self) -> None:
        """Read on."""
        self._reading.set()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program alone."""
        os.kill(self.pid, number)

    def hang_up(self) -> None:
        """End the leader of the session, as a lost connection does: the kernel takes the terminal away."""
        self._leader.kill()
        self._leader.wait()

    def wait_until_stopped(self, timeout: float = PATIENCE_S) -> None:
        """Wait until the program has stopped, as by Ctrl-Z, and the leader has the terminal."""
        assert select.select([self._report], [], [], timeout)[0], f"it has not stopped after {timeout} s\n{self.text}"
        assert self._report.readline() == "stopped\n"

    def foreground(self) -> None:
        """Let the stopped program go on in the foreground, as ``fg`` does."""
        os.write(self._control, b"f")

    def wait(self, timeout: float = PATIENCE_S) -> int:
        """Wait for the end of the program and of its output; the exit code, or minus the signal's number."""
        if self._code is None:
            assert select.select([self._report], [], [], timeout)[0], f"it has not ended after {timeout} s\n{self.text}"
            self._code = int(self._report.readline())
            self.wait_for(lambda _: END in self._raw)
        return self._code

    def close(self) -> None:
        """End the program, if it still lives, and give the terminal back."""
        if self._code is None:
            with suppress(ProcessLookupError):  # the leader has reaped it
                os.killpg(self.pid, signal.SIGKILL)
        os.close(self._control)
        self._reading.set()
        self._leader.wait()
        self._closed = True
        self._reader.join()
        self._report.close()
        os.close(self._master)

    # -- how it works

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def _read(self) -> None:
        while not self._closed:
            self._reading.wait()
            if not select.select([self._master], [], [], 0.1)[0]:
                continue
            try:
                content = os.read(self._master, 65536)
            except OSError:  # nobody holds the other end any more
                content = b""
            with self._changed:
                self._take(content)
                self._changed.notify_all()
            if not content:
                return

    def _take(self, content: bytes) -> None:
        self._raw += content
        content = self._tail + content
        cut = _UNFINISHED.search(content)
        self._tail = content[cut.start() :] if cut else b""
        # pyte draws what it does not know, such as the kitty keyboard's sequences, and trips over a sequence that
        # another one cuts off: such are answered or dropped here.
        content = _CUT_OFF.sub(b"", content[: cut.start()] if cut else content)
        self._stream.feed(_SEQUENCE.sub(self._filter, content))

    def _filter(self, match: re.Match[bytes]) -> bytes:
        kind, parameters, between, final = match.groups()
        if final == b"c" and not parameters.strip(b"0") and kind != b"?":
            self._answer(b"\x1b[>1;4000;29c" if kind == b">" else b"\x1b[?62;4;22c")
        elif final == b"n" and parameters in {b"5", b"6"}:
            at = self._screen.cursor
            self._answer(b"\x1b[0n" if parameters == b"5" else b"\x1b[%d;%dR" % (at.y + 1, at.x + 1))
        elif final == b"p" and kind == b"?" and between == b"$":
            self._answer(b"\x1b[?%b;%b$y" % (parameters, b"2" if parameters in _SUPPORTED_MODES else b"0"))
        elif final == b"u" and kind == b"?":
            self._answer(b"\x1b[?0u")
        elif kind in {b"", b"?"} and not between and not (final == b"m" and kind):
            most_take_two = final in b"mhl" or parameters.count(b";") < 2
            return match.group() if most_take_two else b""
        return b""

    def _answer(self, content: bytes) -> None:
        os.write(self._master, content)
