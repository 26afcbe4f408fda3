"""Frequency and temperature of the processor, from sysfs; read seldom, for some drivers are slow to answer."""

from __future__ import annotations

import re

from engine.telemetry.files import listing, read_bytes, read_number, read_text

_CHIPS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu", "soc_thermal")
"""Names of hwmon chips that measure a processor, the best first."""
_LABELS = ("package id 0", "tctl", "tdie")
_ZONES = re.compile(r"x86_pkg_temp|(cpu|soc)\d*[-_]?thermal|acpitz")
_MAX_POLICIES = 32
_MHZ = re.compile(rb"^cpu MHz\s*:\s*([\d.]+)", re.MULTILINE)
_SEARCH_S = 60.0
_READ_S = 2.0
_CPUINFO_S = 10.0  # a page of text for every core


class SensorReader:
    """Keeps the paths it has found and the figures it has last read."""

    def __init__(self, proc: str, sys: str) -> None:
        self._proc = proc
        self._sys = sys
        self._temperature_path: str | None = None
        self._frequency_paths: tuple[str, ...] = ()
        self._search_at = self._read_at = self._cpuinfo_at = float("-inf")
        self.frequency_mhz: float | None = None
        self.temperature_c: float | None = None

    def read(self, now: float) -> None:
        """Renew both figures if they are old enough; ``None`` where the node does not tell."""
        if now < self._read_at:
            return
        self._read_at = now + _READ_S
        if self._temperature_path is None and now >= self._search_at:
            self._search_at = now + _SEARCH_S
            self._temperature_path = self._find_temperature()
            self._frequency_paths = self._find_frequencies()
        self._read_temperature()
        self._read_frequency(now)

    def _read_temperature(self) -> None:
        value = read_number(self._temperature_path) if self._temperature_path else None
        if value is None:
            self._temperature_path = None  # its driver is gone: look again at the next search
        self.temperature_c = value / 1000 if value is not None else None

    def _read_frequency(self, now: float) -> None:
        figures = [kilohertz for path in self._frequency_paths if (kilohertz := read_number(path)) is not None]
        if figures:
            self.frequency_mhz = sum(figures) / len(figures) / 1000
        elif now >= self._cpuinfo_at:
            self._cpuinfo_at = now + _CPUINFO_S
            self.frequency_mhz = self._cpuinfo()

    def _cpuinfo(self) -> float | None:
        try:
            figures = [float(text) for text in _MHZ.findall(read_bytes(f"{self._proc}/cpuinfo"))]
        except (OSError, ValueError):
            return None
        return sum(figures) / len(figures) if figures else None

    def _find_frequencies(self) -> tuple[str, ...]:
        folder = f"{self._sys}/devices/system/cpu/cpufreq"
        paths = [f"{folder}/{name}/scaling_cur_freq" for name in listing(folder) if name.startswith("policy")]
        step = -(-len(paths) // _MAX_POLICIES) or 1  # on a machine of many cores an even sample of them
        return tuple(paths[::step])

    def _find_temperature(self) -> str | None:
        folder = f"{self._sys}/class/hwmon"
        chips = {name: _text(f"{folder}/{name}/name") for name in listing(folder)}
        for wanted in _CHIPS:
            for name, chip in chips.items():
                if chip == wanted and (path := _sensor(f"{folder}/{name}")):
                    return path
        folder = f"{self._sys}/class/thermal"
        zones = {name: _text(f"{folder}/{name}/type") for name in listing(folder) if name.startswith("thermal_zone")}
        found = [f"{folder}/{name}/temp" for name, kind in zones.items() if _ZONES.fullmatch(kind)]
        return next((path for path in found if read_number(path) is not None), None)


def _sensor(folder: str) -> str | None:
    """The sensor of the whole package if the chip labels one, else its first."""
    inputs = [name for name in listing(folder) if re.fullmatch(r"temp\d+_input", name)]
    labelled = {_text(f"{folder}/{name.replace('_input', '_label')}").lower(): name for name in inputs}
    best = next((labelled[label] for label in _LABELS if label in labelled), inputs[0] if inputs else None)
    return f"{folder}/{best}" if best and read_number(f"{folder}/{best}") is not None else None


def _text(path: str) -> str:
    try:
        return read_text(path)
    except OSError:
        return ""
