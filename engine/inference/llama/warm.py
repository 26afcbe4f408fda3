"""Reading a model from a slow disk before llama.cpp maps it, so that it can be told how far it is and to stop.

llama.cpp maps the file with all its pages at once: one system call that reports nothing and cannot be ended before the
disk has delivered everything. What is in the page cache already is not read again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

_CHUNK = 4 << 20
_NOWAIT = getattr(os, "RWF_NOWAIT", None)  # Linux: read only what the page cache holds


def warm(path: Path, on_progress: Callable[[float], bool]) -> bool:
    """Bring the file into the page cache; ``on_progress`` gets the share done and returns whether to go on.

    Returns whether it went on to the end. Does nothing where the system cannot tell what is cached; a file that
    cannot be read is left for llama.cpp to complain about.
    """
    if _NOWAIT is None:
        return True
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        return _warm(descriptor, _NOWAIT, on_progress)
    except OSError:  # a file system that does not answer such questions
        return True
    finally:
        os.close(descriptor)


def _warm(descriptor: int, nowait: int, on_progress: Callable[[float], bool]) -> bool:
    size = os.fstat(descriptor).st_size
    buffer, probe = bytearray(_CHUNK), bytearray(1)
    for offset in range(0, size, _CHUNK):
        try:
            os.preadv(descriptor, [probe], offset, nowait)
        except BlockingIOError:
            os.preadv(descriptor, [buffer], offset)
            if not on_progress(offset / size):
                return False
    return True
