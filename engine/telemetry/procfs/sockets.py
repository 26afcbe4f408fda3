"""Who listens, and connections by state, from ``/proc/net/{tcp,tcp6,udp,udp6}`` and the links in ``/proc/PID/fd``.

Dear on a busy node, and therefore read seldom, in a thread of its own, and bounded: of each file at most ``MOST_BYTES``
(the kernel lists listeners first), of the links at most ``MOST_LINKS``, and those only when there is a listener whose
process is not known yet.
"""

from __future__ import annotations

import os
import socket
import sys
from collections import Counter

from msgspec import Struct

from engine.snapshot import Listener
from engine.telemetry.reader import Plain, Sockets
from engine.telemetry.roots import Roots
from engine.text import inert

PERIOD_S = 30.0
MOST_BYTES = 4 * 2**20  # about 28,000 sockets
MOST_LINKS = 50_000
_CHUNK = 2**18
_STATES = (
    "", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSE", "CLOSE-WAIT", "LAST-ACK",
    "LISTEN", "CLOSING", "NEW-SYN-RECV",
)  # fmt: skip
"""By the numbers of ``include/net/tcp_states.h``, named as ``ss`` names them."""
_LISTEN, _CLOSE = b"0A", b"07"
_LOCAL, _REMOTE, _STATE, _INODE = 1, 2, 3, 9


class _Bound(Struct, frozen=True):
    protocol: str
    address: str
    port: int
    wildcard: bool
    inode: int


class SocketReader(Plain):
    """Remembers which process holds which listener, by the inode of the socket, as long as that listens."""

    def __init__(self, roots: Roots) -> None:
        self._proc = str(roots.proc)
        self._holders: dict[int, tuple[int, str]] = {}
        self._tried: set[int] = set()
        """Inodes whose holder was looked for in vain: it may not be seen, or is the kernel."""

    def read(self, now: float) -> Sockets:
        """A file that is absent (no IPv6) holds nothing. Raises OSError, or ValueError or LookupError for garbage."""
        bound: list[_Bound] = []
        states: Counter[bytes] = Counter()
        partial = False
        for protocol, name in (("tcp", "tcp"), ("tcp", "tcp6"), ("udp", "udp"), ("udp", "udp6")):
            lines, cut = self._lines(name)
            partial = partial or (cut and protocol == "tcp")
            for line in lines:
                words = line.split(None, _INODE + 1)
                listens = words[_STATE] == (_LISTEN if protocol == "tcp" else _CLOSE)
                if listens and words[_REMOTE].endswith(b":0000"):
                    bound.append(_bound(protocol, words))
                elif protocol == "tcp":
                    states[words[_STATE]] += 1
        self._find({one.inode for one in bound})
        return Sockets(
            listeners=tuple(sorted({self._listener(one) for one in bound}, key=_order)),
            states=tuple((_STATES[int(state, 16)], count) for state, count in states.most_common()),
            partial=partial,
        )

    def _lines(self, name: str) -> tuple[list[bytes], bool]:
        """The lines of a file without its heading, and whether it was cut."""
        try:
            descriptor = os.open(f"{self._proc}/net/{name}", os.O_RDONLY)
        except FileNotFoundError:
            return [], False
        try:
            text = bytearray()
            while len(text) < MOST_BYTES and (chunk := os.read(descriptor, _CHUNK)):
                text += chunk
        finally:
            os.close(descriptor)
        cut = len(text) >= MOST_BYTES
        lines = bytes(text).splitlines()[1:]
        return (lines[:-1] if cut else lines), cut

    def _listener(self, one: _Bound) -> Listener:
        pid, name = self._holders.get(one.inode, (None, ""))
        return Listener(one.protocol, one.address, one.port, one.wildcard, pid, name)

    def _find(self, inodes: set[int]) -> None:
        self._holders = {inode: holder for inode, holder in self._holders.items() if inode in inodes}
        self._tried &= inodes
        for inode, (pid, name) in list(self._holders.items()):
            if self._name(pid) != name:  # it has ended, and another may hold the socket on
                del self._holders[inode]
        wanted = inodes - self._holders.keys() - self._tried
        if not wanted:
            return
        self._walk(wanted)
        self._tried |= wanted

    def _walk(self, wanted: set[int]) -> None:
        """Look for the holders; what is found is taken out of ``wanted``."""
        links = 0
        for pid in os.listdir(self._proc):  # noqa: PTH208 - names are wanted
            if not pid.isdecimal():
                continue
            try:
                names = os.listdir(f"{self._proc}/{pid}/fd")  # noqa: PTH208 - names are wanted
            except OSError:  # not permitted, or it has ended
                continue
            for name in names:
                links += 1
                inode = self._inode(f"{self._proc}/{pid}/fd/{name}")
                if inode in wanted:
                    wanted.discard(inode)
                    self._holders[inode] = (int(pid), self._name(int(pid)))
            if not wanted or links >= MOST_LINKS:
                return

    def _inode(self, link: str) -> int:
        try:
            target = os.readlink(link)  # noqa: PTH115 - thousands of them: no Path object for each
        except OSError:
            return -1
        return int(target[8:-1]) if target.startswith("socket:[") else -1

    def _name(self, pid: int) -> str:
        try:
            descriptor = os.open(f"{self._proc}/{pid}/comm", os.O_RDONLY)
        except OSError:
            return ""
        try:
            raw = os.read(descriptor, 64)
        except OSError:
            return ""
        finally:
            os.close(descriptor)
        return inert(raw.rstrip(b"\n").decode("utf-8", "backslashreplace"))


def _order(one: Listener) -> tuple[str, int, str]:
    return one.protocol, one.port, one.address


def _bound(protocol: str, words: list[bytes]) -> _Bound:
    address, port = address_of(words[_LOCAL])
    return _Bound(protocol, address, port, address in {"0.0.0.0", "::"}, int(words[_INODE]))


def address_of(text: bytes) -> tuple[str, int]:
    """``0100007F:1F90`` is 127.0.0.1 and 8080: the kernel prints each 32 bits as a number of its own byte order.

    Raises ValueError for garbage.
    """
    host, _, port = text.decode("ascii").partition(":")
    if len(host) not in {8, 32}:
        raise ValueError(f"not an address: {text!r}")
    raw = b"".join(int(host[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(host), 8))
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw), int(port, 16)
