"""Telling what a reasoning model thinks aloud from its answer, wherever the pieces of its text are cut.

Two ways of marking are in use: a ``<think>`` block before the answer, and the channels of gpt-oss ("harmony"), where
each message begins with a header that names its channel.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.inference.protocol import Voice

Part = tuple[Voice, str]

_OPEN, _CLOSE = "<think>", "</think>"
_CHANNEL, _MESSAGE = "<|channel|>", "<|message|>"
_ENDS = ("<|end|>", "<|start|>", _CHANNEL, "<|call|>", "<|return|>")
HARMONY_MARKS = (_MESSAGE, *_ENDS)
"""Control tokens whose spelling :class:`Harmony` must be fed."""
_LONGEST_HEADER = 256


class Thinking:
    """A ``<think>`` block, looked for only at the beginning of the text, but for white space."""

    def __init__(self, *, begun: bool = False) -> None:
        """``begun`` if the prompt ends inside the block, as the templates of some models have it."""
        self._thinking = begun
        self._held = ""
        self.settled = False
        """All that follows is the answer."""

    def feed(self, text: str) -> list[Part]:
        """The parts that are certain after ``text``."""
        if self.settled:
            return [("answer", text)] if text else []
        text, self._held = self._held + text, ""
        out: list[Part] = []
        if not self._thinking:
            start = text.lstrip()
            if len(start) < len(_OPEN) and _OPEN.startswith(start):
                self._held = text
                return out
            if not start.startswith(_OPEN):
                self.settled = True
                return [("answer", text)]
            self._thinking, text = True, start[len(_OPEN) :]
        thought, closed, rest = text.partition(_CLOSE)
        if not closed:
            keep = open_end(thought, (_CLOSE,))
            self._held = thought[len(thought) - keep :]
            thought = thought[: len(thought) - keep]
        if thought:
            out.append(("thinking", thought))
        if closed:
            self.settled = True
            if rest:
                out.append(("answer", rest))
        return out

    def rest(self) -> list[Part]:
        """What was held back for a mark that then did not come."""
        held, self._held = self._held, ""
        return [("thinking" if self._thinking else "answer", held)] if held else []


class Harmony:
    """The channels of gpt-oss: ``final`` is the answer, as is text without a header; every other is thinking."""

    settled = False

    def __init__(self) -> None:
        self._voice: Voice = "answer"
        self._in_header = False
        self._held = ""

    def feed(self, text: str) -> list[Part]:
        """The parts that are certain after ``text``."""
        self._held += text
        out: list[Part] = []
        while self._held:
            if self._in_header:
                header, found, rest = self._held.partition(_MESSAGE)
                if not found:
                    if len(header) > _LONGEST_HEADER:  # no header, whatever it is
                        self._in_header = False
                        continue
                    break
                self._voice = "answer" if header.rpartition(_CHANNEL)[2].strip().startswith("final") else "thinking"
                self._in_header, self._held = False, rest
                continue
            at, mark = min(
                ((at, mark) for mark in _ENDS if (at := self._held.find(mark)) >= 0),
                default=(len(self._held) - open_end(self._held, _ENDS), ""),
            )
            if at:
                out.append((self._voice, self._held[:at]))
            self._held = self._held[at:]
            if not mark:
                break
            # The header keeps its channel mark: only what follows the last one names the channel.
            self._held = self._held[len(mark) :]
            self._in_header = mark in {_CHANNEL, "<|start|>"}
        return out

    def rest(self) -> list[Part]:
        """What was held back for a mark that then did not come; a header without a message is nothing."""
        held, self._held = self._held, ""
        return [(self._voice, held)] if held and not self._in_header else []


def open_end(text: str, marks: Iterable[str]) -> int:
    """How many last characters of ``text`` could be the beginning of one of ``marks``."""
    marks = tuple(marks)
    for length in range(min(len(text), max(map(len, marks), default=1) - 1), 0, -1):
        end = text[-length:]
        if any(mark.startswith(end) for mark in marks):
            return length
    return 0
