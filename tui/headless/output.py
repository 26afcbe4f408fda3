"""Where the words of a command go: standard output, that may block or break, or a file that is written whole."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from engine.config import Config
from engine.errors import OutputError
from engine.text import inert

STANDARD_OUTPUT = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
"""Names of a file that mean standard output; by now descriptor 1 leads elsewhere."""

_AT_ONCE = 4096
"""A pipe that is ready takes this many bytes without blocking (PIPE_BUF of Linux)."""


def colored(config: Config) -> bool:
    """Whether standard output gets colour: as asked for, else when a terminal that knows colour reads it."""
    if config.color == "auto":
        return sys.stdout.isatty() and os.environ.get("TERM", "") not in {"", "dumb"}
    return config.color == "always"


def progress(sentence: str) -> None:
    """Say on standard error what is going on, if that and standard output are watched by a person."""
    if sys.stdout.isatty() and sys.stderr.isatty():
        with suppress(OSError):
            print(f"telltop: {inert(sentence)}", file=sys.stderr, flush=True)


class Standard:
    """Standard output for commands on an event loop: a reader that is slow delays nothing but what it reads."""

    def __init__(self) -> None:
        sys.stdout.flush()
        self._descriptor = sys.stdout.fileno()

    async def write(self, content: bytes) -> None:
        """Write all of it. Raises BrokenPipeError when the reader has gone, OutputError for any other failure."""
        while content:
            await self._ready()
            try:
                content = content[os.write(self._descriptor, content[:_AT_ONCE]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise
            except OSError as error:
                raise OutputError(f"the output cannot be written: {error.strerror or error}") from error

    async def _ready(self) -> None:
        loop = asyncio.get_running_loop()
        ready = loop.create_future()

        def now() -> None:
            if not ready.done():
                ready.set_result(None)

        try:
            loop.add_writer(self._descriptor, now)
        except PermissionError:  # a regular file is always ready, and cannot be waited for
            return
        try:
            await ready
        finally:
            loop.remove_writer(self._descriptor)


def print_all(content: bytes) -> None:
    """Write to standard output outside of an event loop; raises as :meth:`Standard.write` does."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"the output cannot be written: {error.strerror or error}") from error


class WholeFile:
    """A file that is written whole or stays as it was. What would keep it from being written is found at once."""

    def __init__(self, path: Path) -> None:
        """Raises OutputError if the file cannot be written."""
        self._path = path
        self._target = path.resolve()
        self._draft: Path | None = None
        with self._failures():
            if self._target.exists() and not self._target.is_file():
                self._stream: IO[bytes] = self._target.open("ab", buffering=0)  # nothing could take a device's place
            else:
                descriptor, draft = tempfile.mkstemp(dir=self._target.parent, prefix=f".{self._target.name}.")
                self._stream, self._draft = os.fdopen(descriptor, "wb"), Path(draft)

    def write(self, content: bytes) -> None:
        """Write the content and put the file in its place. Raises OutputError."""
        with self._failures():
            self._stream.write(content)
            self._stream.flush()
            if self._draft is not None:
                os.fchmod(self._stream.fileno(), _mode(self._target))
                self._draft.replace(self._target)
                self._draft = None

    def close(self) -> None:
        """Leave nothing behind but what was written."""
        with suppress(OSError):
            self._stream.close()
        if self._draft is not None:
            self._draft.unlink(missing_ok=True)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"{inert(str(self._path), 300)} cannot be written: {reason}") from error


def _mode(target: Path) -> int:
    """The permissions of the file that is replaced, or those that any new file gets."""
    with suppress(FileNotFoundError):
        return stat.S_IMODE(target.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
