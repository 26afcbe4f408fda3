"""Every process of the node, from ``/proc/PID``: the dearest part of a sample, and therefore tiered.

Each pass reads one ``stat`` of each process. A process that did nothing is recognized by its bytes and keeps the very
same :class:`Process`; nothing of it is parsed. The file stays open between passes as far as :mod:`kept` allows. User,
command line and cgroup are read once for each (pid, start), and again when the name changes (an exec); ``io`` is read
only for a process whose processor time has grown.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty
from sys import intern

from msgspec.structs import replace

from engine.snapshot import Process
from engine.telemetry.procfs.host import boot_clock
from engine.telemetry.procfs.kept import Kept
from engine.telemetry.procfs.labels import NONE, Labels, labels
from engine.telemetry.procfs.stat import KERNEL_THREAD, Stat, parse
from engine.telemetry.procfs.users import Users
from engine.telemetry.reader import per_second
from engine.telemetry.roots import Roots
from engine.text import inert

COMMAND_LIMIT = 512
_STAT_BYTES = 1024  # a line has 52 numbers at most; those that are used stand in its first half
_CGROUP_BYTES = 8192
_MOST_GROUPS = 4096
_YOUNG_S = 1.0
"""Between fork and exec, and until it drops root's rights, a process shows its parent's command and user."""
_HIDDEN = "Processes of other users are hidden from this user; run telltop as root to see them."


class _Known:
    """What is kept of a process between two passes."""

    __slots__ = ("at", "comm", "denied", "io", "kept", "process", "raw", "settled", "start", "still", "ticks", "uid")

    def __init__(self, raw: bytes, stat: Stat, process: Process, uid: int, settled: bool) -> None:
        self.kept = -1
        """The open file of its line; -1 if it is opened anew each time."""
        self.at = 0.0
        """When it was read last: late in a long pass, or early."""
        self.raw = raw
        self.comm = stat.comm
        self.start = stat.start
        self.ticks = stat.ticks
        self.process = process
        self.uid = uid
        self.settled = settled
        """User and command line are as they will stay."""
        self.still = False
        """No rate is shown, so that equal bytes mean an equal process."""
        self.io: tuple[float, int, int] | None = None
        """When its I/O was read last, bytes read and bytes written."""
        self.denied = False
        """Its I/O may not be read."""


class ProcessReader:
    """Reads all processes; of the first reading every rate is 0."""

    def __init__(
        self,
        roots: Roots,
        users: Users | None = None,
        since_boot: Callable[[], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
        keep: int = 0,
    ) -> None:
        """At most ``keep`` files stay open; of a recorded tree none may, for its files outlive their processes."""
        self._proc = str(roots.proc)
        self._users = users or Users()
        self._since_boot = since_boot or boot_clock(roots)
        self._clock = clock
        self._hertz = os.sysconf("SC_CLK_TCK")
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._known: dict[str, _Known] = {}
        self._labels: dict[bytes, Labels] = {}
        self._kept = Kept(keep)
        self._last: float | None = None
        self.notes: tuple[str, ...] = ()
        self.ended: tuple[Process, ...] = ()
        """Those of the reading before that are no more."""
        # of the pass under way
        self._folder = -1
        self._shift = 0.0
        """What the moment that the sampler gave is ahead of the clock."""
        self._boot = 0.0
        """What seconds since boot are ahead of that moment."""
        self._denied = self._garbled = self._met_now = 0

    def read(self, now: float) -> tuple[Process, ...]:
        """In order of pid, as the kernel lists them. Raises OSError where /proc cannot be listed."""
        self._shift = now - self._clock()
        self._boot = self._since_boot() - now
        self._forget_numbers()
        self._folder = os.open(self._proc, os.O_RDONLY | os.O_DIRECTORY)
        try:
            processes = self._pass()
        finally:
            os.close(self._folder)
        self._last = now
        return processes

    def _pass(self) -> tuple[Process, ...]:
        """The hot loop: local names, one system call more or less is felt at ten thousand processes."""
        before, clock, shift, pread = self._known, self._clock, self._shift, os.pread
        known: dict[str, _Known] = {}
        processes: list[Process] = []
        self._denied = self._garbled = self._met_now = 0
        for pid in os.listdir(self._folder):  # noqa: PTH208 - of an open folder
            if not pid.isdecimal():
                continue
            entry = before.get(pid)
            try:
                if entry is not None and entry.kept >= 0:
                    raw = pread(entry.kept, _STAT_BYTES, 0)
                else:
                    raw = self._file(f"{pid}/stat", _STAT_BYTES)
            except (FileNotFoundError, ProcessLookupError):
                if entry is None or entry.kept < 0:
                    continue  # it has ended since it was listed
                entry, raw = None, self._heir(pid)
            except PermissionError:
                self._denied += 1
                continue
            now = clock() + shift
            if entry is None or entry.raw != raw or not entry.still:
                entry = self._looked_at(pid, raw, entry, now)
                if entry is None:
                    continue
            entry.at = now
            known[pid] = entry
            processes.append(entry.process)
        self._end(before, known)
        self._known = known
        self._note(hidden=bool(self._denied) or "1" not in known, garbled=self._garbled)
        return tuple(processes)

    def _heir(self, pid: str) -> bytes:
        """The line of who has the pid of a process that ended; empty where nobody has."""
        try:
            return self._file(f"{pid}/stat", _STAT_BYTES)
        except OSError:
            return b""

    def _looked_at(self, pid: str, raw: bytes, entry: _Known | None, now: float) -> _Known | None:
        """What is to be kept of a process that did something, or is new; ``None`` if it has ended meanwhile."""
        if not raw:
            return None
        try:
            looked_at = self._renewed(int(pid), raw, entry, now)
        except ValueError:
            self._garbled += 1
            return None
        except (FileNotFoundError, ProcessLookupError):
            return None
        if looked_at is not entry:
            self._met_now += 1
        if looked_at.kept < 0 < self._kept.left:
            # what is opened here under a pid that was recycled this moment shows another start at the next pass
            with suppress(OSError):
                looked_at.kept = self._kept.keep(os.open(f"{pid}/stat", os.O_RDONLY, dir_fd=self._folder))
        return looked_at

    def close(self) -> None:
        """Close the files that were kept open."""
        for entry in self._known.values():
            self._release(entry)
        self._known = {}

    def __del__(self) -> None:
        self.close()

    def settle(self, timeout: float) -> None:
        """There is nothing to wait for."""

    def _release(self, entry: _Known) -> None:
        if entry.kept >= 0:
            self._kept.close(entry.kept)
            entry.kept = -1

    def _end(self, before: dict[str, _Known], known: dict[str, _Known]) -> None:
        if not self._met_now and len(known) == len(before):
            self.ended = ()
            return
        ended = [entry for pid, entry in before.items() if known.get(pid) is not entry]
        for entry in ended:
            self._release(entry)
        self.ended = tuple(entry.process for entry in ended)

    def _note(self, hidden: bool, garbled: int) -> None:
        notes = (_HIDDEN,) if hidden else ()
        self.notes = (*notes, f"The kernel's line of {garbled} processes is not understood.") if garbled else notes

    def _renewed(self, pid: int, raw: bytes, entry: _Known | None, now: float) -> _Known:
        stat = parse(raw)
        if entry is None or entry.start != stat.start:
            return self._met(pid, raw, stat, now)
        old = entry.process
        user, command, belongs = old.user, old.command, None
        if entry.comm != stat.comm or not entry.settled:
            renamed = entry.comm != stat.comm
            entry.comm, entry.settled = stat.comm, self._settled(stat, now)
            entry.uid = os.stat(str(pid), dir_fd=self._folder).st_uid
            user = self._users.name(entry.uid)
            command = self._command(pid, stat) or ("" if renamed else command)
            belongs = self._belongs(pid, stat)
        grown = max(0, stat.ticks - entry.ticks)
        read, written = self._io(pid, entry, now) if grown else (None, None)
        percent = 100.0 * per_second(grown / self._hertz, 0.0, now - entry.at)
        belongs = belongs or Labels(old.container, old.runtime, old.pod, old.unit)
        process = self._process(pid, stat, user, command, belongs, percent, read, written)
        entry.raw, entry.ticks = raw, stat.ticks
        entry.still = not grown and entry.settled
        if process != old:
            entry.process = process
        return entry

    def _met(self, pid: int, raw: bytes, stat: Stat, now: float) -> _Known:
        """A process that is new, or a new one under a recycled pid.

        If it was born within the interval all its time falls into it, and counts over the time that it lived, so that
        short-lived ones show. If it was there before but hidden, nothing is known of this interval.
        """
        uid = os.stat(str(pid), dir_fd=self._folder).st_uid  # the owner of its folder: its effective uid
        tick = 1.0 / self._hertz
        lived = max(self._boot + now - stat.start * tick, tick)
        born = self._last is not None and lived <= now - self._last + tick
        percent = 100.0 * stat.ticks / (self._hertz * lived) if born else 0.0
        command, belongs = self._command(pid, stat), self._belongs(pid, stat)
        process = self._process(pid, stat, self._users.name(uid), command, belongs, percent, None, None)
        entry = _Known(raw, stat, process, uid, self._settled(stat, now))
        if born:
            entry.io = (now - lived, 0, 0)
        if born and stat.ticks:
            read, written = self._io(pid, entry, now)
            entry.process = replace(process, read_bytes_s=read, write_bytes_s=written)
        entry.still = entry.settled and entry.process.cpu_percent == 0
        return entry

    def _process(
        self,
        pid: int,
        stat: Stat,
        user: str,
        command: str,
        belongs: Labels,
        percent: float,
        read: float | None,
        written: float | None,
    ) -> Process:
        name = intern(inert(stat.comm.decode("utf-8", "backslashreplace")))
        return Process(
            pid=pid,
            ppid=stat.ppid,
            name=name,
            user=user,
            state=intern(stat.state),
            cpu_percent=percent,
            rss_bytes=max(0, stat.rss_pages) * self._page,
            threads=stat.threads,
            nice=stat.nice,
            cpu_seconds=stat.ticks / self._hertz,
            started=stat.start / self._hertz,
            command=command or name,
            kernel=bool(stat.flags & KERNEL_THREAD),
            read_bytes_s=read,
            write_bytes_s=written,
            container=belongs.container,
            runtime=belongs.runtime,
            pod=belongs.pod,
            unit=belongs.unit,
        )

    def _settled(self, stat: Stat, now: float) -> bool:
        """Its user and its command line, as far as they can be read, are as they will stay."""
        return stat.state != "D" and self._boot + now - stat.start / self._hertz >= _YOUNG_S

    def _command(self, pid: int, stat: Stat) -> str:
        """The command line, empty where it has none.

        Of a process in uninterruptible sleep it is not read: the reader would wait for the same lock as the process
        (its memory map's), which is how ``ps`` comes to hang on a node with a dead file server.
        """
        if stat.state == "D" or stat.flags & KERNEL_THREAD:
            return ""
        try:
            raw = self._file(f"{pid}/cmdline", 4 * COMMAND_LIMIT)
        except OSError:
            return ""
        text = raw.rstrip(b"\0 ").replace(b"\0", b" ").decode("utf-8", "backslashreplace")
        return intern(inert(text, COMMAND_LIMIT))

    def _belongs(self, pid: int, stat: Stat) -> Labels:
        if stat.flags & KERNEL_THREAD:
            return NONE
        try:
            raw = self._file(f"{pid}/cgroup", _CGROUP_BYTES)
        except OSError:
            return NONE
        known = self._labels.get(raw)
        if known is None:
            if len(self._labels) >= _MOST_GROUPS:
                self._labels.clear()
            known = self._labels[raw] = labels(raw)
        return known

    def _io(self, pid: int, entry: _Known, now: float) -> tuple[float | None, float | None]:
        """Bytes per second that reached storage, since its I/O was read last; ``None`` when not known."""
        if entry.denied:
            return None, None
        try:
            figures = dict(line.split(b": ", 1) for line in self._file(f"{pid}/io", 4096).splitlines())
            new = (now, int(figures[b"read_bytes"]), int(figures[b"write_bytes"]))
        except PermissionError:
            entry.denied = True
            return None, None
        except (OSError, KeyError, ValueError):  # it has ended, or the kernel was built without this accounting
            return None, None
        old, entry.io = entry.io, new
        if old is None:
            return None, None
        return per_second(new[1], old[1], new[0] - old[0]), per_second(new[2], old[2], new[0] - old[0])

    def _file(self, path: str, limit: int) -> bytes:
        descriptor = os.open(path, os.O_RDONLY, dir_fd=self._folder)
        try:
            return os.read(descriptor, limit)
        finally:
            os.close(descriptor)

    def _forget_numbers(self) -> None:
        """Processes that show a number for their user get the name once the name service has told it."""
        answered = set()
        while True:
            try:
                answered.add(self._users.answered.get_nowait())
            except Empty:
                break
        for entry in self._known.values() if answered else ():
            if entry.uid in answered:
                entry.process = replace(entry.process, user=self._users.name(entry.uid))
