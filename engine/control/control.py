"""Who may be touched, and what is told of it; how a process is held is for linux.py and portable.py."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from engine.control.acts import Act
from engine.control.outcome import Outcome, RefusalError, Target


class System(Protocol):
    """How this system names, guards and changes a process."""

    holds: bool
    """A signal reaches the very process that was compared."""

    def act(self, act: Act, target: Target) -> str:
        """Do it and return what has been done (``got SIGTERM``).

        Raises RefusalError where it is not to be done, OSError where the kernel says no.
        """

    def parent(self, pid: int) -> int:
        """The pid of its parent; 0 when it has none or has ended."""


class Control:
    """Acts on processes of this node.

    ``own`` is telltop itself: it and what it has started (the guard of the terminal among them) are spared. ``proc``
    is where procfs is mounted.
    """

    def __init__(self, own: int | None = None, proc: Path = Path("/proc"), system: System | None = None) -> None:
        self._own = os.getpid() if own is None else own
        self._system = system or _this_system(proc)
        self._turn = threading.Lock()

    @property
    def safe(self) -> bool:
        """A process is held while it is compared, so that its pid cannot be another's by the time of a signal."""
        return self._system.holds

    def apply(self, act: Act, targets: Iterable[Target]) -> list[Outcome]:
        """Do ``act`` to each of the targets, in their order; may take a while where there are many threads.

        One act after the other, whichever threads call: two steps of niceness asked for at once are two steps.
        """
        with self._turn:
            return [self._one(act, target) for target in targets]

    def _one(self, act: Act, target: Target) -> Outcome:
        try:
            self._spare(target)
            return Outcome(target, "done", f"{target} {self._system.act(act, target)}")
        except RefusalError as refusal:
            return Outcome(target, refusal.result, f"{target} {refusal.why}")
        except PermissionError:
            cure = "this container forbids it" if os.geteuid() == 0 else "run telltop as root"
            why = f"of {target.user}: this user may not {act.wish} it ({cure})"
            return Outcome(target, "not permitted", f"{target} {why}")
        except ProcessLookupError:
            return Outcome(target, "already gone", f"{target} has ended already")
        except OSError as error:
            return Outcome(target, "failed", f"{target}: the system could not {act.wish} it: {_reason(error)}")

    def _spare(self, target: Target) -> None:
        if target.pid <= 1:
            raise RefusalError("refused", "is what keeps the system up: telltop does not touch it")
        if target.pid == self._own:
            raise RefusalError("refused", "is telltop itself: leave it with q")
        if self._system.parent(target.pid) == self._own:
            raise RefusalError("refused", "is a part of telltop: it ends when telltop does")


def _reason(error: OSError) -> str:
    if error.errno == errno.EINVAL:
        return "the kernel does not take this value"
    return error.strerror or str(error)


def _this_system(proc: Path) -> System:
    if sys.platform == "linux":
        from engine.control.linux import Linux

        if Linux.usable():
            return Linux(proc)
    from engine.control.portable import Portable

    return Portable()
