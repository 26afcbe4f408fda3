"""Where the kernel's own files are, so that every reader can be pointed at a tree recorded on another machine."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class Roots(Struct, frozen=True):
    """The mount points of procfs and sysfs."""

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")

    def beside(self, path: str) -> Path:
        """A path that stands beside procfs: ``etc/os-release``, ``run/utmp``, ``dev/kmsg``."""
        return self.proc.parent / path

    @property
    def live(self) -> bool:
        """These are the files of the running kernel, whose clocks and limits hold for them."""
        return self.proc == Path("/proc")
