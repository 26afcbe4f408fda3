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

_COUNTED = (_RX_BYTES, _TX_BYTES, _RX_PACKETS, _TX_PACKETS, _RX_ERRORS, _TX_ERRORS, _RX_DROPS, _TX_DROPS)

Counters = tuple[int, ...]


def parse(raw: bytes) -> dict[str, Counters]:
    """The columns of each interface in the order of ``_COUNTED``. Raises ValueError for garbage."""
    interfaces = {}
    for line in raw.splitlines()[2:]:  # two lines of headings
        name, colon, rest = line.rpartition(b":")
        words = rest.split()
        if not colon or len(words) < 12:
            raise ValueError(f"a line of net/dev has {len(words)} columns")
        figures = [int(word) for word in words[:12]]
        interfaces[inert(name.decode("utf-8", "backslashreplace").strip())] = tuple(
            figures[column] for column in _COUNTED
        )
    return interfaces


def _interface(name: str, rates: list[float]) -> Interface:
    received, sent, packets_in, packets_out, errors_in, errors_out, drops_in, drops_out = rates
    return Interface(
        name=name,
        receive_bytes_s=received,
        transmit_bytes_s=sent,
        receive_packets_s=packets_in,
        transmit_packets_s=packets_out,
        errors_s=sum(rates[4:]),
        receive_errors_s=errors_in,
        transmit_errors_s=errors_out,
        receive_drops_s=drops_in,
        transmit_drops_s=drops_out,
    )


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
            rates = [per_second(n, o, interval) for n, o in zip(new, self._before.get(name, new), strict=True)]
            interfaces.append(_interface(name, rates))
        self._before, self._last = counters, now
        return tuple(interfaces)
