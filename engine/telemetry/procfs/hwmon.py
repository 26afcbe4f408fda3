"""All temperatures and fans, and the batteries, from ``/sys/class/hwmon`` and ``/sys/class/power_supply``.

Read apart and seldom: some chips hang on slow buses.
"""

from __future__ import annotations

import re

from engine.snapshot import Battery, Sensor
from engine.telemetry.files import listing, read_number, read_text
from engine.telemetry.reader import Hardware, Plain
from engine.telemetry.roots import Roots
from engine.text import inert

PERIOD_S = 5.0
_INPUT = re.compile(r"(temp|fan)(\d+)_input")
_MOST = 256
_STATES = {"Charging": "charging", "Discharging": "discharging", "Full": "full"}


def present(roots: Roots) -> bool:
    """There is anything to be read."""
    return bool(listing(f"{roots.sys}/class/hwmon") or listing(f"{roots.sys}/class/power_supply"))


class HardwareReader(Plain):
    """Looks for sensors at each reading, for chips come and go with their drivers; at most 256 of them."""

    def __init__(self, roots: Roots) -> None:
        self._hwmon = f"{roots.sys}/class/hwmon"
        self._supply = f"{roots.sys}/class/power_supply"

    def read(self, now: float) -> Hardware:
        """Raises nothing; what does not answer is left out."""
        sensors: list[Sensor] = []
        for folder in listing(self._hwmon):
            chip = inert(_text(f"{self._hwmon}/{folder}/name") or folder, 64)
            for name in sorted(listing(f"{self._hwmon}/{folder}"), key=_natural):
                sensor = self._sensor(chip, f"{self._hwmon}/{folder}", name) if len(sensors) < _MOST else None
                if sensor is not None:
                    sensors.append(sensor)
        return Hardware(tuple(sensors), self._battery())

    def _sensor(self, chip: str, folder: str, name: str) -> Sensor | None:
        match = _INPUT.fullmatch(name)
        value = read_number(f"{folder}/{name}") if match else None
        if match is None or value is None:
            return None
        kind, number = match.groups()
        label = inert(_text(f"{folder}/{kind}{number}_label") or f"{kind}{number}", 64)
        if kind == "fan":
            return Sensor(chip, label, "fan", value)
        critical = read_number(f"{folder}/temp{number}_crit")
        limit = critical / 1000 if critical is not None and 0 < critical < 200_000 else None
        return Sensor(chip, label, "temperature", value / 1000, limit)

    def _battery(self) -> Battery | None:
        """Batteries of the node itself; a mouse's has the scope ``Device``."""
        folders = [f"{self._supply}/{name}" for name in listing(self._supply)]
        own = [f for f in folders if _text(f"{f}/type") == "Battery" and _text(f"{f}/scope") != "Device"]
        shares = [share for f in own if (share := read_number(f"{f}/capacity")) is not None]
        if not shares:
            return None
        said = {_STATES.get(_text(f"{f}/status"), "idle") for f in own}
        state = next((s for s in ("discharging", "charging", "full") if s in said), "idle")
        now, full, power = _energy(own, "now"), _energy(own, "full"), _power(own)
        missing = now if state == "discharging" else full - now if state == "charging" else 0.0
        return Battery(
            percent=sum(shares) / len(shares) if full <= 0 else min(100.0, 100 * now / full),
            state=state,
            power_w=power or None,
            left_s=3600 * missing / power if power > 0 and missing > 0 else None,
        )


def _energy(folders: list[str], which: str) -> float:
    """Watt hours; from ampere hours and volts where the driver counts charge."""
    total = 0.0
    for folder in folders:
        energy, charge = read_number(f"{folder}/energy_{which}"), read_number(f"{folder}/charge_{which}")
        volts = read_number(f"{folder}/voltage_now") or 0.0
        total += energy / 1e6 if energy is not None else (charge or 0.0) / 1e6 * volts / 1e6
    return total


def _power(folders: list[str]) -> float:
    total = 0.0
    for folder in folders:
        power, current = read_number(f"{folder}/power_now"), read_number(f"{folder}/current_now")
        volts = read_number(f"{folder}/voltage_now") or 0.0
        total += abs(power) / 1e6 if power is not None else abs(current or 0.0) / 1e6 * volts / 1e6
    return total


def _natural(name: str) -> tuple[str, int]:
    match = _INPUT.fullmatch(name)
    return (match[1], int(match[2])) if match else (name, 0)


def _text(path: str) -> str:
    try:
        return read_text(path)
    except OSError:
        return ""
