"""From the bytes of tokens to text that may be shown: whole characters, and never a part of a stop string."""

from __future__ import annotations

import codecs

from engine.inference.thinking import open_end


class TextStream:
    """Text of one generation. Where tokens cut it does not change what comes out."""

    def __init__(self, stop: tuple[str, ...] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = tuple(each for each in stop if each)
        self._plain = not self._stop
        self._whole = True
        self._held = ""
        self.stopped = False
        """A stop string has come; nothing follows."""

    def feed(self, piece: bytes) -> str:
        """The text that is certain after ``piece``; of stop strings the one that ends first counts."""
        if self._plain and self._whole and piece.isascii():  # nearly always
            return piece.decode("ascii")
        return "" if self.stopped else self.past(self.decode(piece))

    def decode(self, piece: bytes) -> str:
        """The whole characters after ``piece``."""
        if self._whole and piece.isascii():  # nearly always: the decoder is left alone
            return piece.decode("ascii")
        text = self._decoder.decode(piece)
        self._whole = not self._decoder.getstate()[0]
        return text

    def past(self, text: str) -> str:
        """What of ``text``, and of what was held back before it, is not part of a stop string."""
        if self.stopped:
            return ""
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
        keep = open_end(text, self._stop)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def rest(self) -> str:
        """What was held back for a stop string that then did not come; a character cut in half is dropped."""
        held, self._held = self._held, ""
        return held
