"""Which readers serve this node: procfs where there is one, else psutil."""

from __future__ import annotations

import os

from engine.errors import TelemetryError
from engine.telemetry import units
from engine.telemetry.apart import Apart
from engine.telemetry.files import read_bytes
from engine.telemetry.gpus.reader import GpuReader
from engine.telemetry.reader import Hardware, Readers, Sockets
from engine.telemetry.roots import Roots
from engine.telemetry.space import SpaceReader


def readers(roots: Roots) -> Readers:
    """The readers of this platform. Raises TelemetryError where the node can be sampled in neither way."""
    if os.access(roots.proc / "stat", os.R_OK) and os.access(roots.proc / "meminfo", os.R_OK):
        return procfs(roots)
    if not roots.live:
        raise TelemetryError(f"{roots.proc} does not look like procfs: it has no readable stat and meminfo.")
    return portable(roots)


def procfs(roots: Roots) -> Readers:
    """Linux's own files, read by our own parsers."""
    from engine.telemetry.procfs import descriptors, hwmon
    from engine.telemetry.procfs import sockets as scan
    from engine.telemetry.procfs.cpu import CpuReader
    from engine.telemetry.procfs.disks import DiskReader
    from engine.telemetry.procfs.filesystems import lister
    from engine.telemetry.procfs.host import HostReader, UptimeReader
    from engine.telemetry.procfs.kept import bound
    from engine.telemetry.procfs.logins import LoginReader
    from engine.telemetry.procfs.memory import MemoryReader
    from engine.telemetry.procfs.network import NetworkReader
    from engine.telemetry.procfs.pressure import PressureReader
    from engine.telemetry.procfs.processes import ProcessReader
    from engine.telemetry.procfs.tcp import TcpReader
    from engine.telemetry.procfs.turnover import TurnoverReader

    gpus, space = GpuReader(roots), SpaceReader(lister(roots))
    sockets = Apart("The list of sockets", scan.SocketReader(roots), Sockets(), period=scan.PERIOD_S)
    hardware = Apart("The sensors", hwmon.HardwareReader(roots), Hardware(), period=hwmon.PERIOD_S)
    failed = Apart("Systemd", units.UnitReader(), None, period=units.PERIOD_S)
    open_files = Apart("The list of open files", descriptors.DescriptorReader(roots), (), period=descriptors.PERIOD_S)
    processes = ProcessReader(roots, keep=bound(_memory_bytes(roots)) if roots.live else 0)
    turnover = TurnoverReader(roots, lambda: processes.ended)
    return Readers(
        host=HostReader(roots),
        uptime=UptimeReader(roots),
        cpu=CpuReader(roots),
        memory=MemoryReader(roots),
        pressure=PressureReader(roots),
        disks=DiskReader(roots),
        filesystems=space,
        interfaces=NetworkReader(roots),
        gpus=gpus,
        processes=processes,
        background=(gpus, space, sockets, hardware, failed, processes, turnover, open_files),
        tcp=TcpReader(roots),
        sockets=sockets,
        turnover=turnover,
        hardware=hardware if hwmon.present(roots) else None,
        logins=LoginReader(roots),
        units=failed if units.present(roots) else None,
        open_files=open_files,
    )


def _memory_bytes(roots: Roots) -> int:
    """The node's memory, 0 where it is not told."""
    from engine.telemetry.procfs.memory import meminfo

    try:
        return meminfo(read_bytes(f"{roots.proc}/meminfo"))[b"MemTotal"]
    except (OSError, ValueError):
        return 0


def portable(roots: Roots) -> Readers:
    """psutil, which is loaded only here. Raises TelemetryError where it does not work either."""
    try:
        from engine.telemetry import portable as source

        source.HostReader().read(0.0)
    except (ImportError, OSError) as error:
        raise TelemetryError(
            f"This node cannot be sampled: {roots.proc} is not readable and psutil does not work here ({error}). "
            "On Linux, mount procfs; elsewhere, install psutil for this platform."
        ) from error
    gpus, space = GpuReader(roots), SpaceReader(source.mounts)
    return Readers(
        host=source.HostReader(),
        uptime=source.UptimeReader(),
        cpu=source.CpuReader(),
        memory=source.MemoryReader(),
        pressure=source.PressureReader(),
        disks=source.DiskReader(),
        filesystems=space,
        interfaces=source.NetworkReader(),
        gpus=gpus,
        processes=source.ProcessReader(),
        background=(gpus, space),
    )
