"""How much of a prompt may be read at once while others are being written."""

from __future__ import annotations

_LEAST = 16  # tokens: below it a batch costs as much as a full one
_SHARE = 0.2  # weight of the newest measurement
_STALL = 1.5  # gaps between two tokens that reading may add to one


class Pace:
    """Measures what a token costs to write and to read, and derives the chunk that does not stall a running text."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._gap_s = 0.0
        self._read_s = 0.0

    def wrote(self, seconds: float) -> None:
        """A batch of single tokens took this long."""
        self._gap_s += (seconds - self._gap_s) * (_SHARE if self._gap_s else 1.0)

    def read(self, tokens: int, seconds: float) -> None:
        """A batch with ``tokens`` of prompts took this long."""
        each = max(0.0, seconds - self._gap_s) / tokens
        self._read_s += (each - self._read_s) * (_SHARE if self._read_s else 1.0)

    def chunk(self) -> int:
        """Tokens of a prompt to read beside running texts."""
        if not self._gap_s or not self._read_s:
            return 4 * _LEAST
        return max(_LEAST, min(self._most, int(_STALL * self._gap_s / self._read_s)))

    def takes(self, tokens: int) -> float:
        """Seconds that reading ``tokens`` will take, 0 while unknown."""
        return tokens * self._read_s
