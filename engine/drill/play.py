"""Playing one fault: it is started under its guard, told to go, and always ended."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from engine.drill.plan import Act
from engine.drill.storage import NotHereError, unmount

_READY_S = 20.0
_END_S = 10.0


class Ready(msgspec.Struct):
    """What a fault says of itself before it begins."""

    ready: bool
    reason: str = ""
    pids: tuple[int, ...] = ()
    """Who is to be blamed."""
    mount: str = ""
    """The file system that it will fill."""


class Playing:
    """A fault that is ready, or under way."""

    def __init__(self, guard: asyncio.subprocess.Process, said: Ready) -> None:
        self.pids = frozenset(said.pids)
        self.mount = said.mount
        self._guard = guard

    def go(self) -> None:
        """Begin."""
        assert self._guard.stdin is not None
        self._guard.stdin.write(b"go\n")


@asynccontextmanager
async def played(act: Act) -> AsyncIterator[Playing]:
    """The fault, ready to go; at the end of the block nothing is left of it.

    Raises NotHereError where it cannot be made.
    """
    folder = Path(tempfile.mkdtemp(prefix="telltop-drill-", dir=place()))
    guard = None
    try:
        guard = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "engine.drill.guard",
            act.kind,
            str(folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": _path()},
            start_new_session=True,
        )
        yield Playing(guard, await _ready(guard))
    finally:
        if guard is not None:
            await asyncio.shield(_ended(guard))
        unmount(folder / "disk")  # only where the guard itself was killed
        shutil.rmtree(folder, ignore_errors=True)


def place() -> str | None:
    """On disk rather than in memory, where there is such a place."""
    return "/var/tmp" if os.access("/var/tmp", os.W_OK) else None


def _path() -> str:
    """Where this package is, so that the guard finds it however telltop was started."""
    here = str(Path(__file__).parents[2])
    return os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH", ""))))


async def _ready(guard: asyncio.subprocess.Process) -> Ready:
    assert guard.stdout is not None
    try:
        line = await asyncio.wait_for(guard.stdout.readline(), _READY_S)
        said = msgspec.json.decode(line, type=Ready)
    except (TimeoutError, msgspec.DecodeError) as error:
        raise NotHereError("The fault did not begin: its process ended, or took too long to prepare.") from error
    if not said.ready:
        raise NotHereError(said.reason)
    return said


async def _ended(guard: asyncio.subprocess.Process) -> None:
    """Close the guard's input, by which it ends all; where it does not, it is killed and takes them along."""
    assert guard.stdin is not None
    with suppress(OSError):
        guard.stdin.close()
    try:
        await asyncio.wait_for(guard.wait(), _END_S)
    except TimeoutError:
        guard.kill()
        await guard.wait()
