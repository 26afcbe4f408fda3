"""Figures as people read them: sizes in binary units, rates per second, spans of time. ASCII only."""

from __future__ import annotations

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_LETTERS = ("B", "K", "M", "G", "T", "P")


def _scaled(value: float) -> tuple[float, int]:
    step = 0
    while abs(value) >= 999.5 and step < len(_UNITS) - 1:
        value /= 1024
        step += 1
    return value, step


def size(value: float) -> str:
    """``4.1 GiB``, ``812 MiB``, ``0 B``: three figures at most before the unit."""
    scaled, step = _scaled(value)
    digits = 1 if step and abs(scaled) < 99.95 else 0
    return f"{scaled:.{digits}f} {_UNITS[step]}"


def rate(value: float) -> str:
    """Bytes per second: ``3.1 MiB/s``."""
    return size(value) + "/s"


def compact(value: float) -> str:
    """At most five characters, for table cells and meters: ``4.1G``, ``812M``, ``0``."""
    scaled, step = _scaled(value)
    if step == 0:
        return f"{scaled:.0f}"
    return f"{scaled:.1f}{_LETTERS[step]}" if abs(scaled) < 9.95 else f"{scaled:.0f}{_LETTERS[step]}"


def span(seconds: float) -> str:
    """A span in its two largest units: ``12d 4h``, ``8 min``, ``45 s``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60}m"
    return f"{whole // 86400}d {whole % 86400 // 3600}h"


def percent(value: float) -> str:
    """``93 %``, ``4.2 %``: one decimal below ten."""
    return f"{value:.0f} %" if abs(value) >= 9.95 else f"{value:.1f} %"
