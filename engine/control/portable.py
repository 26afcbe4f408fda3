"""Elsewhere than on Linux, and where its pidfds are forbidden: psutil, which compares the start before each act."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.control.acts import Act, Affinity, Io, Nice, Nicer, Signal
from engine.control.outcome import RefusalError, Target

if TYPE_CHECKING:
    import psutil

_TOLERANCE_S = 1.5
"""psutil's boot time is whole seconds on some systems, and moves when the clock is set."""


class Portable:
    """Acts by psutil; what this system does not offer is refused."""

    holds = False

    def parent(self, pid: int) -> int:
        """See :meth:`System.parent`."""
        import psutil

        try:
            return int(psutil.Process(pid).ppid())
        except psutil.Error:
            return 0

    def act(self, act: Act, target: Target) -> str:
        """See :meth:`System.act`."""
        import psutil

        try:
            process = psutil.Process(target.pid)
            if abs(process.create_time() - psutil.boot_time() - target.started) > _TOLERANCE_S:
                raise RefusalError(
                    "recycled", "has ended, and its pid belongs to another process now: that one is left alone"
                )
            if process.status() == psutil.STATUS_ZOMBIE:
                raise RefusalError("already gone", "has ended already: it waits for its parent to take note")
            return _do(act, process)
        except psutil.NoSuchProcess as error:
            raise ProcessLookupError from error
        except psutil.AccessDenied as error:
            raise PermissionError from error
        except AttributeError as error:
            raise RefusalError("failed", f"is as before: this system offers no way to {act.wish} it") from error


def _do(act: Act, process: psutil.Process) -> str:
    if isinstance(act, Nicer):
        act = act.at(process.nice())
    match act:
        case Signal(number=number):
            process.send_signal(number)
        case Nice(value=value):
            process.nice(value)
        case Affinity(cpus=cpus):
            process.cpu_affinity(sorted(cpus))
        case Io():
            _ionice(act, process)
    return act.fact


def _ionice(act: Io, process: psutil.Process) -> None:
    classes = {"none": 0, "realtime": 1, "best-effort": 2, "idle": 3}
    if act.kind in {"realtime", "best-effort"}:
        process.ionice(classes[act.kind], act.level)
    else:
        process.ionice(classes[act.kind])
