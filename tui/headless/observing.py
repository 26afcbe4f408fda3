"""One look at the node, for a command that says what it is doing."""

from __future__ import annotations

import asyncio
import threading
import time

import msgspec

from engine.events import SnapshotTaken
from engine.findings.detectors import DETECTORS
from engine.findings.settings import Limits, Settings
from engine.findings.watch import Watch
from engine.telemetry.history import History
from engine.telemetry.sampler import Sampler

_APART_S = 0.5
_SETTLE_S = 2.0
_FIRE_S = 1.5
"""What has lasted this long is told: somebody asked about this very moment, and waits for the answer."""
_LONGEST_S = 3.0


async def observe() -> SnapshotTaken:
    """The node now: after two readings half a second apart if it looks well, else after those that it takes to tell.

    Raises TelemetryError where the node cannot be sampled.
    """
    stop = threading.Event()
    try:
        return await asyncio.to_thread(_observe, stop)
    finally:
        stop.set()


def _observe(stop: threading.Event) -> SnapshotTaken:
    settings = _impatient(Settings())
    sampler, history, watch = Sampler(), History(), Watch(settings)
    try:
        begun = time.monotonic()
        sampler.sample()
        sampler.settle(_SETTLE_S)
        while True:
            stop.wait(_APART_S)
            snapshot = sampler.sample()
            history.append(snapshot)
            watch.update(history)
            late = time.monotonic() - begun > _LONGEST_S
            if stop.is_set() or late or watch.open or not _looks_wrong(history, settings):
                return SnapshotTaken(snapshot, watch.open)
    finally:
        sampler.close()


def _looks_wrong(history: History, settings: Settings) -> bool:
    return any(condition.grade != "hold" for detect in DETECTORS for condition in detect(history, settings))


def _impatient(settings: Settings) -> Settings:
    """The same levels, reached for a shorter time."""
    limits = {name: value for name, value in msgspec.structs.asdict(settings).items() if isinstance(value, Limits)}
    sooner = {name: msgspec.structs.replace(value, fire_s=min(value.fire_s, _FIRE_S)) for name, value in limits.items()}
    return msgspec.structs.replace(settings, **sooner)
