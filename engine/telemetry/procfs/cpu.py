"""Processor use, from ``/proc/stat`` and ``/proc/loadavg`` (see proc(5))."""

from __future__ import annotations

from msgspec import Struct

from engine.snapshot import Core, Cpu
from engine.telemetry.files import read_bytes
from engine.telemetry.procfs.limits import QuotaReader
from engine.telemetry.procfs.sensors import SensorReader
from engine.telemetry.reader import Plain, per_second, share
from engine.telemetry.roots import Roots

_USER, _NICE, _SYSTEM, _IDLE, _IOWAIT, _IRQ, _SOFTIRQ, _STEAL = range(8)
_COUNTERS = (b"ctxt ", b"intr ", b"processes ", b"procs_running ", b"procs_blocked ")
Ticks = tuple[int, ...]
"""The eight times above. Guest time is left out: the kernel counts it within user time already."""


class Times(Struct, frozen=True):
    """What ``/proc/stat`` says, times in clock ticks since boot."""

    total: Ticks
    cores: dict[int, Ticks]
    """By the number of the core; only those that are online."""
    running: int
    blocked: int
    switches: int | None = None
    """Context switches since boot, as the two below ``None`` where the kernel does not count them."""
    interrupts: int | None = None
    forks: int | None = None


def parse(raw: bytes) -> Times:
    """Raises ValueError for garbage."""
    total: Ticks = ()
    cores = {}
    counters: dict[bytes, int] = {}
    for line in raw.splitlines():
        if line.startswith(b"cpu"):
            name, *words = line.split()
            ticks = tuple(int(word) for word in words[:8])
            ticks += (0,) * (8 - len(ticks))  # kernels before 2.6.11 know no steal time
            if name == b"cpu":
                total = ticks
            else:
                cores[int(name[3:])] = ticks
        elif line.startswith(_COUNTERS):  # of the interrupts only their sum, which stands first
            name, figure, *_ = line.split(None, 2)
            counters[name] = int(figure)
    if not total:
        raise ValueError("stat has no line of cpu")
    return Times(
        total,
        cores,
        running=counters.get(b"procs_running", 0),
        blocked=counters.get(b"procs_blocked", 0),
        switches=counters.get(b"ctxt"),
        interrupts=counters.get(b"intr"),
        forks=counters.get(b"processes"),
    )


class CpuReader(Plain):
    """Shares between two readings; a core that has just come online begins at 0.

    Busy is all time but idle and iowait: time stolen by the hypervisor counts as busy, for the node wanted it.
    """

    def __init__(self, roots: Roots) -> None:
        self._stat = f"{roots.proc}/stat"
        self._loadavg = f"{roots.proc}/loadavg"
        self._sensors = SensorReader(str(roots.proc), str(roots.sys))
        self._quota = QuotaReader(roots)
        self._before: Times | None = None
        self._last = 0.0

    def read(self, now: float) -> Cpu:
        """Raises OSError, or ValueError for garbage."""
        times = parse(read_bytes(self._stat))
        before = self._before or times
        if self._before is not None:  # the first reading only primes the counters, and must be fast
            self._sensors.read(now)
        interval, self._last = now - self._last, now
        self._before = times
        cores = tuple(
            _core(number, _spent(ticks, before.cores.get(number, ticks)))
            for number, ticks in sorted(times.cores.items())
        )
        spent = _spent(times.total, before.total)
        whole = sum(spent)
        one, five, fifteen = (float(word) for word in read_bytes(self._loadavg).split()[:3])
        return Cpu(
            percent=_busy(spent),
            per_core=tuple(core.percent for core in cores),
            user=share(spent[_USER] + spent[_NICE], whole),
            system=share(spent[_SYSTEM] + spent[_IRQ] + spent[_SOFTIRQ], whole),
            iowait=share(spent[_IOWAIT], whole),
            steal=share(spent[_STEAL], whole),
            load=(one, five, fifteen),
            runnable=times.running,
            blocked=times.blocked,
            frequency_mhz=self._sensors.frequency_mhz,
            temperature_c=self._sensors.temperature_c,
            nice=share(spent[_NICE], whole),
            irq=share(spent[_IRQ] + spent[_SOFTIRQ], whole),
            cores=cores,
            context_switches_s=_rate(times.switches, before.switches, interval),
            interrupts_s=_rate(times.interrupts, before.interrupts, interval),
            forks_s=_rate(times.forks, before.forks, interval),
            quota=self._quota.read(now),
        )


def _spent(new: Ticks, old: Ticks) -> list[int]:
    """Ticks since the reading before; iowait, and all times of a core that was unplugged, may run backwards."""
    return [max(0, n - o) for n, o in zip(new, old, strict=True)]


def _core(number: int, spent: list[int]) -> Core:
    whole = sum(spent)
    return Core(
        number=number,
        percent=_busy(spent),
        user=share(spent[_USER], whole),
        nice=share(spent[_NICE], whole),
        system=share(spent[_SYSTEM], whole),
        iowait=share(spent[_IOWAIT], whole),
        irq=share(spent[_IRQ] + spent[_SOFTIRQ], whole),
        steal=share(spent[_STEAL], whole),
    )


def _rate(new: int | None, old: int | None, interval: float) -> float | None:
    return None if new is None else per_second(new, new if old is None else old, interval)


def _busy(spent: list[int]) -> float:
    whole = sum(spent)
    return share(whole - spent[_IDLE] - spent[_IOWAIT], whole)
