"""Server-sent events out of raw bytes, in bounded memory.

The parsers at hand (httpx-sse, sseclient-py) collect a line until it ends, however long it gets, and the latter reads
by blocking; a hostile server must not fill this node's memory. Only the data of events is of use here.
"""

from __future__ import annotations

import codecs

MOST_EVENT = 1 << 20
"""Characters of one event; a usual one has 300."""


class TooLongError(Exception):
    """An event, or one line of it, is longer than anything that a server has reason to send."""


class EventParser:
    """Feeds on pieces cut anywhere, inside a line or inside a character; gives the data of whole events."""

    def __init__(self, most: int = MOST_EVENT) -> None:
        self._most = most
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._open: list[str] = []
        self._open_size = 0
        self._after_return = False
        self._data: list[str] = []
        self._size = 0

    def feed(self, piece: bytes) -> list[str]:
        """The data of each event that ``piece`` completes. Raises TooLongError."""
        text = self._decoder.decode(piece)
        if self._after_return and text:  # a line feed would be the second half of a CR LF
            self._after_return = False
            text = text.removeprefix("\n")
        if not text:
            return []
        self._after_return = text.endswith("\r")
        first, *lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._keep(first)
        events = []
        for line in lines:
            events.append(self._end_of("".join(self._open)))
            self._open, self._open_size = [], 0
            self._keep(line)
        return [event for event in events if event is not None]

    def _keep(self, part: str) -> None:
        """Parts are joined once, when their line ends: one that comes in single bytes costs no more than another."""
        self._open_size += len(part)
        if self._open_size > self._most:
            raise TooLongError
        self._open.append(part)

    def _end_of(self, line: str) -> str | None:
        line = line.removeprefix("\ufeff")
        if not line:
            event = "\n".join(self._data) if self._data else None
            self._data, self._size = [], 0
            return event
        name, _, value = line.partition(":")
        if name == "data":
            self._size += len(value)
            if self._size > self._most:
                raise TooLongError
            self._data.append(value.removeprefix(" "))
        return None
