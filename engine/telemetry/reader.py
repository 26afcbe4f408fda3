"""What a reader of one resource is, and the guard that lets it fail without costing the sample."""

from __future__ import annotations

from typing import ClassVar, Generic, Protocol, TypeVar

from msgspec import Struct

from engine.snapshot import (
    Battery,
    Cpu,
    Disk,
    Filesystem,
    Gpu,
    Host,
    Interface,
    Listener,
    Login,
    Memory,
    OpenFiles,
    Pressure,
    Process,
    Sensor,
    Tcp,
    Turnover,
)
from engine.text import inert

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Reader(Protocol[T_co]):
    """Reads one resource; keeps the counters of the reading before, from which rates are made."""

    def read(self, now: float) -> T_co:
        """Read the resource at ``now`` seconds of the monotonic clock; rates of the first reading are 0.

        Raises OSError where the source cannot be read, ValueError, LookupError or OverflowError where it is garbage.
        """

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be told in the newest reading and why, a sentence each."""


class Plain:
    """Base of readers that either read all or raise: nothing to note."""

    notes: ClassVar[tuple[str, ...]] = ()


class Nothing(Plain, Generic[T]):
    """Reads nothing and always says the same."""

    def __init__(self, value: T) -> None:
        self._value = value

    def read(self, now: float) -> T:
        """Raises nothing."""
        return self._value


class Background(Protocol):
    """A reader that asks its source in threads of its own."""

    def settle(self, timeout: float) -> object:
        """Wait up to ``timeout`` seconds for the first answers, after the first reading."""

    def close(self) -> None:
        """Let the threads end; one that hangs is left to die with the process."""


class Hardware(Struct, frozen=True):
    """What the node's chips and batteries say."""

    sensors: tuple[Sensor, ...] = ()
    battery: Battery | None = None


class Sockets(Struct, frozen=True):
    """What a scan of all sockets found."""

    listeners: tuple[Listener, ...] = ()
    states: tuple[tuple[str, int], ...] = ()
    """TCP connections by state, listeners left out."""
    partial: bool = False
    """There are more than were counted."""


class Readers(Struct, frozen=True, eq=False):
    """One reader of each resource of a node."""

    host: Reader[Host]
    uptime: Reader[float]
    cpu: Reader[Cpu]
    memory: Reader[Memory]
    pressure: Reader[Pressure]
    disks: Reader[tuple[Disk, ...]]
    filesystems: Reader[tuple[Filesystem, ...]]
    interfaces: Reader[tuple[Interface, ...]]
    gpus: Reader[tuple[Gpu, ...]]
    processes: Reader[tuple[Process, ...]]
    background: tuple[Background, ...] = ()
    """Those of the readers that have threads or files to be closed."""
    tcp: Reader[Tcp | None] | None = None
    """As those below ``None`` where this platform has no such reader."""
    sockets: Reader[Sockets] | None = None
    turnover: Reader[Turnover | None] | None = None
    hardware: Reader[Hardware] | None = None
    logins: Reader[tuple[Login, ...]] | None = None
    units: Reader[tuple[str, ...] | None] | None = None
    open_files: Reader[tuple[OpenFiles, ...]] | None = None


def reason(error: Exception) -> str:
    """Why a reading failed, as the tail of a sentence."""
    if isinstance(error, OSError) and error.strerror:
        where = f" ({inert(str(error.filename), 200)})" if error.filename is not None else ""
        return f"{error.strerror.lower()}{where}"
    return f"its source is not understood ({type(error).__name__}: {inert(str(error), 200)})"


class Guarded(Generic[T]):
    """A reader whose failure costs only its own resource: the last value stays, and a note says so."""

    def __init__(self, what: str, reader: Reader[T], empty: T) -> None:
        self._what = what
        self._reader = reader
        self._last = empty

    def read(self, now: float, notes: list[str]) -> T:
        """The resource at ``now``, or what it was before; sentences about it are added to ``notes``."""
        try:
            self._last = self._reader.read(now)
        except (OSError, ValueError, LookupError, OverflowError) as error:
            notes.append(f"{self._what} could not be read: {reason(error)}. The figures shown are older.")
        else:
            notes.extend(self._reader.notes)
        return self._last


def per_second(new: float, old: float, interval: float) -> float:
    """The rate of a counter; 0 when no time has passed or when the counter was reset or wrapped."""
    return (new - old) / interval if interval > 0 and new > old else 0.0


def share(part: float, whole: float) -> float:
    """Percent, held to 0..100; 0 of nothing."""
    return min(100.0, max(0.0, 100.0 * part / whole)) if whole > 0 else 0.0
