"""Intel GPUs, from the files of the i915 and xe drivers in sysfs and what their clients' ``fdinfo`` tells."""

from __future__ import annotations

import re
from pathlib import Path

from engine.snapshot import Gpu
from engine.telemetry.files import listing, read_number, read_text
from engine.telemetry.gpus.clients import Clients
from engine.telemetry.reader import Plain
from engine.telemetry.roots import Roots
from engine.text import inert

DRIVERS = ("i915", "xe")
_VENDOR = "0x8086"
_CARD = re.compile(r"card\d+")
_CLOCKS = ("gt_act_freq_mhz", "device/tile0/gt0/freq0/act_freq")
_MOST = ("gt_max_freq_mhz", "device/tile0/gt0/freq0/max_freq")


def cards(roots: Roots) -> tuple[Path, ...]:
    """The folders of the cards that these drivers run, in order of their numbers."""
    folder = roots.sys / "class" / "drm"
    names = sorted((name for name in listing(str(folder)) if _CARD.fullmatch(name)), key=lambda name: int(name[4:]))
    return tuple(
        folder / name
        for name in names
        if _text(folder / name / "device" / "vendor") == _VENDOR
        and (folder / name / "device" / "driver").resolve().name in DRIVERS
    )


class IntelReader(Plain):
    """Reads each card.

    There is no counter of the whole of its use: it is what the busiest engines of its clients add up to, as far as this
    user may see them. A card that has been put to sleep is left asleep.
    """

    def __init__(self, cards: tuple[Path, ...], clients: Clients) -> None:
        self._cards = cards
        self._clients = clients

    def read(self, now: float) -> tuple[Gpu, ...]:
        """What a card does not tell is ``None``; raises nothing."""
        users = self._clients.read(now)
        gpus = []
        for index, card in enumerate(self._cards):
            device = card / "device"
            if not device.exists():
                continue
            name = inert(f"Intel GPU {_text(device / 'device')}".rstrip(), 96)
            if _text(device / "power" / "runtime_status") == "suspended":
                gpus.append(Gpu(index=index, name=name, vendor="intel", asleep=True))
                continue
            processes = users.get(device.resolve().name, ())
            memory = [process.memory_bytes for process in processes if process.memory_bytes is not None]
            gpus.append(
                Gpu(
                    index=index,
                    name=name,
                    vendor="intel",
                    busy_percent=min(100.0, sum(process.busy_percent or 0.0 for process in processes)),
                    memory_used_bytes=sum(memory) if memory else None,
                    temperature_c=_scaled(_monitor(device, "temp1_input"), 1e-3),
                    power_limit_w=_scaled(_monitor(device, "power1_max"), 1e-6),
                    processes=processes,
                    clock_mhz=_first(card, _CLOCKS),
                    clock_max_mhz=_first(card, _MOST),
                )
            )
        return tuple(gpus)


def _monitor(device: Path, name: str) -> Path:
    monitors = listing(str(device / "hwmon"))
    return device / "hwmon" / (monitors[0] if monitors else "none") / name


def _first(card: Path, paths: tuple[str, ...]) -> float | None:
    return next((value for path in paths if (value := read_number(str(card / path))) is not None), None)


def _scaled(path: Path, unit: float) -> float | None:
    value = read_number(str(path))
    return None if value is None else value * unit


def _text(path: Path) -> str:
    try:
        return read_text(str(path))
    except OSError:
        return ""
