"""Making text from the node inert. A process may call itself anything; nothing it says may act on a terminal."""

from __future__ import annotations

import unicodedata

_HARMLESS_MAJOR = frozenset("LMNPS")  # letters, marks, numbers, punctuation, symbols


def inert(text: str, limit: int = 4096) -> str:
    r"""One printable line of at most ``limit`` characters.

    Control and format characters (escape sequences, newlines, bidirectional overrides, zero-width joins), lone
    surrogates, private and unassigned code points become their escapes (``\x1b``, ``\u202e``), so that they are
    seen and do nothing. Spaces of other widths become a plain space.
    """
    cut = text[:limit]
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join(map(_visible, cut))[:limit]


def _visible(char: str) -> str:
    if " " <= char <= "~":
        return char
    category = unicodedata.category(char)
    if category[0] not in _HARMLESS_MAJOR and category != "Zs":
        code = ord(char)
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return " " if category == "Zs" else char
