"""Pressure stall information, from ``/proc/pressure`` (Linux ``Documentation/accounting/psi.rst``, since 4.20)."""

from __future__ import annotations

from engine.snapshot import Pressure, Stall
from engine.telemetry.files import read_bytes
from engine.telemetry.reader import per_second
from engine.telemetry.roots import Roots

_ABSENT = "This kernel does not report pressure (PSI): it is older than 4.20, or was started without psi=1."
_KINDS = ("cpu", "memory", "io")


class PressureReader:
    """Reads the three files; a kernel that lacks them costs one note."""

    def __init__(self, roots: Roots) -> None:
        self._paths = {kind: f"{roots.proc}/pressure/{kind}" for kind in _KINDS}
        self._before: dict[str, tuple[float, int, int]] = {}
        self.notes: tuple[str, ...] = ()

    def read(self, now: float) -> Pressure:
        """Raises ValueError for garbage; a file that is absent or switched off is ``None``."""
        stalls = {kind: self._stall(kind, now) for kind in _KINDS}
        self.notes = () if any(stalls.values()) else (_ABSENT,)
        return Pressure(**stalls)

    def _stall(self, kind: str, now: float) -> Stall | None:
        try:
            lines = parse(read_bytes(self._paths[kind]))
        except OSError:  # absent on old kernels; EOPNOTSUPP where psi=0; not permitted in some containers
            return None
        some, full = lines[b"some"], lines.get(b"full", {})  # full of cpu since 5.13 only
        total, full_total = int(some[b"total"]), int(full.get(b"total", 0))
        last, last_total, last_full = self._before.get(kind, (now, total, full_total))
        self._before[kind] = (now, total, full_total)
        return Stall(
            some_avg10=float(some[b"avg10"]),
            some_avg60=float(some[b"avg60"]),
            full_avg10=float(full.get(b"avg10", 0.0)),
            full_avg60=float(full.get(b"avg60", 0.0)),
            some_percent=min(100.0, per_second(total, last_total, now - last) / 1e4),  # microseconds of each second
            full_percent=min(100.0, per_second(full_total, last_full, now - last) / 1e4),
        )


def parse(raw: bytes) -> dict[bytes, dict[bytes, bytes]]:
    """``some avg10=0.00 ...`` lines by their first word. Raises ValueError for garbage."""
    lines = {}
    for line in raw.splitlines():
        kind, *pairs = line.split()
        lines[kind] = dict(_pair(pair) for pair in pairs)
    return lines


def _pair(text: bytes) -> tuple[bytes, bytes]:
    key, equals, value = text.partition(b"=")
    if not equals:
        raise ValueError(f"no = in {text!r}")
    return key, value
