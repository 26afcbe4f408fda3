"""Network interfaces, from ``/proc/net/dev``."""

from __future__ import annotations

from engine.snapshot import Interface
from engine.telemetry.files import read_bytes
from engine.telemetry.reader import Plain, per_second
from engine.telemetry.roots import Roots
from engine.text import inert

# columns of a line of /proc/net/dev after the name
_RX_BYTES, _RX_PACKETS, _RX_ERRORS, _RX_DROPS = 0, 1, 2, 3
_TX_BYTES, _TX_PACKETS, _TX_ERRORS, _TX_DROPS = 8, 9, 10, 11

Counters = tuple[int, int, int, int, int]


def parse(raw: bytes) -> dict[str, Counters]:
    """By interface: bytes received and sent, packets received and sent, errors and drops. Raises ValueError."""
    interfaces = {}
    for line in raw.splitlines()[2:]:  # two lines of headings
        name, colon, rest = line.rpartition(b":")
        words = rest.split()
        if not colon or len(words) < 12:
            raise ValueError(f"a line of net/dev has {len(words)} columns")
        figures = [int(word) for word in words[:12]]
        interfaces[inert(name.decode("utf-8", "backslashreplace").strip())] = (
            figures[_RX_BYTES],
            figures[_TX_BYTES],
            figures[_RX_PACKETS],
            figures[_TX_PACKETS],
            figures[_RX_ERRORS] + figures[_RX_DROPS] + figures[_TX_ERRORS] + figures[_TX_DROPS],
        )
    return interfaces


class NetworkReader(Plain):
    """Rates of every interface of this network namespace; one that has just appeared begins at 0."""

    def __init__(self, roots: Roots) -> None:
        self._path = f"{roots.proc}/net/dev"
        self._before: dict[str, Counters] = {}
        self._last = 0.0

    def read(self, now: float) -> tuple[Interface, ...]:
        """Raises OSError, or ValueError for garbage."""
        counters = parse(read_bytes(self._path))
        interval = now - self._last
        interfaces = []
        for name, new in counters.items():
            old = self._before.get(name, new)
            interfaces.append(Interface(name, *(per_second(n, o, interval) for n, o in zip(new, old, strict=True))))
        self._before, self._last = counters, now
        return tuple(interfaces)
