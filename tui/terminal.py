"""Who may write to the terminal, and who puts it right when telltop dies without a chance to.

Native libraries print to file descriptors 1 and 2 whenever they like, and llama.cpp's binding points both at
``/dev/null`` while it loads a model. So telltop writes through duplicates that only it knows (:func:`private_streams`)
and descriptors 1 and 2 lead to the log. What no handler can catch, ``kill -9`` and a crash in native code, is left to a
shell that sleeps on a pipe until telltop is gone (:func:`guarded`).
"""

from __future__ import annotations

import faulthandler
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from engine.logs import open_private

# In this order: cut off a sequence that was being written, end a synchronized update, stop the mouse, focus, paste
# and resize reports, the kitty keyboard (which belongs to the alternate screen), colours; wrap lines again, leave the
# alternate screen, show the cursor.
_RESTORE = (
    r"\030\033[?2026l\033[?1000l\033[?1002l\033[?1003l\033[?1006l\033[?1015l\033[?1016l\033[?1004l\033[?2004l\033[?2048l"
    r"\033[<u\033[0m\033[?7h\033[?1049l\033[?25h"
)

# A shell with job control puts the modes of the terminal right by itself when a program of its dies, and then edits
# its next line in modes of its own that must not be disturbed. It is given time for that; only if signals are still
# off, which no shell leaves them, the modes from before are set.
_SCRIPT = rf"""
trap '' INT TERM HUP QUIT TSTP TTOU TTIN
exec 3>&1
read -r word
[ "$word" = bye ] && exit
printf '{_RESTORE}'
[ "$word" = restore ] && exit
printf '\r%s\r\n' 'telltop was killed; the terminal was restored'
sleep 0.2 || sleep 1
case $(stty -a <&3) in *-isig*) stty "$1" <&3 ;; esac
"""


@contextmanager
def own_terminal(log: Path) -> Iterator[Guard]:
    """For a dashboard: everything that Textual paints reaches the terminal, nothing else does, and whatever happens
    the terminal is put right again. Standard output must be a terminal.
    """
    with private_streams(log, errors_too=True), guarded(sys.stdout.fileno()) as guard:
        yield guard


@contextmanager
def private_streams(log: Path, *, errors_too: bool = False) -> Iterator[None]:
    """Point descriptors 1 and 2 at ``log`` (at ``/dev/null`` if it cannot be written) and Python's streams at
    duplicates of what they were; with ``errors_too`` standard error goes where standard output goes.

    A crash in native code leaves its Python stack in the log. All is undone at the end.
    """
    former = sys.stdout, sys.__stdout__, sys.stderr, sys.__stderr__
    sys.stdout.flush()
    sys.stderr.flush()
    output, errors = os.dup(1), os.dup(2)
    try:
        sink = open_private(log)
    except OSError:
        sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    os.close(sink)
    faulthandler.enable(2)
    sys.stdout = sys.__stdout__ = _text(output, former[0])  # type: ignore[misc]  # Textual paints, and measures the terminal, by them
    sys.stderr = sys.__stderr__ = _text(output if errors_too else errors, former[2])  # type: ignore[misc]  # as above
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        faulthandler.disable()
        os.dup2(output, 1)
        os.dup2(errors, 2)
        os.close(output)
        os.close(errors)
        sys.stdout, sys.__stdout__, sys.stderr, sys.__stderr__ = former  # type: ignore[misc]  # as above


def _text(descriptor: int, like: TextIO) -> TextIOWrapper:
    return open(
        descriptor,
        "w",
        buffering=1 if os.isatty(descriptor) else -1,
        encoding=like.encoding,
        errors="backslashreplace",
        closefd=False,
    )


_BYE = b"bye\n"


class Guard:
    """What the shell that sleeps is told at the end."""

    def __init__(self) -> None:
        self.word = _BYE

    def restore(self) -> None:
        """Leave it to the shell to restore the terminal, which takes no more from telltop: it can wait, telltop not."""
        self.word = b"restore\n"


@contextmanager
def guarded(terminal: int) -> Iterator[Guard]:
    """Have ``terminal`` put right if this process dies before the end; costs a sleeping shell.

    Without ``/bin/sh`` and ``stty`` there is no guard.
    """
    shell, guard = _start_guard(terminal), Guard()
    try:
        yield guard
    finally:
        if shell is not None:
            _dismiss(shell, guard.word)


def _start_guard(terminal: int) -> subprocess.Popen[bytes] | None:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    try:
        modes = subprocess.check_output(["stty", "-g"], stdin=terminal, stderr=subprocess.DEVNULL, env=environment)
        return subprocess.Popen(
            ["telltop-guard", "-c", _SCRIPT, "telltop-guard", modes.strip()],
            executable="/bin/sh",
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=terminal,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environment,
            process_group=0,  # what is sent to telltop's group, Ctrl-C for one, is not meant for the guard
        )
    except (OSError, subprocess.CalledProcessError):
        return None


def _dismiss(guard: subprocess.Popen[bytes], word: bytes) -> None:
    if word != _BYE:
        with suppress(OSError):  # it may have been killed
            os.write(guard.stdin.fileno(), word) if guard.stdin else None
        guard.returncode = 0  # nobody waits for it: it stays until the terminal takes what it writes
        return
    with suppress(OSError, subprocess.TimeoutExpired):  # it may have been killed, or stopped
        guard.communicate(word, timeout=1)
    if guard.poll() is None:
        guard.kill()
        guard.wait()
