"""Logging goes to one file, bounded in size, and never to the terminal."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from engine.text import inert

LIMIT_BYTES = 1 << 20
"""A log that has grown to this is kept as ``FILE.1`` and begun anew."""

_log = logging.getLogger(__name__)


def open_private(path: Path, flags: int = os.O_APPEND) -> int:
    """A descriptor for writing to a file that only its owner may read; its folder is made when there is none.

    Opening never blocks, not even on a pipe that nobody reads. Raises OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path, flags | os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY, 0o600)


class _BoundedFile(logging.StreamHandler[TextIO]):
    """Begins anew by copying and emptying the file, not by renaming it, so that whoever else appends to it (the native
    libraries, through file descriptor 2, and another telltop) stays with it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(os.fdopen(open_private(path), "a", encoding="utf-8", errors="backslashreplace"))

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):  # no room for the copy, or no file that could be emptied, such as /dev/null
            if os.fstat(self.stream.fileno()).st_size > LIMIT_BYTES:
                self._begin_anew()
        super().emit(record)

    def _begin_anew(self) -> None:
        try:
            old = Path(f"{self.path}.1")
            with self.path.open("rb") as full, os.fdopen(open_private(old, os.O_TRUNC), "wb") as kept:
                shutil.copyfileobj(full, kept)
        finally:
            os.truncate(self.path, 0)

    def close(self) -> None:
        super().close()
        with suppress(OSError, ValueError):
            self.stream.close()


def set_up(path: Path, level: str = "info") -> str | None:
    """Send all that is logged, Python's warnings and the last words of dying threads to ``path``.

    Returns ``None``, or a sentence for the operator if the file cannot be written: the program then runs without a log.
    """
    notice = None
    handler: logging.Handler
    try:
        handler = _BoundedFile(path)
    except OSError as error:
        handler = logging.NullHandler()  # without any handler Python would print warnings to the terminal
        notice = f"Nothing is logged: {inert(str(path), 300)} cannot be written ({error.strerror or error})."
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.raiseExceptions = False  # a full disk must not print tracebacks into the screen
    logging.captureWarnings(capture=True)
    sys.unraisablehook = _unraisable
    threading.excepthook = _thread_died
    return notice


def where() -> Path | None:
    """The file that is logged to; ``None`` before :func:`set_up`, or when the file could not be written."""
    return next((handler.path for handler in logging.getLogger().handlers if isinstance(handler, _BoundedFile)), None)


def _unraisable(what: sys.UnraisableHookArgs) -> None:
    _log.error("ignored in %r", what.object, exc_info=what.exc_value)


def _thread_died(what: threading.ExceptHookArgs) -> None:
    if what.exc_type is not SystemExit:
        _log.critical("thread %s died", what.thread.name if what.thread else "?", exc_info=what.exc_value)
