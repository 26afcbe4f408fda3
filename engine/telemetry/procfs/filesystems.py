"""Which mounted file systems have space worth watching, from ``/proc/self/mounts`` (see fstab(5))."""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.telemetry.files import read_bytes
from engine.telemetry.roots import Roots
from engine.telemetry.space import Mount

_NETWORK = frozenset(("9p", "afs", "ceph", "cifs", "glusterfs", "lustre", "nfs", "nfs4", "smb3", "smbfs", "virtiofs"))
_POOLED = frozenset(("bcachefs", "btrfs", "ubifs", "vboxsf", "zfs"))
"""Kinds that hold files of people though the kernel needs no block device to mount them."""
_IMAGES = frozenset(("squashfs", "iso9660", "erofs", "cramfs", "romfs", "udf"))
"""Read-only images: always full, by their nature."""
_FUSE_PSEUDO = frozenset(("fuse.gvfsd-fuse", "fuse.portal", "fuse.lxcfs", "fuse.snapfuse", "fuse.squashfuse"))
_RUNTIME = ("/dev", "/proc", "/run", "/sys", "/var/lib/kubelet/pods", "/var/lib/docker", "/var/lib/containers")
_BOUND_FILES = frozenset(("/etc/hosts", "/etc/hostname", "/etc/resolv.conf"))  # what a container gets from its host
_OCTAL = re.compile(rb"\\([0-7]{3})")


def _decoded(word: bytes) -> str:
    """The kernel writes blanks, newlines and backslashes as three octal digits. May hold lone surrogates."""
    return _OCTAL.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), word).decode("utf-8", "surrogateescape")


def parse(mounts: bytes) -> list[Mount]:
    """The mounts to watch, one for each device (the shortest path), in the order in which they were mounted.

    A tmpfs counts where people may fill it (``/tmp``, or one
    mounted for a purpose), not where it is part of the system's machinery.
    """
    visible: dict[str, Mount] = {}
    for line in mounts.splitlines():
        words = line.split(b" ")
        if len(words) < 4:
            continue
        device, path, kind = (_decoded(word) for word in words[:3])
        visible.pop(path, None)  # what is mounted last at a path hides what was there before
        visible[path] = Mount(path, device, kind, read_only=b"ro" in words[3].split(b","))
    chosen: dict[str, Mount] = {}
    for mount in visible.values():
        if not _watched(mount):
            continue
        key = mount.device if "/" in mount.device or mount.kind == "zfs" else mount.path
        if key not in chosen or len(mount.path) < len(chosen[key].path):
            chosen[key] = mount
    return list(chosen.values())


def _watched(mount: Mount) -> bool:
    if mount.kind in _IMAGES or mount.path in _BOUND_FILES:
        return False
    if mount.kind == "overlay":  # a container's own root; on its host the same space shows as the disk's
        return mount.path == "/"
    if mount.kind == "tmpfs":
        machinery = any(mount.path == top or mount.path.startswith(f"{top}/") for top in _RUNTIME)
        return mount.path == "/dev/shm" or not (mount.read_only or machinery)
    if mount.kind.startswith("fuse."):
        return mount.kind not in _FUSE_PSEUDO
    return mount.device.startswith("/dev/") or mount.kind in _NETWORK or mount.kind in _POOLED


def lister(roots: Roots) -> Callable[[], list[Mount]]:
    """A function that reads which mounts to watch; it raises OSError and never touches the mounts themselves."""
    return lambda: parse(read_bytes(f"{roots.proc}/self/mounts"))
