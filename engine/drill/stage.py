"""What a fault stands on: its limits, its processes, and how it speaks with who plays it."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from typing import NoReturn

from msgspec import Struct

MIB = 1024 * 1024
_SET_PDEATHSIG, _SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


class Bounds(Struct, frozen=True):
    """How far a fault may go, whatever happens."""

    seconds: float
    """After which the guard ends it."""
    address_bytes: int = 1024 * MIB
    """Of each of its processes (``RLIMIT_AS``)."""
    file_bytes: int = 256 * MIB
    """Of each file that it writes (``RLIMIT_FSIZE``)."""
    descriptors: int = 1024
    """Open files of each of its processes (``RLIMIT_NOFILE``)."""


class Stage:
    """Handed to a fault. It announces who it is, waits to be told to go, and then does harm until it is killed."""

    def __init__(self, bounds: Bounds, answers: int, orders: int, folder: str, extras: Mapping[str, str]) -> None:
        self.bounds = bounds
        self.folder = folder
        """For what it needs on disk; removed by the guard."""
        self.extras = extras
        """What was prepared for it: the mount of a small file system."""
        self._answers = answers
        self._orders = orders

    def ready(self, *pids: int) -> None:
        """Announce the processes to be blamed (this one if none), wait for the word, and return."""
        told = {"ready": True, "pids": list(pids) or [os.getpid()], **self.extras}
        os.write(self._answers, json.dumps(told).encode() + b"\n")
        if not os.read(self._orders, 1):
            os._exit(0)  # the guard has gone

    def spawn(self, work: Callable[[], object]) -> int:
        """A process of its own for ``work``, that ends with this one; returns its pid."""
        pid = os.fork()
        if not pid:
            die_with_parent()
            _run(work)
        return pid

    def forever(self) -> NoReturn:
        """Wait to be killed."""
        while True:
            signal.pause()


def _run(work: Callable[[], object]) -> NoReturn:
    try:
        work()
    finally:
        os._exit(0)


def rename(name: str) -> None:
    """Give this process a name that says what it is; 15 bytes are kept."""
    if sys.platform == "linux":
        with open("/proc/self/comm", "wb", buffering=0) as comm:  # noqa: PTH123 - a path object would be as long
            comm.write(name.encode()[:15])


def die_with_parent() -> None:
    """Be killed when the parent ends, however it does (prctl(2), Linux)."""
    if sys.platform == "linux":
        _prctl(_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == 1:
            os._exit(0)


def adopt_orphans() -> None:
    """Become the parent of what the children of this process leave behind."""
    if sys.platform == "linux":
        _prctl(_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, argument: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, argument, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def confine(bounds: Bounds) -> None:
    """Hold this process and its children to the bounds, and offer them to the kernel first if memory runs out."""
    limits = {
        resource.RLIMIT_AS: bounds.address_bytes,
        resource.RLIMIT_FSIZE: bounds.file_bytes,
        resource.RLIMIT_NOFILE: bounds.descriptors,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: int(bounds.seconds * (os.cpu_count() or 1)) + 5,
    }
    for which, wanted in limits.items():
        hard = resource.getrlimit(which)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(which, (value, value))
    if sys.platform == "linux":
        with open("/proc/self/oom_score_adj", "wb", buffering=0) as score:  # noqa: PTH123 - a path object would be as long
            score.write(b"1000")
