"""What can and cannot be seen of this node by this user, why, and what would change that."""

from __future__ import annotations

import os
import re

from msgspec import Struct

from engine.telemetry import units
from engine.telemetry.files import listing, read_bytes, read_text
from engine.telemetry.gpus import amd, intel, nvidia
from engine.telemetry.procfs import platform
from engine.telemetry.procfs.proc_events import ProcEvents
from engine.telemetry.reader import reason
from engine.telemetry.roots import Roots


class Capability(Struct, frozen=True):
    """One thing that may or may not be seen."""

    name: str
    """A few words: ``pressure``, ``other users' processes``."""
    seen: bool
    why: str
    """A sentence: what is there, or what is lost and why."""
    cure: str = ""
    """What to do about it; empty where nothing is wrong or nothing can be done."""


def capabilities(roots: Roots | None = None) -> tuple[Capability, ...]:
    """All of them, in the order in which they matter. Takes some milliseconds; raises nothing."""
    roots = roots or Roots()
    if not (roots.proc / "stat").exists():
        return (
            Capability("procfs", False, f"{roots.proc} is no procfs: psutil is used, which tells less and costs more."),
        )
    return (
        _processes(roots),
        _io(roots),
        _pressure(roots),
        _events(roots),
        _kernel_log(roots),
        _gpus(roots),
        _sensors(roots),
        _container(roots),
        _units(roots),
    )


def _processes(roots: Roots) -> Capability:
    name = "other users' processes"
    if (roots.proc / "1").is_dir():
        return Capability(name, True, "Every process is seen.")
    try:
        mounts = read_text(f"{roots.proc}/self/mounts")
    except OSError:
        mounts = ""
    hide = re.search(r"^\S+ /proc proc \S*(hidepid=\w+)", mounts, re.MULTILINE)
    why = f"They are hidden: /proc is mounted with {hide[1]}." if hide else "They are hidden: there is no process 1."
    return Capability(name, False, why, "Run telltop as root, or mount /proc with gid= of a group that you are in.")


def _io(roots: Roots) -> Capability:
    name = "disk use of processes"
    try:
        read_bytes(f"{roots.proc}/self/io")
    except OSError as error:
        return Capability(name, False, f"The kernel does not count it: {reason(error)}.", "CONFIG_TASK_IO_ACCOUNTING")
    try:
        read_bytes(f"{roots.proc}/1/io")
    except OSError:
        return Capability(
            name, False, "It is seen of your own processes only.", "Run as root, or give telltop CAP_SYS_PTRACE."
        )
    return Capability(name, True, "It is seen of every process.")


def _pressure(roots: Roots) -> Capability:
    name = "pressure (PSI)"
    try:
        read_bytes(f"{roots.proc}/pressure/memory")
    except FileNotFoundError:
        why = "This kernel has none: it is older than 4.20 or was built without."
        return Capability(name, False, why, "Boot a kernel with CONFIG_PSI=y and psi=1.")
    except OSError as error:
        return Capability(name, False, f"It is switched off: {reason(error)}.", "Boot with psi=1.")
    return Capability(name, True, "The kernel reports it.")


def _events(roots: Roots) -> Capability:
    name = "short-lived processes"
    if not roots.live:
        return Capability(name, False, "A recorded tree has no events.")
    try:
        ProcEvents(str(roots.proc)).close()
    except OSError as error:
        why = f"They are counted but not named: the proc connector does not serve ({reason(error)})."
        return Capability(name, False, why, "Run as root outside of a container, or give telltop CAP_NET_ADMIN.")
    return Capability(name, True, "They are counted and named, by the kernel's proc connector.")


def _kernel_log(roots: Roots) -> Capability:
    name = "who was killed for want of memory"
    device = roots.beside("dev/kmsg")
    try:
        os.close(os.open(device, os.O_RDONLY | os.O_NONBLOCK))
    except FileNotFoundError:
        return Capability(name, False, f"There is no {device}; kills are counted only.", "Run outside of a container.")
    except OSError as error:
        why = f"Kills are counted but not named: {reason(error)}."
        return Capability(name, False, why, "Run as root, or set kernel.dmesg_restrict=0.")
    return Capability(name, True, "The kernel log tells it.")


def _gpus(roots: Roots) -> Capability:
    vendors = []
    if nvidia.present(roots):
        try:
            nvidia.load()
        except ImportError:
            return Capability(
                "GPUs", False, "There is an NVIDIA driver but no NVML module.", "pip install nvidia-ml-py"
            )
        vendors.append("NVIDIA by NVML")
    vendors += ["AMD by sysfs"] * bool(amd.cards(roots)) + ["Intel by sysfs"] * bool(intel.cards(roots))
    if vendors:
        return Capability("GPUs", True, f"{' and '.join(vendors)}.")
    return Capability(
        "GPUs", False, "No driver of a GPU is loaded.", "In a container, hand it the GPU (docker run --gpus all)."
    )


def _sensors(roots: Roots) -> Capability:
    if listing(f"{roots.sys}/class/hwmon") or listing(f"{roots.sys}/class/thermal"):
        return Capability("temperatures and fans", True, "The kernel has sensors.")
    why = "There are none, as in most virtual machines and containers."
    return Capability("temperatures and fans", False, why, "On metal, load the driver of the board (sensors-detect).")


def _container(roots: Roots) -> Capability:
    kind = platform.container(roots)
    if not kind:
        return Capability("the whole node", True, "This is not a container.")
    why = (
        f"This is a container ({kind}): only its own processes, and mostly the host's figures of processors and memory."
    )
    return Capability("the whole node", False, why, "Run on the host, or with --pid=host --net=host.")


def _units(roots: Roots) -> Capability:
    if units.present(roots):
        return Capability("failed units", True, "Systemd runs this node.")
    return Capability("failed units", False, "Systemd does not run this node.")
