"""A loaded model: its weights, its vocabulary, and the sentences for when it cannot be loaded."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.inference.llama.library import library, lines, quick
from engine.inference.thinking import HARMONY_MARKS
from engine.text import inert

_UNKNOWN = re.compile(r"unknown model architecture: '(.*?)'")
_REASON = re.compile(r"error loading model[^:]*: (.*)")
_ROUNDS = 16


class Aborted(Exception):  # noqa: N818 - not an error: somebody asked for it
    """Loading was told to stop."""


class Model:
    """Owned by one thread; :meth:`free` ends it."""

    def __init__(self, path: Path, on_progress: Callable[[float], bool]) -> None:
        """Load the weights, mapped from the file. ``on_progress`` gets the share loaded and returns whether to go on.

        Raises :class:`ModelError` with a sentence, or :class:`Aborted` after ``on_progress`` said no.
        """
        api = library()
        self._api = api
        going = True

        def progress(share: float, _: int | None) -> bool:
            nonlocal going
            going = going and on_progress(share)
            return going

        parameters = api.llama_model_default_params()
        callback = api.llama_progress_callback(progress)
        parameters.progress_callback = callback
        lines.errors.clear()
        self.handle: Any = api.llama_model_load_from_file(str(path).encode("utf-8", "surrogateescape"), parameters)
        if not self.handle:
            if not going:
                raise Aborted
            raise ModelError(_why(path))
        try:
            self._check(path)
        except ModelError:
            self.free()
            raise
        self._open_vocabulary()

    def _check(self, path: Path) -> None:
        api = self._api
        shown = inert(str(path))
        if not api.llama_model_has_decoder(self.handle) or api.llama_model_has_encoder(self.handle):
            raise ModelError(f"The model {shown} is not one that continues a text: choose a chat model.")
        if api.llama_model_is_diffusion(self.handle):
            raise ModelError(f"The model {shown} writes by diffusion, which telltop cannot stream: choose another.")

    def _open_vocabulary(self) -> None:
        api = self._api
        self.vocab = self._vocab = api.llama_model_get_vocab(self.handle)
        self._to_piece = quick(api.llama_token_to_piece)
        self._is_end = quick(api.llama_vocab_is_eog)
        self._buffer = ctypes.create_string_buffer(512)
        self.pieces: dict[int, bytes | None] = {}
        """What :meth:`piece` has found so far."""
        self.vocabulary = int(api.llama_vocab_n_tokens(self._vocab))
        self.add_bos = bool(api.llama_vocab_get_add_bos(self._vocab))
        self.bos = int(api.llama_vocab_bos(self._vocab))
        self.eos = int(api.llama_vocab_eos(self._vocab))
        self.rewindable = not (api.llama_model_is_recurrent(self.handle) or api.llama_model_is_hybrid(self.handle))
        """Whether the last tokens of a sequence can be forgotten; a recurrent state cannot go back."""
        marks = {mark: tokens[0] for mark in HARMONY_MARKS if len(tokens := self.tokenize(mark, special=True)) == 1}
        self.harmony = {"<|channel|>", "<|message|>"} <= {
            mark for mark, token in marks.items() if api.llama_vocab_is_control(self._vocab, token)
        }
        """Whether it writes in channels, as gpt-oss does."""
        if self.harmony:
            self.pieces = {
                token: mark.encode() for mark, token in marks.items() if not self._is_end(self._vocab, token)
            }

    def free(self) -> None:
        """Give the weights back; contexts must be freed before."""
        if self.handle:
            self._api.llama_model_free(self.handle)
            self.handle = None

    def special(self, token: int) -> str:
        """The text that stands for a special token in a template, empty where the model has none."""
        text = self._api.llama_vocab_get_text(self._vocab, token) if token >= 0 else b""
        return (text or b"").decode("utf-8", "replace")

    @property
    def bos_text(self) -> str:
        """What a template writes for the beginning of a text."""
        return self.special(self.bos)

    @property
    def eos_text(self) -> str:
        """What a template writes for the end of a text."""
        return self.special(self.eos)

    def prompt(self, text: str) -> list[int]:
        """Tokens of a rendered prompt, its special tokens recognized, begun as the model wants it."""
        tokens = self.tokenize(text, special=True)
        if self.add_bos and self.bos >= 0 and tokens[:1] != [self.bos]:
            tokens.insert(0, self.bos)
        return tokens

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Tokens of ``text``; with ``special``, control tokens written in it become themselves."""
        raw = text.encode("utf-8", "replace")
        room = len(raw) + 8  # a token has at least one byte, but for a leading space that some vocabularies add
        tokens = (ctypes.c_int32 * room)()
        count = self._api.llama_tokenize(self._vocab, raw, len(raw), tokens, room, False, special)
        if count < 0:
            room = -count
            tokens = (ctypes.c_int32 * room)()
            count = self._api.llama_tokenize(self._vocab, raw, len(raw), tokens, room, False, special)
        return tokens[: max(0, count)]

    def disarm(self, text: str) -> str:
        """``text`` in which no control token is spelled any more: a process name must not end the operator's turn.

        A space after its first character breaks the spelling and leaves it readable.
        """
        for _ in range(_ROUNDS):
            control = {
                token
                for token in set(self.tokenize(text, special=True)) - set(self.tokenize(text, special=False))
                if self._api.llama_vocab_is_control(self._vocab, token)
            }
            spelled = {self.special(token) for token in control} - {""}
            if not any(each in text for each in spelled):
                return text
            for each in spelled:
                text = text.replace(each, f"{each[0]} {each[1:]}" if len(each) > 1 else " ")
        return ""  # a vocabulary whose control tokens come back however they are broken is not to be trusted

    def piece(self, token: int) -> bytes | None:
        """The bytes that ``token`` writes, empty for a control token, or ``None`` if it ends the text."""
        try:
            return self.pieces[token]
        except KeyError:
            found = self.pieces[token] = None if self._is_end(self._vocab, token) else self._spell(token)
            return found

    def _spell(self, token: int) -> bytes:
        length = self._to_piece(self._vocab, token, self._buffer, len(self._buffer), 0, False)
        if length < 0:
            self._buffer = ctypes.create_string_buffer(-length)
            length = self._to_piece(self._vocab, token, self._buffer, len(self._buffer), 0, False)
        return self._buffer.raw[: max(0, length)]


def _why(path: Path) -> str:
    """The sentence for a file that llama.cpp refused, from what it logged."""
    shown = inert(str(path))
    told = list(lines.errors)
    for line in told:
        if found := _UNKNOWN.search(line):
            return (
                f"The model {shown} has the architecture '{inert(found[1], 64)}', which this llama.cpp does not know: "
                "choose another model, or a newer llama-cpp-python."
            )
    for line in told:
        if found := _REASON.search(line):
            return f"The model {shown} cannot be loaded ({inert(found[1], 300)}): choose another file."
    reason = f" ({inert(told[-1], 300)})" if told else ""
    return f"The model {shown} cannot be loaded{reason}: choose another file."
