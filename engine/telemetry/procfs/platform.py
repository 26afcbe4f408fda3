"""What the node runs on and in: distribution, hypervisor, container; from files that tell it without a program."""

from __future__ import annotations

import re

from engine.telemetry.files import read_bytes, read_text
from engine.telemetry.roots import Roots
from engine.text import inert

_PRETTY = re.compile(r"^PRETTY_NAME=(['\"]?)(.*)\1\s*$", re.MULTILINE)
_VENDORS = (
    ("QEMU", "kvm"),
    ("KVM", "kvm"),
    ("Amazon EC2", "kvm (Amazon EC2)"),
    ("Google", "kvm (Google)"),
    ("OpenStack", "kvm (OpenStack)"),
    ("DigitalOcean", "kvm (DigitalOcean)"),
    ("Hetzner", "kvm (Hetzner)"),
    ("VMware", "vmware"),
    ("innotek", "virtualbox"),
    ("VirtualBox", "virtualbox"),
    ("Microsoft Corporation Virtual", "hyper-v"),
    ("Xen", "xen"),
    ("Parallels", "parallels"),
    ("Bochs", "bochs"),
    ("BHYVE", "bhyve"),
)
"""What ``/sys/class/dmi/id`` says of the maker of the machine; bare metal of the clouds says ``metal`` too."""


def system(roots: Roots) -> str:
    """The distribution's name for people, from os-release(5)."""
    for path in ("etc/os-release", "usr/lib/os-release"):
        found = _PRETTY.search(_text(str(roots.beside(path))))
        if found:
            return inert(found[2], 128)
    return ""


def virtualization(roots: Roots) -> str:
    """The hypervisor by DMI, ``/sys/hypervisor`` or the device tree; ``vm`` where only the processor's flag tells."""
    if "microsoft" in _text(f"{roots.proc}/sys/kernel/osrelease").lower():
        return "wsl"
    if kind := _text(f"{roots.sys}/hypervisor/type"):
        return inert(kind, 32)
    dmi = " ".join(_text(f"{roots.sys}/class/dmi/id/{name}") for name in ("sys_vendor", "product_name"))
    if ".metal" in dmi:
        return ""
    for mark, kind in _VENDORS:
        if mark in dmi:
            return kind
    if tree := _text(f"{roots.proc}/device-tree/hypervisor/compatible"):
        return inert(tree.rstrip("\0"), 32)
    return "vm" if _flagged(roots) else ""


def container(roots: Roots) -> str:
    """By what container managers leave behind (systemd's container interface; Docker's and Podman's marks)."""
    if kind := _text(str(roots.beside("run/systemd/container"))):
        return inert(kind, 32)
    try:
        environment = read_bytes(f"{roots.proc}/1/environ").split(b"\0")
    except OSError:
        environment = []
    if any(entry.startswith(b"KUBERNETES_SERVICE_HOST=") for entry in environment):
        return "kubernetes"
    for entry in environment:
        if entry.startswith(b"container="):
            return inert(entry[10:].decode("utf-8", "backslashreplace"), 32)
    if roots.beside(".dockerenv").exists():
        return "docker"
    return "podman" if roots.beside("run/.containerenv").exists() else ""


def _flagged(roots: Roots) -> bool:
    try:
        head = read_bytes(f"{roots.proc}/cpuinfo")[:8192]
    except OSError:
        return False
    return b" hypervisor" in head


def _text(path: str) -> str:
    try:
        return read_text(path)
    except OSError:
        return ""
