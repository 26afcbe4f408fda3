"""Whom the kernel killed for want of memory, from its log ``/dev/kmsg`` (``Documentation/ABI/testing/dev-kmsg``)."""

from __future__ import annotations

import os
import re
from pathlib import Path

from engine.snapshot import OomKill
from engine.text import inert

_RECORD = 8192  # the device hands out one whole record at a read, and refuses a smaller buffer
_MOST_RECORDS = 20_000
KEPT = 8
_KILLED = re.compile(
    rb"^\d+,\d+,(\d+),[^;\n]*;[^\n]*Killed process (\d+)[ ,]*\(([^\n]{0,256}?)\)[, ]*(?:UID|total-vm|vm)", re.MULTILINE
)


def oom_kills(device: Path) -> tuple[OomKill, ...]:
    """The last ``KEPT`` that the log still holds, oldest first. Never blocks.

    Raises OSError, most often PermissionError: the log is root's where ``kernel.dmesg_restrict`` is set.
    """
    descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK)
    try:
        text = _everything(descriptor)
    finally:
        os.close(descriptor)
    found = [
        OomKill(at_s=int(at) / 1e6, pid=int(pid), name=inert(name.decode("utf-8", "backslashreplace"), 64))
        for at, pid, name in _KILLED.findall(text)
    ]
    return tuple(found[-KEPT:])


def _everything(descriptor: int) -> bytes:
    records = []
    for _ in range(_MOST_RECORDS):
        try:
            record = os.read(descriptor, _RECORD)
        except BlockingIOError:  # the end of the log
            break
        except BrokenPipeError:  # a record was overwritten before it was read; the next read goes on behind it
            continue
        if not record:
            break
        records.append(record)
    return b"".join(records)
