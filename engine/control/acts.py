"""What can be done to a process: each act knows its words and how the kernel is asked for it.

On Linux niceness, I/O priority and affinity belong to each thread (setpriority(2), ioprio_set(2),
sched_setaffinity(2)), whereas the operator means the process: they are set for all of its threads.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
from typing import Literal

from msgspec import Struct

IoClass = Literal["none", "realtime", "best-effort", "idle"]

_IO_CLASSES: tuple[IoClass, ...] = ("none", "realtime", "best-effort", "idle")
_IOPRIO_CLASS_SHIFT = 13
_IOPRIO_WHO_PROCESS = 1
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30, "riscv64": 30, "loongarch64": 30, "ppc64le": 273, "s390x": 282}
"""Number of the system call ioprio_set, which the C library does not wrap."""


class Act(Struct, frozen=True):
    """Base of all acts."""

    @property
    def wish(self) -> str:
        """What is asked for, to be followed by the targets: ``send SIGTERM to``."""
        raise NotImplementedError

    @property
    def fact(self) -> str:
        """What has been done, preceded by the target: ``got SIGTERM``."""
        raise NotImplementedError

    def on_thread(self, tid: int) -> None:
        """Do it to one thread. Raises OSError."""
        raise NotImplementedError


class Signal(Act, frozen=True):
    """Send a signal to the whole process."""

    number: signal.Signals

    @property
    def wish(self) -> str:
        """``send SIGTERM to``."""
        return f"send {self.number.name} to"

    @property
    def fact(self) -> str:
        """``got SIGTERM``."""
        return f"got {self.number.name}"


class Nice(Act, frozen=True):
    """Set the niceness, -20 (first served) to 19 (last)."""

    value: int

    @property
    def wish(self) -> str:
        """``set niceness 5 for``."""
        return f"set niceness {self.value} for"

    @property
    def fact(self) -> str:
        """``has niceness 5``."""
        return f"has niceness {self.value}"

    def on_thread(self, tid: int) -> None:
        """By setpriority."""
        os.setpriority(os.PRIO_PROCESS, tid, self.value)


class Nicer(Act, frozen=True):
    """Change the niceness by a step from what it is now."""

    step: int

    @property
    def wish(self) -> str:
        """``lower the niceness by 1 for``."""
        return f"{'raise' if self.step > 0 else 'lower'} the niceness by {abs(self.step)} for"

    @property
    def fact(self) -> str:
        """Its words once it is done are those of :meth:`at`."""
        return "has another niceness"

    def at(self, now: int) -> Nice:
        """The niceness that it leads to, within the kernel's range."""
        return Nice(min(19, max(-20, now + self.step)))


class Io(Act, frozen=True):
    """Set the I/O priority; the level 0 (first) to 7 counts within realtime and best-effort."""

    kind: IoClass
    level: int = 4

    @property
    def words(self) -> str:
        """``best-effort 4``, ``idle``."""
        if self.kind == "none":
            return "that of its niceness"
        return f"{self.kind} {self.level}" if self.kind in {"realtime", "best-effort"} else self.kind

    @property
    def wish(self) -> str:
        """``set I/O priority idle for``."""
        return f"set I/O priority {self.words} for"

    @property
    def fact(self) -> str:
        """``has I/O priority idle``."""
        return f"has I/O priority {self.words}"

    def on_thread(self, tid: int) -> None:
        """By the system call ioprio_set."""
        number = _IOPRIO_SET.get(platform.machine())
        if number is None:
            raise OSError(0, f"the system call is not known on {platform.machine()}")
        level = self.level if self.kind in {"realtime", "best-effort"} else 0
        value = _IO_CLASSES.index(self.kind) << _IOPRIO_CLASS_SHIFT | level
        if ctypes.CDLL(None, use_errno=True).syscall(number, _IOPRIO_WHO_PROCESS, tid, value) < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))


class Affinity(Act, frozen=True):
    """Let it run on these logical processors alone."""

    cpus: frozenset[int]

    @property
    def wish(self) -> str:
        """``keep to cpu 0-3,6:``."""
        return f"set affinity to cpu {ranges(self.cpus)} for"

    @property
    def fact(self) -> str:
        """``runs on cpu 0-3,6``."""
        return f"runs on cpu {ranges(self.cpus)}"

    def on_thread(self, tid: int) -> None:
        """By sched_setaffinity."""
        os.sched_setaffinity(tid, self.cpus)


def ranges(numbers: frozenset[int]) -> str:
    """``0-3,6``, as ``taskset -c`` writes it."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and parts[-1][-1] == number - 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ",".join("-".join(map(str, part)) for part in parts) or "none"
