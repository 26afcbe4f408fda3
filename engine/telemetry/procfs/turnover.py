"""How many processes begin and end, by the kernel's events where they may be heard, else from its counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from engine.snapshot import Process, ShortLived, Turnover
from engine.telemetry.files import read_bytes
from engine.telemetry.procfs.proc_events import NAMED, ProcEvents
from engine.telemetry.reader import Plain, per_second
from engine.telemetry.roots import Roots

_FORKS = b"\nprocesses "


class TurnoverReader(Plain):
    """Begins to listen at its second reading: the first must be fast.

    Without events, births are ``processes`` of ``/proc/stat`` and deaths what of those is missing in the number of
    tasks of ``/proc/loadavg``: both count threads too. Named are then only those that were seen in one sample.
    """

    def __init__(
        self,
        roots: Roots,
        ended: Callable[[], tuple[Process, ...]],
        listen: Callable[[str], ProcEvents] = ProcEvents,
    ) -> None:
        """``ended`` gives the processes of the sample before that are no more."""
        self._proc = str(roots.proc)
        self._live = roots.live
        self._ended = ended
        self._listen = listen
        self._events: ProcEvents | None = None
        self._last: float | None = None
        self._before = (0, 0)

    def read(self, now: float) -> Turnover | None:
        """``None`` at the first reading. Raises OSError, or ValueError or LookupError for garbage."""
        last, self._last = self._last, now
        interval = now - last if last is not None else 0.0
        if self._events is not None:
            events = self._events.take()
            return Turnover(
                births_s=per_second(events.births, 0, interval),
                deaths_s=per_second(events.deaths, 0, interval),
                source="events",
                short_lived=events.short_lived,
                lost=events.lost,
            )
        if self._live and last is not None:
            self._live = False
            try:
                self._events = self._listen(self._proc)
            except OSError:  # not permitted, or this kernel has none: the counters have to do
                self._events = None
        return self._counted(interval)

    def settle(self, timeout: float) -> None:
        """There is nothing to wait for."""

    def close(self) -> None:
        """Stop listening."""
        if self._events is not None:
            self._events.close()
            self._events = None

    def _counted(self, interval: float) -> Turnover | None:
        raw = read_bytes(f"{self._proc}/stat")
        at = raw.find(_FORKS)
        if at < 0:
            return None
        forks = int(raw[at + len(_FORKS) :].split(None, 1)[0])
        tasks = int(read_bytes(f"{self._proc}/loadavg").split()[3].partition(b"/")[2])
        (old_forks, old_tasks), self._before = self._before, (forks, tasks)
        if interval <= 0:
            return None
        names: Counter[str] = Counter()
        parents: dict[str, int] = {}
        for process in self._ended():
            if process.cpu_seconds < 2 * interval and self._young(process, interval):
                names[process.name] += 1
                parents[process.name] = process.ppid
        return Turnover(
            births_s=per_second(forks, old_forks, interval),
            deaths_s=max(0.0, (forks - old_forks - (tasks - old_tasks)) / interval),
            source="counters",
            short_lived=tuple(ShortLived(name, n, parents[name]) for name, n in names.most_common(NAMED)),
        )

    def _young(self, process: Process, interval: float) -> bool:
        """It was born within the two intervals around the one sample that saw it."""
        uptime = float(read_bytes(f"{self._proc}/uptime").split(None, 1)[0])
        return uptime - process.started <= 2 * interval + 0.1
