"""AMD GPUs, from the files of the amdgpu driver in sysfs (Linux ``Documentation/gpu/amdgpu``)."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec.structs import replace

from engine.snapshot import Gpu
from engine.telemetry.files import listing, read_number, read_text
from engine.telemetry.gpus.clients import Clients
from engine.telemetry.reader import Plain
from engine.telemetry.roots import Roots
from engine.text import inert

_VENDOR = "0x1002"
_CARD = re.compile(r"card\d+")


def cards(roots: Roots) -> tuple[Path, ...]:
    """The device folders of the cards that this driver runs, in order of their numbers."""
    folder = roots.sys / "class" / "drm"
    names = sorted((name for name in listing(str(folder)) if _CARD.fullmatch(name)), key=lambda name: int(name[4:]))
    devices = (folder / name / "device" for name in names)
    return tuple(d for d in devices if _text(d / "vendor") == _VENDOR and (d / "mem_info_vram_total").exists())


class AmdReader(Plain):
    """Reads each card; one that has been put to sleep is left asleep, for reading its figures would wake it."""

    def __init__(self, devices: tuple[Path, ...], clients: Clients | None = None) -> None:
        self._devices = devices
        self._clients = clients

    def read(self, now: float) -> tuple[Gpu, ...]:
        """What a card does not tell is ``None``; raises nothing."""
        users = self._clients.read(now) if self._clients is not None else {}
        return tuple(
            replace(_gpu(index, device), processes=users.get(device.resolve().name, ()))
            for index, device in enumerate(self._devices)
            if device.exists()
        )


def _gpu(index: int, device: Path) -> Gpu:
    name = _text(device / "product_name") or f"AMD GPU {_text(device / 'device')}".rstrip()
    if _text(device / "power" / "runtime_status") == "suspended":
        return Gpu(index=index, name=inert(name, 96), vendor="amd", asleep=True)
    monitors = listing(str(device / "hwmon"))
    monitor = device / "hwmon" / (monitors[0] if monitors else "none")
    power = _scaled(monitor / "power1_average", 1e-6)
    return Gpu(
        index=index,
        name=inert(name, 96),
        vendor="amd",
        busy_percent=read_number(str(device / "gpu_busy_percent")),
        memory_used_bytes=_whole(device / "mem_info_vram_used"),
        memory_total_bytes=_whole(device / "mem_info_vram_total"),
        temperature_c=_scaled(monitor / "temp1_input", 1e-3),
        power_w=power if power is not None else _scaled(monitor / "power1_input", 1e-6),
        power_limit_w=_scaled(monitor / "power1_cap", 1e-6),
        memory_busy_percent=read_number(str(device / "mem_busy_percent")),
        clock_mhz=_scaled(monitor / "freq1_input", 1e-6),
        memory_clock_mhz=_scaled(monitor / "freq2_input", 1e-6),
    )


def _whole(path: Path) -> int | None:
    value = read_number(str(path))
    return None if value is None else int(value)


def _scaled(path: Path, unit: float) -> float | None:
    value = read_number(str(path))
    return None if value is None else value * unit


def _text(path: Path) -> str:
    try:
        return read_text(str(path))
    except OSError:
        return ""
