"""TCP of this network namespace, from the small files of ``/proc/net`` (Linux ``networking/snmp_counter.rst``).

None of them grows with the number of connections, so they are read at every sample.
"""

from __future__ import annotations

import os

from engine.snapshot import Tcp
from engine.telemetry.files import read_bytes
from engine.telemetry.reader import Plain, per_second, share
from engine.telemetry.roots import Roots

_RATES = ("OutSegs", "RetransSegs", "ActiveOpens", "PassiveOpens", "OutRsts", "AttemptFails")


def headed(raw: bytes, protocol: bytes, wanted: tuple[str, ...]) -> dict[str, int]:
    """Some figures of the two lines that begin with ``protocol``: names, then numbers. Raises ValueError for garbage.

    ``netstat`` has 130 of them and more with each kernel, so only those wanted are made numbers.
    """
    lines = [line.split()[1:] for line in raw.splitlines() if line.startswith(protocol + b": ")]
    if not lines:
        return {}
    names, figures = lines
    columns = {name: column for column, name in enumerate(names)}
    return {name: int(figures[columns[key]]) for name in wanted if (key := name.encode()) in columns}


def paired(raw: bytes, protocol: bytes) -> dict[str, int]:
    """The ``name number`` pairs of a line of sockstat. Raises ValueError for garbage."""
    for line in raw.splitlines():
        if line.startswith(protocol + b": "):
            words = line.split()[1:]
            return {name.decode("ascii"): int(n) for name, n in zip(words[::2], words[1::2], strict=True)}
    return {}


class TcpReader(Plain):
    """Rates between two readings; ``states`` are left to whoever counts the connections."""

    def __init__(self, roots: Roots) -> None:
        self._net = f"{roots.proc}/net"
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._before: dict[str, int] = {}
        self._last = 0.0

    def read(self, now: float) -> Tcp | None:
        """``None`` where the kernel tells nothing of TCP. Raises OSError, or ValueError for garbage."""
        snmp, sockstat = self._file("snmp"), self._file("sockstat")
        counters, sockets = headed(snmp, b"Tcp", (*_RATES, "CurrEstab")), paired(sockstat, b"TCP")
        if not counters:
            return None
        counters["udp"] = headed(snmp, b"Udp", ("InErrors",)).get("InErrors", 0)
        drops = self._listen_drops()
        counters |= {"drops": drops} if drops is not None else {}
        before, interval = self._before or counters, now - self._last
        self._before, self._last = counters, now

        def rate(name: str) -> float:
            new = counters.get(name, 0)
            return per_second(new, before.get(name, new), interval)

        sent, again, opened, accepted, resets, failed = (rate(name) for name in _RATES)
        return Tcp(
            established=counters.get("CurrEstab", 0),
            time_wait=sockets.get("tw", 0),
            orphans=sockets.get("orphan", 0),
            sockets=paired(sockstat, b"sockets").get("used", 0),
            memory_bytes=sockets.get("mem", 0) * self._page,
            retransmits_s=again,
            retransmit_percent=share(again, sent + again),  # OutSegs leaves out what is only sent again
            opened_s=opened,
            accepted_s=accepted,
            resets_s=resets,
            failed_s=failed,
            listen_drops_s=None if drops is None else rate("drops"),
            udp_errors_s=rate("udp"),
        )

    def _listen_drops(self) -> int | None:
        return headed(self._file("netstat"), b"TcpExt", ("ListenDrops",)).get("ListenDrops")

    def _file(self, name: str) -> bytes:
        try:
            return read_bytes(f"{self._net}/{name}")
        except FileNotFoundError:  # hidden by a sandbox, or a kernel without TCP
            return b""
