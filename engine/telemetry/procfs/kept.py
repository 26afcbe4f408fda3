"""Descriptors of ``/proc/PID/stat`` that are kept open, for reading one anew costs half of opening it anew.

A kept descriptor belongs to the process and not to its pid: once that has ended, reading fails with ESRCH, whoever
has the pid by then. What they cost is the kernel's: about 4.2 KiB each (a page for the text, and the file itself),
measured over 9,500 of them by ``Slab`` of ``/proc/meminfo``; so there are only as many as fit into a small share of
the node's memory. They lie above ``FIRST``, so that the small numbers stay for everybody else: ``select(2)`` knows
none above 1023.
"""

from __future__ import annotations

import fcntl
import os
import resource

FIRST = 1100
_HEADROOM = 512
"""Numbers below the limit that are left for others."""
_EACH = 4400  # bytes of kernel memory
_MOST = 32_768
_SHARE = 400  # one part in so many of the node's memory: 0.25 %


class Kept:
    """How many there may be, and the making and closing of one.

    Every process is read in every pass, so none is used less than another, and there is no order in which to give up
    old ones. Beyond the bound a file is opened anew.
    """

    def __init__(self, most: int) -> None:
        self.left = most

    def keep(self, descriptor: int) -> int:
        """The number under which it stays open, -1 if it does not. The descriptor itself is closed in either case."""
        try:
            if self.left <= 0:
                return -1
            kept = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST)
        except OSError:  # the system has no more, or the limit was lowered: those that there are have to do
            self.left = 0
            return -1
        finally:
            os.close(descriptor)
        self.left -= 1
        return kept

    def close(self, kept: int) -> None:
        """Close one, and have room for another."""
        os.close(kept)
        self.left += 1


def bound(memory_bytes: int) -> int:
    """How many descriptors may be kept here; raises the process's soft limit of open files as far as that needs."""
    wanted = min(_MOST, memory_bytes // _SHARE // _EACH)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = hard if hard != resource.RLIM_INFINITY else 2**20
    needed = min(most, FIRST + wanted + _HEADROOM)
    if needed > soft != resource.RLIM_INFINITY:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        except (OSError, ValueError):  # a sandbox forbids it
            needed = soft
    return max(0, min(wanted, needed - FIRST - _HEADROOM))
