"""One line of ``/proc/PID/stat`` (see proc_pid_stat(5))."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

KERNEL_THREAD: Final = 0x00200000
"""PF_KTHREAD of ``include/linux/sched.h``."""
_NEEDED = 22  # fields after the name, up to rss


class Stat(Struct, frozen=True):
    """The fields that a row of the process table needs."""

    comm: bytes
    """At most 15 bytes for a user's process, any but NUL."""
    state: str
    ppid: int
    flags: int
    ticks: int
    """User and system time in clock ticks; those of ended threads are within."""
    nice: int
    threads: int
    start: int
    """Clock ticks after boot."""
    rss_pages: int


def parse(raw: bytes) -> Stat:
    """Raises ValueError for garbage. The name may hold any byte, ``)`` too: it ends at the last one."""
    opening, closing = raw.find(b"("), raw.rfind(b")")
    fields = raw[closing + 1 :].split(None, _NEEDED)
    if opening < 0 or closing < opening or len(fields) < _NEEDED:
        raise ValueError(f"not a line of stat: {raw[:80]!r}")
    return Stat(
        comm=raw[opening + 1 : closing],
        state=fields[0].decode("ascii"),
        ppid=int(fields[1]),
        flags=int(fields[6]),
        ticks=int(fields[11]) + int(fields[12]),
        nice=int(fields[16]),
        threads=int(fields[17]),
        start=int(fields[19]),
        rss_pages=int(fields[21]),
    )
