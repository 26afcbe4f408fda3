"""Details of one process, read when somebody asks: dear, and never part of a sample.

May block: some of these files wait for the process's memory map, which a process in uninterruptible sleep may hold for
ever. Ask in a thread of its own. Every text has been made inert; every part that could not be read says why.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from engine.errors import TelemetryError
from engine.telemetry.files import read_bytes, read_text
from engine.telemetry.masking import masked, masked_words
from engine.telemetry.procfs.labels import NONE, Labels, labels
from engine.telemetry.procfs.sockets import address_of
from engine.telemetry.procfs.stat import Stat, parse
from engine.telemetry.reader import reason
from engine.telemetry.roots import Roots
from engine.text import inert

T = TypeVar("T")

MOST = 500
"""Rows of every list; what is beyond is counted."""
_TCP_STATES = {"01": "ESTAB", "06": "TIME-WAIT", "08": "CLOSE-WAIT", "0A": "LISTEN"}
_ROLLUP = re.compile(rb"^(Rss|Pss|Swap|Private_Clean|Private_Dirty):\s+(\d+) kB", re.MULTILINE)
_MAPPING = re.compile(
    rb"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+ *([^\n]*)\n(?:[A-Z][^\n]*\n)*?Rss:\s+(\d+) kB", re.MULTILINE
)


class Relative(Struct, frozen=True):
    """A parent, child or thread."""

    pid: int
    name: str
    state: str
    cpu_seconds: float


class OpenFile(Struct, frozen=True):
    """A descriptor and what it stands for."""

    number: int
    target: str


class Socket(Struct, frozen=True):
    """A socket of TCP or UDP."""

    protocol: str
    local: str
    remote: str
    state: str


class Limit(Struct, frozen=True):
    """A line of ``/proc/PID/limits``."""

    name: str
    soft: str
    hard: str
    unit: str


class MemoryUse(Struct, frozen=True):
    """Bytes, from ``smaps_rollup``."""

    rss_bytes: int
    pss_bytes: int
    """Its own pages and its share of those that others have too."""
    uss_bytes: int
    """Pages that nobody else has: what ending it frees."""
    swap_bytes: int


class Mapping(Struct, frozen=True):
    """Resident memory of all mappings of one file, or of one kind (``[heap]``, ``[anonymous]``)."""

    name: str
    rss_bytes: int


class Details(Struct, frozen=True):
    """All that can be told of one process; what could not be read is empty or ``None``, and ``missing`` says why."""

    pid: int
    started: float
    command: tuple[str, ...] = ()
    executable: str = ""
    folder: str = ""
    """Its working directory."""
    parents: tuple[Relative, ...] = ()
    """The nearest first."""
    children: tuple[Relative, ...] = ()
    threads: tuple[Relative, ...] = ()
    files: tuple[OpenFile, ...] = ()
    files_open: int | None = None
    files_limit: int | None = None
    sockets: tuple[Socket, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    """Values of secrets are masked."""
    limits: tuple[Limit, ...] = ()
    cgroup: str = ""
    labels: Labels = NONE
    oom_score: int | None = None
    """0..2000: the higher, the sooner the kernel kills it when memory is short."""
    oom_adjustment: int | None = None
    memory: MemoryUse | None = None
    mappings: tuple[Mapping, ...] = ()
    """The biggest first, at most 20."""
    waits_in: str = ""
    """The function of the kernel in which it sleeps."""
    missing: tuple[str, ...] = ()
    """A sentence for each part that could not be read."""


class GoneError(TelemetryError):
    """The process has ended; its pid may be another's now."""


def inspect(pid: int, started: float, roots: Roots | None = None) -> Details:
    """Everything about the process ``pid`` that began ``started`` seconds after boot (:class:`Process.started`).

    Raises GoneError where it has ended, also when it ends midway or somebody else has its pid.
    """
    look = _Look(pid, started, roots or Roots())
    look.check()
    details = look.details()
    look.check()
    return details


