"""Who the node is and how long it is up, from ``/proc/sys/kernel``, ``/proc/stat`` and ``/proc/uptime``."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from engine.snapshot import Host
from engine.telemetry.files import read_bytes, read_text
from engine.telemetry.procfs import platform
from engine.telemetry.procfs.memory import meminfo
from engine.telemetry.reader import Plain
from engine.telemetry.roots import Roots
from engine.text import inert


class HostReader(Plain):
    """Reads the name, kernel, processors, memory, distribution, hypervisor and container once and then repeats them."""

    def __init__(self, roots: Roots) -> None:
        self._proc = str(roots.proc)
        self._roots = roots
        self._host: Host | None = None

    def read(self, now: float) -> Host:
        """Raises OSError or ValueError where procfs is not readable."""
        if self._host is None:
            kernel = os.uname()
            lines = read_bytes(f"{self._proc}/stat").splitlines()
            self._host = Host(
                name=inert(self._kernel("hostname", kernel.nodename), 255),
                system=inert(
                    f"{self._kernel('ostype', kernel.sysname)} {self._kernel('osrelease', kernel.release)}", 255
                ),
                cores=sum(line.startswith(b"cpu") and not line.startswith(b"cpu ") for line in lines),
                memory_total_bytes=meminfo(read_bytes(f"{self._proc}/meminfo"))[b"MemTotal"],
                os=platform.system(self._roots),
                virtualization=platform.virtualization(self._roots),
                container=platform.container(self._roots),
            )
        return self._host

    def _kernel(self, name: str, otherwise: str) -> str:
        try:
            return read_text(f"{self._proc}/sys/kernel/{name}")
        except OSError:  # some containers mask /proc/sys; uname answers then
            return otherwise


class UptimeReader(Plain):
    """Seconds since boot, from the first figure of ``/proc/uptime``."""

    def __init__(self, roots: Roots) -> None:
        self._path = f"{roots.proc}/uptime"

    def read(self, now: float) -> float:
        """Raises OSError, or ValueError for garbage."""
        return float(read_bytes(self._path).split(None, 1)[0])


def boot_clock(roots: Roots) -> Callable[[], float]:
    """A clock of seconds since boot that agrees with the start times in ``/proc/PID/stat``.

    In a container ``/proc/uptime`` may be faked to count from the container's start while the start times are not;
    CLOCK_BOOTTIME has the same base as they. A recorded tree has only its ``uptime``.
    """
    if roots.live:
        return lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
    reader = UptimeReader(roots)
    return lambda: reader.read(0.0)
