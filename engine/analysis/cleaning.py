"""Making a model's words harmless. A model repeats what it was fed; nothing that it writes may act on a terminal."""

from __future__ import annotations

import unicodedata

_OPEN, _CLOSE = "<think>", "</think>"


def clean(text: str) -> str:
    """``text`` without control and format characters; line feeds stay, tabs become spaces.

    Escape sequences lose their escape, bidirectional overrides and zero-width characters vanish, and so do lone
    surrogates, private and unassigned code points. Spaces of other widths become a plain space, line and paragraph
    separators become line feeds.
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(map(_harmless, text))


def _harmless(char: str) -> str:
    if char == "\n" or " " <= char <= "~":
        return char
    if char == "\t":
        return " "
    category = unicodedata.category(char)
    if category in {"Zl", "Zp"}:
        return "\n"
    if category == "Zs":
        return " "
    return "" if category[0] == "C" else char


class Cleaner:
    """Cleans a text that arrives in pieces: also drops what a reasoning model thinks aloud before its answer.

    White space at the beginning is dropped. A ``<think>`` block is only looked for there.
    """

    def __init__(self) -> None:
        self._begun = False
        self._thinking = False
        self._held = ""

    def feed(self, piece: str) -> str:
        """What of ``piece``, and of what was held back before it, may be shown now."""
        text = self._held + clean(piece)
        self._held = ""
        if self._begun:
            return text
        if not self._thinking:
            text = text.lstrip()
            if len(text) < len(_OPEN) and _OPEN.startswith(text):
                self._held = text
                return ""
            self._thinking = text.startswith(_OPEN)
        if self._thinking:
            _, closed, text = text.partition(_CLOSE)
            if not closed:
                self._held = _tail(_)
                return ""
            self._thinking = False
            return self.feed(text)
        self._begun = True
        return text

    def rest(self) -> str:
        """What was still held back when the text ended: an answer shorter than the marker it might have become."""
        held, self._held = self._held, ""
        return "" if self._thinking else held


def _tail(thought: str) -> str:
    """The end of ``thought`` that may be the beginning of the closing marker."""
    return thought[-(len(_CLOSE) - 1) :]
