"""From the bytes of tokens to text that may be shown: whole characters, and never a part of a stop string."""

from __future__ import annotations

import codecs


class TextStream:
    """Text of one generation. Where tokens cut it does not change what comes out."""

    def __init__(self, stop: tuple[str, ...] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = tuple(each for each in stop if each)
        self._longest = max(map(len, self._stop), default=0)
        self._held = ""
        self.stopped = False
        """A stop string has come; nothing follows."""

    def feed(self, piece: bytes) -> str:
        """The text that is certain after ``piece``; of stop strings the one that ends first counts."""
        if self.stopped:
            return ""
        text = self._decoder.decode(piece)
        if not self._stop:
            return text
        text = self._held + text
        found = min(
            ((at + len(stop), at) for stop in self._stop if (at := text.find(stop)) >= 0),
            default=None,
        )
        if found is not None:
            self.stopped = True
            self._held = ""
            return text[: found[1]]
        keep = self._open_end(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def rest(self) -> str:
        """What was held back for a stop string that then did not come; a character cut in half is dropped."""
        held, self._held = self._held, ""
        return held

    def _open_end(self, text: str) -> int:
        """How many last characters could be the beginning of a stop string."""
        for length in range(min(len(text), self._longest - 1), 0, -1):
            end = text[-length:]
            if any(stop.startswith(end) for stop in self._stop):
                return length
        return 0
