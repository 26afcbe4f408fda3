"""Linux: a pidfd (pidfd_open(2)) holds a process while its start is compared: a recycled pid is never hit."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.control.acts import Act, Nicer, Signal
from engine.control.outcome import RefusalError, Target
from engine.telemetry.procfs.stat import KERNEL_THREAD, Stat, parse

_TICK = 1 / os.sysconf("SC_CLK_TCK")
_ENDED = "has ended already"
_RECYCLED = "has ended, and its pid belongs to another process now: that one is left alone"


class Linux:
    """Acts by pidfd where the kernel takes one, and by thread where it does not."""

    holds = True

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc

    @staticmethod
    def usable() -> bool:
        """The kernel has pidfds (5.3) and nothing, such as an old seccomp filter, forbids them."""
        try:
            os.close(os.pidfd_open(os.getpid()))
        except OSError:
            return False
        return True

    def parent(self, pid: int) -> int:
        """See :meth:`System.parent`."""
        try:
            return self._stat(pid).ppid
        except OSError:
            return 0

    def act(self, act: Act, target: Target) -> str:
        """See :meth:`System.act`."""
        with self._held(target) as (handle, stat):
            if isinstance(act, Signal):
                signal.pidfd_send_signal(handle, act.number)
                return act.fact + _afterthought(act.number, stat.state)
            if isinstance(act, Nicer):
                act = act.at(os.getpriority(os.PRIO_PROCESS, target.pid))
            self._on_threads(act, target)
            # These calls know no pidfd. Had the process ended since it was compared, its number could have been given
            # away: then this is said, and not that it was done.
            if select.select([handle], [], [], 0)[0]:
                raise RefusalError("already gone", "has ended meanwhile")
            return act.fact

    @contextmanager
    def _held(self, target: Target) -> Iterator[tuple[int, Stat]]:
        """A pidfd of the target and its state now. Raises RefusalError if it is not the process that was seen."""
        handle = os.pidfd_open(target.pid)
        try:
            # The pidfd is that of whoever has the number now; read after it was opened, the start time is of the same
            # process or of a later one.
            stat = self._stat(target.pid)
            if abs(stat.start * _TICK - target.started) > _TICK / 2:
                raise RefusalError("recycled", _RECYCLED)
            if stat.state in "ZX" and stat.threads <= 1:
                raise RefusalError("already gone", f"{_ENDED}: it waits for its parent ({stat.ppid}) to take note")
            if stat.flags & KERNEL_THREAD:
                raise RefusalError("refused", "is a thread of the kernel: it is not a process that could be changed")
            yield handle, stat
        finally:
            os.close(handle)

    def _on_threads(self, act: Act, target: Target) -> None:
        """Do it to every thread, those included that begin meanwhile; an error counts once all have been tried."""
        done: set[int] = set()
        trouble: OSError | None = None
        while fresh := self._threads(target.pid) - done:
            for tid in fresh:
                try:
                    act.on_thread(tid)
                except ProcessLookupError:
                    pass  # this thread has ended
                except OSError as error:
                    trouble = error
            done |= fresh
            if trouble is not None:
                raise trouble

    def _threads(self, pid: int) -> set[int]:
        try:
            return {int(name) for name in os.listdir(self._proc / str(pid) / "task")}  # noqa: PTH208 - names are wanted
        except FileNotFoundError as error:
            raise ProcessLookupError from error

    def _stat(self, pid: int) -> Stat:
        try:
            return parse((self._proc / str(pid) / "stat").read_bytes())
        except (FileNotFoundError, ValueError) as error:
            raise ProcessLookupError from error


def _afterthought(number: signal.Signals, state: str) -> str:
    """Why a signal that was delivered may show no effect yet."""
    if number in {signal.SIGCONT, signal.SIGSTOP}:
        return ""
    if state == "D":
        return ", and heeds it once the device or file system that it waits for answers"
    if state in "Tt" and number is not signal.SIGKILL:
        return ", and heeds it once it goes on: it is stopped (SIGCONT)"
    return ""
