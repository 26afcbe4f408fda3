"""The same snapshot through psutil, for macOS and wherever /proc is missing. It costs ten times what procfs does.

psutil's errors become OSError, as readers promise; what a system does not tell is 0 or ``None``.
"""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from engine.snapshot import Cpu, Disk, Host, Interface, Memory, Pressure, Process
from engine.telemetry.reader import Plain, per_second, share
from engine.telemetry.space import Mount
from engine.text import inert

_STATES = {
    psutil.STATUS_RUNNING: "R",
    psutil.STATUS_SLEEPING: "S",
    psutil.STATUS_DISK_SLEEP: "D",
    psutil.STATUS_STOPPED: "T",
    psutil.STATUS_TRACING_STOP: "t",
    psutil.STATUS_ZOMBIE: "Z",
    psutil.STATUS_DEAD: "X",
    psutil.STATUS_IDLE: "I",
}
_ATTRIBUTES = ["ppid", "name", "username", "status", "cpu_times", "memory_info", "num_threads", "nice", "create_time"]


@contextmanager
def _as_os_errors() -> Iterator[None]:
    try:
        yield
    except psutil.Error as error:
        raise OSError(str(error)) from error


class HostReader(Plain):
    """Reads the node's name, kernel, processors and memory once and then repeats them."""

    def __init__(self) -> None:
        self._host: Host | None = None

    def read(self, now: float) -> Host:
        """Raises OSError."""
        if self._host is None:
            kernel = os.uname()
            with _as_os_errors():
                memory = psutil.virtual_memory().total
            self._host = Host(
                name=inert(kernel.nodename, 255),
                system=inert(f"{kernel.sysname} {kernel.release}", 255),
                cores=psutil.cpu_count() or 1,
                memory_total_bytes=memory,
                os=f"macOS {release}" if (release := platform.mac_ver()[0]) else "",
            )
        return self._host


class UptimeReader(Plain):
    """Seconds since boot, by the wall clock: psutil has no other."""

    def read(self, now: float) -> float:
        """Raises OSError."""
        with _as_os_errors():
            return max(0.0, time.time() - psutil.boot_time())


class CpuReader(Plain):
    """Shares between two readings, in the seconds that ``cpu_times`` gives."""

    def __init__(self) -> None:
        self._total: dict[str, float] = {}
        self._cores: list[dict[str, float]] = []

    def read(self, now: float) -> Cpu:
        """Raises OSError."""
        with _as_os_errors():
            total = psutil.cpu_times()._asdict()
            cores = [times._asdict() for times in psutil.cpu_times(percpu=True)]
        before = self._total or total
        old_cores = self._cores if len(self._cores) == len(cores) else cores  # psutil does not number them
        self._total, self._cores = total, cores
        spent = _spent(total, before)
        whole = sum(spent.values())
        return Cpu(
            percent=_busy(spent),
            per_core=tuple(_busy(_spent(n, o)) for n, o in zip(cores, old_cores, strict=True)),
            user=share(spent["user"] + spent.get("nice", 0.0), whole),
            system=share(spent["system"] + spent.get("irq", 0.0) + spent.get("softirq", 0.0), whole),
            iowait=share(spent.get("iowait", 0.0), whole),
            steal=share(spent.get("steal", 0.0), whole),
            load=psutil.getloadavg(),
            runnable=0,
            blocked=0,
        )


def _spent(new: dict[str, float], old: dict[str, float]) -> dict[str, float]:
    """Seconds since the reading before; guest time is left out, for user time holds it already."""
    return {key: max(0.0, new[key] - old[key]) for key in new if not key.startswith("guest")}


def _busy(spent: dict[str, float]) -> float:
    whole = sum(spent.values())
    return share(whole - spent["idle"] - spent.get("iowait", 0.0), whole)


class MemoryReader(Plain):
    """``virtual_memory`` and ``swap_memory``."""

    def __init__(self) -> None:
        self._before: tuple[float, int, int] | None = None

    def read(self, now: float) -> Memory:
        """Raises OSError."""
        with _as_os_errors():
            memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        last, last_in, last_out = self._before or (now, swap.sin, swap.sout)
        self._before = (now, swap.sin, swap.sout)
        return Memory(
            total_bytes=memory.total,
            available_bytes=memory.available,
            used_bytes=memory.total - memory.available,
            free_bytes=memory.free,
            buffers_bytes=getattr(memory, "buffers", 0),
            cached_bytes=getattr(memory, "cached", getattr(memory, "inactive", 0)),
            dirty_bytes=0,
            swap_total_bytes=swap.total,
            swap_used_bytes=swap.used,
            swap_in_bytes_s=per_second(swap.sin, last_in, now - last),
            swap_out_bytes_s=per_second(swap.sout, last_out, now - last),
        )


class PressureReader:
    """There is no such thing beside Linux."""

    notes = ("This system does not report pressure (PSI): only Linux does.",)

    def read(self, now: float) -> Pressure:
        """Raises nothing."""
        return Pressure()


