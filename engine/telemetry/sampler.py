"""One sample of the node after the other."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from msgspec.structs import replace

from engine.snapshot import Cpu, Host, Memory, Pressure, SelfUse, Snapshot
from engine.telemetry.gpus.shares import Shares
from engine.telemetry.reader import Guarded, Hardware, Nothing, Reader, Readers, Sockets
from engine.telemetry.roots import Roots
from engine.telemetry.self_use import SelfReader
from engine.telemetry.source import readers as platform_readers

T = TypeVar("T")

SHORTEST_S, LONGEST_S = 0.2, 60.0
"""Bounds of the sampler thread's interval."""
_APART_S = 0.1
"""Two samples closer than this would have nothing but noise for rates: a clock tick is 0.01 s."""
_SETTLE_S = 2.0

_NO_HOST = Host("?", "?", 0, 0)
_NO_CPU = Cpu(0.0, (), 0.0, 0.0, 0.0, 0.0, (0.0, 0.0, 0.0), 0, 0)
_NO_MEMORY = Memory(0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0, 0.0)


class Sampler:
    """Takes samples; belongs to one thread.

    The first sample primes the counters: every rate and every share of an interval in it is 0. A resource that
    cannot be read costs a note in the snapshot and keeps its last value; nothing else is lost.
    ``clock`` is monotonic seconds, ``wall`` seconds since the epoch.
    """

    def __init__(
        self,
        roots: Roots | None = None,
        readers: Readers | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Raises TelemetryError where the node cannot be sampled at all."""
        readers = readers or platform_readers(roots or Roots())
        self._clock = clock
        self._wall = wall
        self._sequence = 0
        self._last: float | None = None
        self._background = readers.background
        self._shares = Shares()
        self._host = Guarded("The node's name", readers.host, _NO_HOST)
        self._uptime = Guarded("Uptime", readers.uptime, 0.0)
        self._cpu = Guarded("Processor use", readers.cpu, _NO_CPU)
        self._memory = Guarded("Memory", readers.memory, _NO_MEMORY)
        self._pressure = Guarded("Pressure", readers.pressure, Pressure())
        self._disks = Guarded("Disk use", readers.disks, ())
        self._filesystems = Guarded("File systems", readers.filesystems, ())
        self._interfaces = Guarded("Network use", readers.interfaces, ())
        self._gpus = Guarded("GPUs", readers.gpus, ())
        self._processes = Guarded("Processes", readers.processes, ())
        self._tcp = _optional("TCP", readers.tcp, None)
        self._sockets = _optional("Sockets", readers.sockets, Sockets())
        self._turnover = _optional("Births of processes", readers.turnover, None)
        self._hardware = _optional("Sensors", readers.hardware, Hardware())
        self._logins = _optional("Logins", readers.logins, ())
        self._units = _optional("Systemd's units", readers.units, None)
        self._open_files = _optional("Open files", readers.open_files, ())
        self._self_use = Guarded("telltop's own use", SelfReader(), SelfUse(0, 0.0, 0))

    def sample(self) -> Snapshot:
        """Read everything now. Each reader is given the moment at which it begins, from which it makes its rates."""
        clock = self._clock
        notes: list[str] = []
        monotonic, wall = clock(), self._wall()
        last, self._last = self._last, monotonic
        self._sequence += 1
        processes = self._processes.read(clock(), notes)
        cpu = self._cpu.read(clock(), notes)
        memory = self._memory.read(clock(), notes)
        pressure = self._pressure.read(clock(), notes)
        disks = self._disks.read(clock(), notes)
        interfaces = self._interfaces.read(clock(), notes)
        filesystems = self._filesystems.read(clock(), notes)
        host = self._host.read(clock(), notes)
        uptime = self._uptime.read(clock(), notes)
        self_use = self._self_use.read(clock(), notes)
        tcp = self._tcp.read(clock(), notes)
        sockets = self._sockets.read(clock(), notes)
        turnover = self._turnover.read(clock(), notes)
        hardware = self._hardware.read(clock(), notes)
        logins = self._logins.read(clock(), notes)
        units = self._units.read(clock(), notes)
        open_files = self._open_files.read(clock(), notes)
        gpus = self._gpus.read(clock(), notes)  # last, for it may wait a blink
        return Snapshot(
            sequence=self._sequence,
            time=wall,
            monotonic=monotonic,
            interval_s=monotonic - last if last is not None else 0.0,
            uptime_s=uptime,
            host=host,
            cpu=cpu,
            memory=memory,
            pressure=pressure,
            disks=disks,
            filesystems=filesystems,
            interfaces=interfaces,
            gpus=gpus,
            processes=self._shares.merged(processes, gpus),
            self_use=self_use,
            sample_s=clock() - monotonic,
            notes=tuple(notes),
            tcp=replace(tcp, states=sockets.states, states_partial=sockets.partial) if tcp is not None else None,
            listeners=sockets.listeners,
            turnover=turnover,
            sensors=hardware.sensors,
            battery=hardware.battery,
            logins=logins,
            failed_units=units,
            open_files=open_files,
        )

    def settle(self, timeout: float) -> None:
        """After a first sample, wait up to ``timeout`` seconds for sources that are read apart: GPUs, file systems."""
        deadline = self._clock() + timeout
        for background in self._background:
            background.settle(max(0.0, deadline - self._clock()))

    def close(self) -> None:
        """Let the threads of those sources end; call it once no more samples are taken."""
        for background in self._background:
            background.close()


def _optional(what: str, reader: Reader[T] | None, empty: T) -> Guarded[T]:
    """A reader that this platform may lack: its resource is then empty for good."""
    return Guarded(what, reader or Nothing(empty), empty)


def sample_once(interval: float = 0.5, roots: Roots | None = None) -> Snapshot:
    """One snapshot with real rates, from two readings ``interval`` seconds apart.

    Sources that are slow to answer for the first time (a GPU's driver) are waited for, at most 2 s.
    Raises TelemetryError where the node cannot be sampled at all.
    """
    sampler = Sampler(roots)
    try:
        begun = time.monotonic()
        sampler.sample()
        sampler.settle(_SETTLE_S)
        time.sleep(max(0.0, begun + interval - time.monotonic()))
        return sampler.sample()
    finally:
        sampler.close()


class SamplerThread:
    """Samples steadily in a daemon thread of its own and hands each snapshot to ``on_snapshot``, in that thread.

    The first sample only primes the counters and is not published; the second follows after ``first_interval``, so
    that a screen has real figures soon; from then on samples are ``interval`` seconds apart, on deadlines of the
    monotonic clock: they do not drift, and after a delay the missed ones are skipped. ``on_snapshot`` must not block.
    """

    def __init__(
        self,
        on_snapshot: Callable[[Snapshot], None],
        interval: float = 1.0,
        first_interval: float = 0.15,
        sampler: Sampler | None = None,
    ) -> None:
        """Raises TelemetryError where the node cannot be sampled at all, ValueError for an interval out of bounds."""
        self._on_snapshot = on_snapshot
        self._interval = _checked(interval)
        self._first_interval = first_interval
        self._sampler = sampler or Sampler()
        self._woken = threading.Condition()
        self._base: float | None = None
        """The deadline of the newest published sample."""
        self._deadline = 0.0
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="telltop-sampler", daemon=True)

    def start(self) -> None:
        """Begin; returns at once. A sampler is started once."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns when the thread has ended, which takes no longer than the sample under way."""
        with self._woken:
            self._stopped = True
            self._woken.notify()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()

    @property
    def interval(self) -> float:
        """Seconds between two samples, 0.2..60; setting it takes effect at once. Raises ValueError out of bounds."""
        return self._interval

    @interval.setter
    def interval(self, seconds: float) -> None:
        with self._woken:
            self._interval = _checked(seconds)
            if self._base is not None:  # the first samples come soon, whatever the interval
                self._deadline = self._base + seconds
            self._woken.notify()

    def sample_now(self) -> None:
        """Sample as soon as rates can be told; the next one follows after a whole interval. Any thread may call it."""
        with self._woken:
            self._deadline = min(self._deadline, time.monotonic())
            self._woken.notify()

    def _run(self) -> None:
        try:
            taken = time.monotonic()
            self._sampler.sample()
            with self._woken:
                self._deadline = taken + self._first_interval
            while self._wait(taken + _APART_S):
                taken = time.monotonic()
                snapshot = self._sampler.sample()
                self._plan_after(taken)
                self._on_snapshot(snapshot)
        finally:
            self._sampler.close()

    def _wait(self, not_before: float) -> bool:
        """Sleep until the next sample is due; false if the thread is to end."""
        with self._woken:
            while not self._stopped:
                left = max(self._deadline, not_before) - time.monotonic()
                if left <= 0:
                    return True
                self._woken.wait(left)
            return False

    def _plan_after(self, taken: float) -> None:
        with self._woken:
            self._base = newest_deadline(self._deadline, taken, self._interval)
            self._deadline = self._base + self._interval


def newest_deadline(met: float, taken: float, interval: float) -> float:
    """Of the deadlines that follow ``met`` every ``interval`` seconds the last one that is not after ``taken``.

    Those between the two were missed and are not made up for.
    """
    return met + max(0, math.floor((taken - met) / interval)) * interval


def _checked(seconds: float) -> float:
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise ValueError(f"the interval between samples is {SHORTEST_S} to {LONGEST_S:.0f} seconds, not {seconds}")
    return seconds
