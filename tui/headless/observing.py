"""One look at the node, for a command that says what it is doing."""

from __future__ import annotations

import asyncio
import threading
import time

from engine.events import SnapshotTaken
from engine.findings.detectors import DETECTORS
from engine.findings.settings import Settings
from engine.findings.watch import Watch
from engine.telemetry.history import History
from engine.telemetry.sampler import Sampler

_APART_S = 0.5
_SETTLE_S = 2.0
_LONGEST_S = 8.0
"""Most findings open after six seconds: what looks wrong at the first glance is watched until it is one or has gone."""


async def observe() -> SnapshotTaken:
    """The node now: after two readings if it looks well, else after those that it takes to tell.

    Raises TelemetryError where the node cannot be sampled.
    """
    stop = threading.Event()
    try:
        return await asyncio.to_thread(_observe, stop)
    finally:
        stop.set()


def _observe(stop: threading.Event) -> SnapshotTaken:
    sampler, history, watch = Sampler(), History(), Watch()
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
            if stop.is_set() or late or watch.open or not _looks_wrong(history):
                return SnapshotTaken(snapshot, watch.open)
    finally:
        sampler.close()


def _looks_wrong(history: History) -> bool:
    settings = Settings()
    return any(condition.grade != "hold" for detect in DETECTORS for condition in detect(history, settings))
