"""Births and deaths of processes as they happen: the kernel's proc connector (Linux ``drivers/connector/cn_proc.c``).

It is a netlink socket; before Linux 6.6 only root may listen, and only outside of pid and user namespaces of its own.
The thread that listens never makes the sampler wait; when events come faster than they can be taken, the kernel drops
them and says so, and that is counted.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress

from msgspec import Struct

from engine.snapshot import ShortLived
from engine.text import inert

_FAMILY, _CONNECTOR = 16, 11  # AF_NETLINK, NETLINK_CONNECTOR
_PROC_GROUP = 1  # CN_IDX_PROC and CN_VAL_PROC
_DONE = 3  # NLMSG_DONE
_LISTEN, _IGNORE = 1, 2
_FORCED_BUFFER = 33  # SO_RCVBUFFORCE
_BUFFER = 2 * 2**20
_HEAD = struct.Struct("=IHHII IIIIHH")  # nlmsghdr, cn_msg
_EVENT = struct.Struct("=IIQ")  # what, cpu, timestamp of struct proc_event
_FORK, _EXEC, _EXIT = 1, 2, 0x80000000
_MOST_BORN = 20_000
"""Processes born and not yet ended whose birth is remembered; older ones count as long-lived."""
_MOST_NAMES = 300
"""Names that are read in an interval: what is counted beyond that has the name of its parent's program at best."""
NAMED = 10
_BATCH = 4096
_MANY, _REST_S = 16, 0.01
"""After more events than this at once the thread rests: waking for each costs more than some names are worth."""
_GONE_S = 1_000_000_000  # a process that lived a second or more is seen by a sample: it is not short-lived


class Events(Struct, frozen=True):
    """What happened since the events were taken before."""

    births: int
    deaths: int
    lost: int
    """How many times the kernel's buffer ran over."""
    short_lived: tuple[ShortLived, ...]


class Tally:
    """Counts events; one thread adds to it and another takes from it."""

    def __init__(self, proc: str) -> None:
        self._proc = proc
        self._lock = threading.Lock()
        self._born: dict[int, tuple[int, int, str]] = {}
        """By pid: nanosecond of birth, parent, name where it is known."""
        self._clear()

    def _clear(self) -> None:
        self._births = self._deaths = self._lost = self._read = 0
        self._ended: Counter[str] = Counter()
        self._parents: dict[str, int] = {}

    def take(self) -> Events:
        """What was counted, and begin anew."""
        with self._lock:
            short = tuple(
                ShortLived(name, count, self._parents.get(name)) for name, count in self._ended.most_common(NAMED)
            )
            events = Events(self._births, self._deaths, self._lost, short)
            self._clear()
            return events

    def overrun(self) -> None:
        """The kernel dropped events."""
        with self._lock:
            self._lost += 1

    def add(self, message: bytes) -> None:
        """One message of the connector; those of threads and those of other kinds count nothing."""
        if len(message) < _HEAD.size + _EVENT.size + 16:
            return
        what, _, at = _EVENT.unpack_from(message, _HEAD.size)
        first, second, third, fourth = struct.unpack_from("=IIII", message, _HEAD.size + _EVENT.size)
        with self._lock:
            if what == _FORK and third == fourth:  # a thread has a pid of its own and the group's tgid
                self._births += 1
                if len(self._born) >= _MOST_BORN:
                    self._born.clear()
                self._born[third] = (at, second, self._inherited(second))
            elif what == _EXEC and second in self._born:
                born, parent, name = self._born[second]
                self._born[second] = (born, parent, self._name(second) or name)
            elif what == _EXIT and first == second:
                self._deaths += 1
                self._end(second, at)

    def _inherited(self, parent: int) -> str:
        known = self._born.get(parent)
        return known[2] if known else ""

    def _end(self, pid: int, at: int) -> None:
        born, parent, name = self._born.pop(pid, (0, 0, ""))
        if born and at - born < _GONE_S:
            name = name or self._name(parent) or "?"  # without an exec it is its parent's program
            self._ended[name] += 1
            self._parents[name] = parent

    def _name(self, pid: int) -> str:
        """The name of a process that may be gone already."""
        if self._read >= _MOST_NAMES:
            return ""
        self._read += 1
        try:
            descriptor = os.open(f"{self._proc}/{pid}/comm", os.O_RDONLY)
        except OSError:
            return ""
        try:
            return inert(os.read(descriptor, 64).rstrip(b"\n").decode("utf-8", "backslashreplace"))
        except OSError:
            return ""
        finally:
            os.close(descriptor)


class ProcEvents:
    """Listens in a daemon thread until it is closed."""

    def __init__(self, proc: str = "/proc") -> None:
        """Raises OSError where this user, kernel or namespace may not listen."""
        self._tally = Tally(proc)
        self._socket = socket.socket(_FAMILY, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _CONNECTOR)
        try:
            self._socket.bind((0, _PROC_GROUP))
            with suppress(OSError):  # only root may have so large a buffer; the usual one serves
                self._socket.setsockopt(socket.SOL_SOCKET, _FORCED_BUFFER, _BUFFER)
            self._ask(_LISTEN)
            self._acknowledged()
        except OSError:
            self._socket.close()
            raise
        self._socket.setblocking(False)
        self._bell = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="telltop-events", daemon=True)
        self._thread.start()

    def take(self) -> Events:
        """What happened since this was asked before. Never blocks longer than one event takes to be counted."""
        return self._tally.take()

    def close(self) -> None:
        """End the thread."""
        os.eventfd_write(self._bell, 1)
        self._thread.join()
        os.close(self._bell)

    def _ask(self, operation: int) -> None:
        size = _HEAD.size + 4
        self._socket.send(
            _HEAD.pack(size, _DONE, 0, 0, 0, _PROC_GROUP, _PROC_GROUP, 0, 0, 4, 0) + struct.pack("=I", operation)
        )

    def _acknowledged(self) -> None:
        """The kernel answers to a listener with an event of kind 0 that carries an errno; in a namespace it is mute."""
        self._socket.settimeout(0.2)
        for _ in range(1000):
            message = self._socket.recv(4096)
            what = _EVENT.unpack_from(message, _HEAD.size)[0]
            if what == 0:
                (error,) = struct.unpack_from("=I", message, _HEAD.size + _EVENT.size)
                if error:
                    raise OSError(error, os.strerror(error))
                break

    def _run(self) -> None:
        waiting = select.poll()
        waiting.register(self._socket, select.POLLIN)
        waiting.register(self._bell, select.POLLIN)
        with self._socket:
            while all(number != self._bell for number, _ in waiting.poll()):
                if self._drain() > _MANY:
                    time.sleep(_REST_S)
            with suppress(OSError):
                self._ask(_IGNORE)

    def _drain(self) -> int:
        """Count what has come; how many."""
        for count in range(_BATCH):
            try:
                self._tally.add(self._socket.recv(4096))
            except BlockingIOError:
                return count
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._tally.overrun()
        return _BATCH
