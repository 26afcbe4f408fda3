"""Faults of disks and file systems, and of memory that is backed by a disk; and what the guard prepares for them."""

from __future__ import annotations

import mmap
import os
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.drill.stage import MIB, Stage
from engine.errors import TelltopError

DISK_BYTES = 48 * MIB
_FILE_BYTES = 128 * MIB
_BLOCK = MIB
_READERS = 8
_GROUP_BYTES = 32 * MIB
_MAPPED_BYTES = 64 * MIB
_MAPPERS = 6
_GROUPS = Path("/sys/fs/cgroup")
_TOOLS = "/usr/sbin:/sbin:/usr/bin:/bin"


class NotHereError(TelltopError):
    """A fault that cannot be made on this node; the sentence says why."""


def disk_saturated(stage: Stage) -> None:
    """Reads past the page cache, so many at a time that the disk is never idle."""
    file = _unnamed(stage.folder, os.O_DIRECT)
    block = mmap.mmap(-1, _BLOCK)  # aligned, as O_DIRECT wants it
    for offset in range(0, _FILE_BYTES, _BLOCK):
        os.pwrite(file, block, offset)
    os.fsync(file)

    def read(first: int) -> None:
        into, offset = mmap.mmap(-1, _BLOCK), first
        while True:
            os.preadv(file, [into], offset)
            offset = (offset + _READERS * _BLOCK) % _FILE_BYTES

    stage.ready()
    for number in range(_READERS):
        threading.Thread(target=read, args=(number * _BLOCK,), daemon=True).start()
    stage.forever()


def disk_full(stage: Stage) -> None:
    """Writes to a small file system of its own until it is full."""
    path = Path(stage.extras["mount"]) / "fill"
    chunk = os.urandom(MIB)
    with path.open("wb", buffering=0) as file:
        stage.ready()
        with suppress(OSError):
            while True:
                file.write(chunk)
                os.fsync(file.fileno())
                time.sleep(0.03)
        stage.forever()


def memory_pressure(stage: Stage) -> None:
    """Reads over and over a mapped file that is larger than the memory its control group may use."""
    file = _unnamed(stage.folder, 0)
    block = b"\1" * _BLOCK
    for offset in range(0, _MAPPED_BYTES, _BLOCK):
        os.pwrite(file, block, offset)
        os.fsync(file)
    reader, writer = os.pipe()

    def read() -> None:
        os.close(writer)
        os.read(reader, 1)  # until the writing end is closed
        with mmap.mmap(file, _MAPPED_BYTES, prot=mmap.PROT_READ) as mapped:
            while True:
                mapped[random.randrange(_MAPPED_BYTES)]

    pids = [stage.spawn(read) for _ in range(_MAPPERS)]
    stage.ready(*pids)
    os.close(writer)
    stage.forever()


def _unnamed(folder: str, flags: int) -> int:
    """A file that is gone as soon as it is closed."""
    return os.open(folder, os.O_RDWR | os.O_TMPFILE | flags, 0o600)


@contextmanager
def on_disk(folder: Path) -> Iterator[dict[str, str]]:
    """Check that ``folder`` lies on a real disk with room. Raises NotHereError."""
    device = folder.stat().st_dev
    if os.major(device) == 0:
        raise NotHereError(f"{folder.parent} is not on a disk that could be loaded.")
    if shutil.disk_usage(folder).free < 8 * _FILE_BYTES:
        raise NotHereError(f"There is too little room in {folder.parent} for a file of {_FILE_BYTES // MIB} MiB.")
    try:
        os.close(_unnamed(str(folder), os.O_DIRECT))
    except OSError as error:
        raise NotHereError(f"{folder.parent} takes no unnamed files or no direct reads ({error.strerror}).") from error
    yield {}


@contextmanager
def small_disk(folder: Path) -> Iterator[dict[str, str]]:
    """An ext4 file system of 48 MiB, on a loop device over an unlinked file. Raises NotHereError."""
    if os.geteuid() != 0:
        raise NotHereError("Only root may mount the small file system that is to be filled.")
    image, mount = folder / "image", folder / "disk"
    mount.mkdir()
    with image.open("wb") as file:
        file.truncate(DISK_BYTES)
    try:
        _tool("mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", str(image))
        _tool("mount", "-o", "loop,nosuid,nodev", str(image), str(mount))
    finally:
        image.unlink()  # the loop device holds it, and lets go of it with the mount
    try:
        yield {"mount": str(mount)}
    finally:
        unmount(mount)


def unmount(mount: Path) -> None:
    """Take the mount away, though something may still be open on it."""
    if mount.is_mount():
        _tool("umount", "-l", str(mount))


def _tool(*command: str) -> None:
    program = shutil.which(command[0], path=_TOOLS)
    if program is None:
        raise NotHereError(f"{command[0]}, which makes the small file system, is not installed.")
    done = subprocess.run(
        [program, *command[1:]], stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise NotHereError(f"{command[0]} failed: {said[-1] if said else done.returncode}.")


@contextmanager
def small_group(folder: Path) -> Iterator[dict[str, str]]:
    """A control group that may use 48 MiB of memory, version 1 or 2, of which this process becomes a member.

    Raises NotHereError where no such group can be made.
    """
    with on_disk(folder):
        one, two = _GROUPS / "memory", _GROUPS
        top, limit = (one, "memory.limit_in_bytes") if (one / "memory.limit_in_bytes").exists() else (two, "memory.max")
        group, home = top / folder.name, _home(top)
        try:
            group.mkdir()
        except OSError as error:
            raise NotHereError(f"No control group may be made in {top} ({error.strerror}).") from error
        try:
            (group / limit).write_text(str(_GROUP_BYTES))
        except OSError as error:
            group.rmdir()
            raise NotHereError(f"The memory of a control group cannot be limited here ({error.strerror}).") from error
        try:
            yield {"group": str(group)}
        finally:
            (home / "cgroup.procs").write_text(str(os.getpid()))
            _removed(group)


def enter(group: str) -> None:
    """Make this process a member of the control group."""
    (Path(group) / "cgroup.procs").write_text(str(os.getpid()))


def _home(top: Path) -> Path:
    """The control group that this process is in, below the mounted hierarchy ``top``."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if (top == _GROUPS and not controllers) or "memory" in controllers.split(","):
            return top / path.lstrip("/")
    return top


def _removed(group: Path) -> None:
    """The kernel lets a group go a moment after its last process."""
    for _ in range(50):
        try:
            group.rmdir()
        except OSError:
            time.sleep(0.03)
        else:
            return