def memory_use(pid: int, started: float, roots: Roots | None = None) -> MemoryUse:
    """PSS, USS and swap alone. Raises GoneError as :func:`inspect`, TelemetryError where it may not be read."""
    look = _Look(pid, started, roots or Roots())
    look.check()
    try:
        use = look.memory()
    except (OSError, ValueError, LookupError) as error:
        raise TelemetryError(f"The memory of process {pid} cannot be read: {reason(error)}.") from error
    look.check()
    return use


class _Look:
    def __init__(self, pid: int, started: float, roots: Roots) -> None:
        self._pid = pid
        self._started = started
        self._proc = str(roots.proc)
        self._folder = f"{roots.proc}/{pid}"
        self._hertz = os.sysconf("SC_CLK_TCK")
        self._missing: list[str] = []

    def check(self) -> None:
        """Raises GoneError unless the pid still is that process's."""
        try:
            start = parse(read_bytes(f"{self._folder}/stat")).start / self._hertz
        except (OSError, ValueError):
            start = None
        if start is None or abs(start - self._started) > 0.5 / self._hertz:
            raise GoneError(f"Process {self._pid} has ended; choose another.")

    def details(self) -> Details:
        told = self._told
        no_files: tuple[tuple[int, ...], tuple[OpenFile, ...]] = ((), ())
        no_family: tuple[tuple[Relative, ...], tuple[Relative, ...]] = ((), ())
        no_limits: tuple[Limit, ...] = ()
        sockets, files = told("Open files", self._files, no_files)
        limits = told("Limits", self._limits, no_limits)
        most = next((limit.soft for limit in limits if limit.name == "Max open files"), "")
        cgroup = told("The cgroup", lambda: read_bytes(f"{self._folder}/cgroup"), b"")
        parents, children = told("Parents and children", self._family, no_family)
        wait = told("The wait channel", lambda: self._word("wchan"), "")
        return Details(
            pid=self._pid,
            started=self._started,
            command=told("The command line", self._command, ()),
            executable=told("The program", lambda: self._link("exe"), ""),
            folder=told("The working directory", lambda: self._link("cwd"), ""),
            parents=parents,
            children=children,
            threads=told("Threads", self._threads, ()),
            files=files[:MOST],
            files_open=len(files) or None,
            files_limit=int(most) if most.isdecimal() else None,
            sockets=told("Sockets", lambda: self._sockets(frozenset(sockets)), ()),
            environment=told("The environment", self._environment, ()),
            limits=limits,
            cgroup=inert(cgroup.decode("utf-8", "backslashreplace").strip().rpartition(":")[2], 512),
            labels=labels(cgroup),
            oom_score=told("The OOM score", lambda: self._number("oom_score"), None),
            oom_adjustment=told("The OOM adjustment", lambda: self._number("oom_score_adj"), None),
            memory=told("The memory", self.memory, None),
            mappings=told("The mappings", self._mappings, ()),
            waits_in="" if wait == "0" else wait,
            missing=tuple(self._missing),
        )

    def _told(self, what: str, read: Callable[[], T], otherwise: T) -> T:
        """A part, or ``otherwise`` and a sentence that says why."""
        try:
            return read()
        except (OSError, ValueError, LookupError) as error:
            self._missing.append(f"{what} could not be read: {reason(error)}.")
            return otherwise

    def _word(self, name: str) -> str:
        return inert(read_text(f"{self._folder}/{name}"), 256)

    def _number(self, name: str) -> int:
        return int(read_bytes(f"{self._folder}/{name}"))

    def _link(self, name: str) -> str:
        return _inert(os.fsencode(Path(f"{self._folder}/{name}").readlink()))

    def _command(self) -> tuple[str, ...]:
        words = read_bytes(f"{self._folder}/cmdline").rstrip(b"\0").split(b"\0")
        return masked_words([_inert(word) for word in words[:MOST] if word])

    def _environment(self) -> tuple[tuple[str, str], ...]:
        pairs = (entry.partition(b"=") for entry in read_bytes(f"{self._folder}/environ").split(b"\0") if entry)
        return tuple(sorted((_inert(key), masked(_inert(value), _inert(key))) for key, _, value in pairs))[:MOST]

    def _limits(self) -> tuple[Limit, ...]:
        rows = []
        for line in read_text(f"{self._folder}/limits").splitlines()[1:]:
            words = re.split(r"\s{2,}", line.strip())
            if len(words) >= 3:
                rows.append(Limit(*(inert(word, 64) for word in [*words, ""][:4])))
        return tuple(rows)

    def _files(self) -> tuple[tuple[int, ...], tuple[OpenFile, ...]]:
        """Inodes of its sockets, and every descriptor in order."""
        files, sockets = [], []
        for number in sorted(int(name) for name in os.listdir(f"{self._folder}/fd")):  # noqa: PTH208 - names are wanted
            try:
                target = self._link(f"fd/{number}")
            except FileNotFoundError:  # closed meanwhile
                continue
            if target.startswith("socket:["):
                sockets.append(int(target[8:-1]))
            files.append(OpenFile(number, target))
        return tuple(sockets), tuple(files)

    def _sockets(self, inodes: frozenset[int]) -> tuple[Socket, ...]:
        """Those of TCP and UDP, from the lists of its own network namespace."""
        found: list[Socket] = []
        for name in ("tcp", "tcp6", "udp", "udp6") if inodes else ():
            try:
                lines = read_bytes(f"{self._folder}/net/{name}").splitlines()[1:]
            except FileNotFoundError:
                continue
            for line in lines:
                words = line.split(None, 10)
                if int(words[9]) in inodes:
                    state = words[3].decode("ascii")
                    shown = _TCP_STATES.get(state, "") if name.startswith("tcp") else ""
                    found.append(Socket(name[:3], _endpoint(words[1]), _endpoint(words[2]), shown))
        return tuple(found[:MOST])

    def _stat(self, path: str) -> Stat:
        return parse(read_bytes(f"{path}/stat"))

    def _relative(self, pid: int, stat: Stat) -> Relative:
        return Relative(pid, _inert(stat.comm), inert(stat.state, 1), stat.ticks / self._hertz)

    def _family(self) -> tuple[tuple[Relative, ...], tuple[Relative, ...]]:
        """Parents up to init, and children: each process names its parent, and nothing names its children."""
        everybody: dict[int, Stat] = {}
        for name in os.listdir(self._proc):  # noqa: PTH208 - names are wanted
            if name.isdecimal():
                try:
                    everybody[int(name)] = self._stat(f"{self._proc}/{name}")
                except (OSError, ValueError):
                    continue
        parents: list[Relative] = []
        at = everybody[self._pid].ppid
        while at in everybody and len(parents) < MOST:
            parents.append(self._relative(at, everybody[at]))
            at = everybody[at].ppid
        children = [self._relative(pid, stat) for pid, stat in everybody.items() if stat.ppid == self._pid]
        return tuple(parents), tuple(sorted(children, key=lambda child: child.pid)[:MOST])

    def _threads(self) -> tuple[Relative, ...]:
        threads = []
        for name in sorted(os.listdir(f"{self._folder}/task"), key=int)[:MOST]:  # noqa: PTH208 - names are wanted
            try:
                threads.append(self._relative(int(name), self._stat(f"{self._folder}/task/{name}")))
            except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                continue
        return tuple(threads)

    def memory(self) -> MemoryUse:
        figures: Counter[bytes] = Counter()
        for key, kib in _ROLLUP.findall(read_bytes(f"{self._folder}/smaps_rollup")):
            figures[key] += int(kib) * 1024
        return MemoryUse(
            rss_bytes=figures[b"Rss"],
            pss_bytes=figures[b"Pss"],
            uss_bytes=figures[b"Private_Clean"] + figures[b"Private_Dirty"],
            swap_bytes=figures[b"Swap"],
        )

    def _mappings(self) -> tuple[Mapping, ...]:
        sums: Counter[bytes] = Counter()
        for name, kib in _MAPPING.findall(read_bytes(f"{self._folder}/smaps")):
            sums[name.strip() or b"[anonymous]"] += int(kib) * 1024
        return tuple(Mapping(_inert(name), size) for name, size in sums.most_common(20) if size)


def _endpoint(text: bytes) -> str:
    host, port = address_of(text)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _inert(raw: bytes) -> str:
    return inert(raw.decode("utf-8", "backslashreplace"), 4096)
