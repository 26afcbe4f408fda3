"""Making text harmless inside a prompt: no chat template's marker can be formed, no quotation can be closed."""

from __future__ import annotations

from engine.text import inert

_MARKERS = {"<": "(", ">": ")", "[": "(", "]": ")", "{": "(", "}": ")", "|": "!"}
_MARKED = str.maketrans(_MARKERS)
_QUOTED = str.maketrans({**_MARKERS, '"': "'", "`": "'", "\\": "/", "#": "+"})


def neutral(text: str, limit: int = 4096) -> str:
    """One line of the node's own text, fit to stand between quotation marks in a prompt."""
    return inert(text.translate(_QUOTED), limit)


def unmarked(text: str, limit: int) -> str:
    """The first ``limit`` characters of what a person or a model said, lines kept, without template markers."""
    return "\n".join(inert(line.translate(_MARKED)) for line in text[:limit].splitlines())
