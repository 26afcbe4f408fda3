"""Making a model's words harmless. A model repeats what it was fed; nothing that it writes may act on a terminal."""

from __future__ import annotations

import unicodedata


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
    """Cleans a text that arrives in pieces; white space at its beginning is dropped."""

    def __init__(self) -> None:
        self._begun = False

    def feed(self, piece: str) -> str:
        """What of ``piece`` may be shown."""
        text = clean(piece)
        if not self._begun:
            text = text.lstrip()
            self._begun = bool(text)
        return text
