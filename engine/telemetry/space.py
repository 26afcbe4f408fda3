"""Space of mounted file systems, asked for in threads of their own: a dead NFS server never answers."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from engine.snapshot import Filesystem
from engine.text import inert

PERIOD_S = 4.0
PATIENCE_S = 2.0


class Mount(Struct, frozen=True):
    """One mounted file system, as the kernel lists it; the texts are raw and may hold lone surrogates."""

    path: str
    device: str
    kind: str
    read_only: bool


Probe = Callable[[Mount], Filesystem | None]


def probe(mount: Mount) -> Filesystem | None:
    """Ask one file system for its space, by ``statvfs``; may block for ever.

    ``None`` where it has none to tell of (no blocks, or a single file bound into a container). Raises OSError.
    """
    if not Path(mount.path).is_dir():
        return None
    figures = os.statvfs(mount.path)
    if not figures.f_blocks:
        return None
    unit = figures.f_frsize or figures.f_bsize
    return Filesystem(
        mount=inert(mount.path),
        device=inert(mount.device, 255),
        kind=inert(mount.kind, 64),
        total_bytes=figures.f_blocks * unit,
        used_bytes=max(0, figures.f_blocks - figures.f_bfree) * unit,
        available_bytes=figures.f_bavail * unit,
        read_only=mount.read_only or bool(figures.f_flag & os.ST_RDONLY),
        inodes_total=figures.f_files or None,
        inodes_free=figures.f_ffree if figures.f_files else None,
    )


def _unknown(mount: Mount) -> Filesystem:
    names = inert(mount.path), inert(mount.device, 255), inert(mount.kind, 64)
    return Filesystem(*names, total_bytes=0, used_bytes=0, available_bytes=0, read_only=mount.read_only)


class _Round:
    """One walk over mounts in a thread; where it gets stuck it can be left behind."""

    def __init__(self, mounts: list[Mount], probe: Probe, clock: Callable[[], float]) -> None:
        self.results: dict[str, Filesystem | None] = {}
        self.current: tuple[Mount, float] | None = None
        """What is being asked, and since when; ``None`` once all have answered."""
        self.done = threading.Event()
        self._pending = deque(mounts)
        self._probe = probe
        self._clock = clock
        if mounts:
            self.current = (mounts[0], clock())
            threading.Thread(target=self._walk, name="telltop-space", daemon=True).start()
        else:
            self.done.set()

    def _walk(self) -> None:
        while mount := self._pop():
            self.current = (mount, self._clock())
            try:
                self.results[mount.path] = self._probe(mount)
            except OSError:  # not permitted, or unmounted meanwhile
                self.results[mount.path] = None
        self.current = None
        self.done.set()

    def rest(self) -> list[Mount]:
        """Take over the mounts that have not been asked yet; the thread ends after the one that it is at."""
        rest = []
        while mount := self._pop():
            rest.append(mount)
        return rest

    def _pop(self) -> Mount | None:
        try:
            return self._pending.popleft()
        except IndexError:  # two threads may empty it: asking first whether it is empty would be a race
            return None


class SpaceReader:
    """The last known figures of every mount; asked anew every ``PERIOD_S``, never waited for.

    A mount that has not answered for ``PATIENCE_S`` gets a note, keeps its thread, and is not asked again until that
    returns; the others go on in a new thread.
    """

    def __init__(
        self,
        mounts: Callable[[], list[Mount]],
        probe: Probe = probe,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mounts = mounts
        self._probe = probe
        self._clock = clock
        self._listed: list[Mount] = []
        self._known: dict[str, Filesystem] = {}
        self._round: _Round | None = None
        self._hung: dict[str, _Round] = {}
        self._next = float("-inf")
        self.notes: tuple[str, ...] = ()

    def read(self, now: float) -> tuple[Filesystem, ...]:
        """Never blocks on a mount. Raises OSError where the list of mounts cannot be read."""
        for path, stuck in list(self._hung.items()):
            if stuck.current is None:
                self._take(stuck)
                del self._hung[path]
        if self._round is not None:
            self._look_at(self._round, now)
        if self._round is None and now >= self._next:
            self._next = now + PERIOD_S
            self._listed = self._mounts()
            paths = {mount.path for mount in self._listed}
            self._known = {path: known for path, known in self._known.items() if path in paths}
            self._round = _Round([m for m in self._listed if m.path not in self._hung], self._probe, self._clock)
        self.notes = tuple(
            f"The file system at {inert(path, 200)} does not answer; its figures are from before."
            for path in self._hung
        )
        return tuple(self._figures(now))

    def _figures(self, now: float) -> Iterator[Filesystem]:
        """In the order of the mounts; one that hangs is among them, with what was known of it."""
        for mount in self._listed:
            known, stuck = self._known.get(mount.path), self._hung.get(mount.path)
            current = stuck.current if stuck is not None else None
            if current is not None:
                yield replace(known or _unknown(mount), silent_s=now - current[1])
            elif known is not None:
                yield known

    def settle(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds for the answers of the round that is under way."""
        if self._round is not None:
            self._round.done.wait(timeout)

    def close(self) -> None:
        """Ask no more mounts; a thread that hangs is left to die with the process."""
        if self._round is not None:
            self._round.rest()

    def _look_at(self, walk: _Round, now: float) -> None:
        current = walk.current  # first: what is answered after this look is taken at the next
        self._take(walk)
        if current is None:
            self._round = None
        elif now - current[1] > PATIENCE_S:
            self._hung[current[0].path] = walk
            self._round = _Round(walk.rest(), self._probe, self._clock)

    def _take(self, walk: _Round) -> None:
        for path in list(walk.results):
            filesystem = walk.results.pop(path)
            if filesystem is None:
                self._known.pop(path, None)
            else:
                self._known[path] = filesystem