class DiskReader(Plain):
    """``disk_io_counters`` of whole disks; ``busy_percent`` is 0 where the system does not measure it."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[float, ...]] = {}
        self._last = 0.0

    def read(self, now: float) -> tuple[Disk, ...]:
        """Raises OSError."""
        with _as_os_errors():
            io = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
        counters: dict[str, tuple[float, ...]] = {
            name: (
                float(figures.read_bytes),
                float(figures.write_bytes),
                float(figures.read_count),
                float(figures.write_count),
                float(getattr(figures, "busy_time", 0)),
            )
            for name, figures in io.items()
            if not any(_is_partition(name, disk) for disk in io)
        }
        interval, self._last = now - self._last, now
        disks = []
        for name, new in counters.items():
            read, written, reads, writes, busy = (
                per_second(n, o, interval) for n, o in zip(new, self._before.get(name, new), strict=True)
            )
            disks.append(Disk(inert(name), read, written, reads, writes, share(busy, 1000)))
        self._before = counters
        return tuple(disks)


def _is_partition(name: str, disk: str) -> bool:
    """``sda1`` of ``sda``, ``nvme0n1p1`` of ``nvme0n1``, ``disk0s1`` of ``disk0``, not ``disk10`` of ``disk1``."""
    rest = name.removeprefix(disk)
    return name != rest and re.fullmatch(r"[ps]\d+" if disk[-1:].isdigit() else r"\d+", rest) is not None


def _interface(name: str, rates: list[float]) -> Interface:
    received, sent, packets_in, packets_out, errors_in, errors_out, drops_in, drops_out = rates
    return Interface(
        name=name,
        receive_bytes_s=received,
        transmit_bytes_s=sent,
        receive_packets_s=packets_in,
        transmit_packets_s=packets_out,
        errors_s=sum(rates[4:]),
        receive_errors_s=errors_in,
        transmit_errors_s=errors_out,
        receive_drops_s=drops_in,
        transmit_drops_s=drops_out,
    )


class NetworkReader(Plain):
    """``net_io_counters`` of every interface."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[int, ...]] = {}
        self._last = 0.0

    def read(self, now: float) -> tuple[Interface, ...]:
        """Raises OSError."""
        with _as_os_errors():
            io = psutil.net_io_counters(pernic=True, nowrap=False)
        counters: dict[str, tuple[int, ...]] = {
            name: (
                figures.bytes_recv,
                figures.bytes_sent,
                figures.packets_recv,
                figures.packets_sent,
                figures.errin,
                figures.errout,
                figures.dropin,
                figures.dropout,
            )
            for name, figures in io.items()
        }
        interval, self._last = now - self._last, now
        interfaces = []
        for name, new in counters.items():
            old = self._before.get(name, new)
            rates = [per_second(n, o, interval) for n, o in zip(new, old, strict=True)]
            interfaces.append(_interface(inert(name), rates))
        self._before = counters
        return tuple(interfaces)


def mounts() -> list[Mount]:
    """Mounted file systems that stand on a device. Raises OSError."""
    with _as_os_errors():
        return [
            Mount(part.mountpoint, part.device, part.fstype, "ro" in part.opts.split(","))
            for part in psutil.disk_partitions(all=False)
        ]


class ProcessReader(Plain):
    """``process_iter``, which itself keeps a process apart from a later one of the same pid."""

    def __init__(self) -> None:
        self._before: dict[tuple[int, float], float] = {}
        self._commands: dict[tuple[int, float, str], str] = {}
        self._last: float | None = None
        self._wall: Callable[[], float] = time.time

    def read(self, now: float) -> tuple[Process, ...]:
        """Raises OSError."""
        interval = now - self._last if self._last is not None else 0.0
        self._last = now
        seconds: dict[tuple[int, float], float] = {}
        commands: dict[tuple[int, float, str], str] = {}
        processes = []
        with _as_os_errors():
            boot, wall = psutil.boot_time(), self._wall()
            for process in psutil.process_iter(_ATTRIBUTES):
                info = process.info
                times, created, name = info["cpu_times"], info["create_time"] or 0.0, info["name"] or ""
                key = (process.pid, created)
                seconds[key] = spent = times.user + times.system if times else 0.0
                lived = min(interval, max(0.01, wall - created))
                grown = spent - self._before.get(key, 0.0 if wall - created <= interval else spent)
                command = self._commands.get((*key, name))
                commands[*key, name] = command = _command(process) if command is None else command
                memory = info["memory_info"]
                processes.append(
                    Process(
                        pid=process.pid,
                        ppid=info["ppid"] or 0,
                        name=inert(name, 255),
                        user=inert(info["username"] or "?", 64),
                        state=_STATES.get(info["status"], "S"),
                        cpu_percent=100.0 * max(0.0, grown) / lived if interval > 0 else 0.0,
                        rss_bytes=memory.rss if memory else 0,
                        threads=info["num_threads"] or 1,
                        nice=info["nice"] or 0,
                        cpu_seconds=spent,
                        started=max(0.0, created - boot),
                        command=command or inert(name, 255),
                        kernel=_kernel(process.pid, info["ppid"] or 0),
                    )
                )
        self._before, self._commands = seconds, commands
        return tuple(processes)


def _command(process: psutil.Process) -> str:
    try:
        return inert(" ".join(process.cmdline()).strip(), 512)
    except psutil.Error:
        return ""


def _kernel(pid: int, ppid: int) -> bool:
    if platform.system() == "Linux":
        return pid == 2 or ppid == 2  # kthreadd and its children
    return pid == 0
