"""All GPUs of the node."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from engine.snapshot import Gpu
from engine.telemetry.apart import Apart
from engine.telemetry.gpus import amd, intel, nvidia
from engine.telemetry.gpus.clients import Clients
from engine.telemetry.reader import Reader
from engine.telemetry.roots import Roots

_SEARCH_S = 60.0


class GpuReader:
    """Each vendor's driver has a thread of its own. Without a driver nothing is loaded and nothing is noted."""

    def __init__(
        self, roots: Roots, load: Callable[[], Any] = nvidia.load, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._roots = roots
        self._load = load
        self._clock = clock
        self._search_at = float("-inf")
        self._vendors: dict[str, Apart[tuple[Gpu, ...]]] = {}
        self.notes: tuple[str, ...] = ()

    def read(self, now: float) -> tuple[Gpu, ...]:
        """The last figures of every GPU, NVIDIA's first; numbered within each vendor. Never blocks on a driver."""
        if now >= self._search_at:
            self._search_at = now + _SEARCH_S
            self._search()
        gpus = tuple(gpu for vendor in self._vendors.values() for gpu in vendor.read(now))
        self.notes = tuple(note for vendor in self._vendors.values() for note in vendor.notes)
        return gpus

    def settle(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds for the first answer of every driver, after the first reading."""
        deadline = self._clock() + timeout
        for vendor in self._vendors.values():
            vendor.settle(max(0.0, deadline - self._clock()))

    def close(self) -> None:
        """End the threads; one that hangs in a driver is left to die with the process."""
        for vendor in self._vendors.values():
            vendor.close()

    def _search(self) -> None:
        if "nvidia" not in self._vendors and nvidia.present(self._roots):
            reader: Reader[tuple[Gpu, ...]] = nvidia.NvidiaReader(self._load)
            self._vendors["nvidia"] = Apart("The NVIDIA driver", reader, (), self._clock)
        if "amd" not in self._vendors and (devices := amd.cards(self._roots)):
            reader = amd.AmdReader(devices, Clients(self._roots, frozenset({"amdgpu"})))
            self._vendors["amd"] = Apart("The AMD driver", reader, (), self._clock)
        if "intel" not in self._vendors and (devices := intel.cards(self._roots)):
            reader = intel.IntelReader(devices, Clients(self._roots, frozenset(intel.DRIVERS)))
            self._vendors["intel"] = Apart("The Intel GPU's driver", reader, (), self._clock)
