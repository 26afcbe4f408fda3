"""A text while it is written, whoever writes it and however it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing

import msgspec

from engine.analysis.cleaning import Cleaner
from engine.errors import TelltopError
from engine.inference.protocol import Backend, Delta, Failed, Finished, Request, Started
from engine.report import Outcome, Timings

LONGEST = 16_384
"""Characters after which a text is ended: a server that ignores ``max_tokens`` does not talk for ever."""
_NOTHING = "The model wrote nothing. Ask again, or use another model."


class Draft:
    """Collects what a backend writes, made harmless, and how it ended."""

    def __init__(self, one_line: bool = False) -> None:
        self.text = ""
        self.words = ""
        """The text as far as the backend wrote it; a failure told in its place is not of it."""
        self.outcome: Outcome = "failed"  # until something better is known
        self.failure = ""
        """Why it failed; a sentence."""
        self.timings = Timings()
        self._one_line = one_line
        self._cleaner = Cleaner()
        self._begun = 0.0

    async def write(self, backend: Backend, request: Request, say: Callable[[str], None]) -> None:
        """Run the backend to its end and hand each piece of the text to ``say``.

        Raises ``CancelledError`` when cancelled, after the outcome has been set. A failure of the backend is not
        raised: it is the outcome, and ``failure`` says why.
        """
        self._begun = time.monotonic()
        try:
            await self._read(backend, request, say)
        except asyncio.CancelledError:
            self.outcome = "cancelled"
            raise
        except TelltopError as error:
            self._fail(str(error))
        if self.outcome == "failed" and not self.text:
            self.text = self.failure
            say(self.failure)

    async def _read(self, backend: Backend, request: Request, say: Callable[[str], None]) -> None:
        async with aclosing(backend.generate(request)) as stream:
            async for event in stream:
                match event:
                    case Started(prompt_tokens=prompt, cached_tokens=cached):
                        self.timings = Timings(prompt_tokens=prompt, cached_tokens=cached)
                    case Delta(channel="thinking"):
                        pass  # what a model thinks aloud is no part of what it says of the node
                    case Delta(text=piece):
                        self._add(self._cleaner.feed(piece), say)
                        if self.outcome != "failed":  # it has been ended here
                            return
                    case Finished(reason=reason, timings=timings):
                        self.timings = timings
                        self.outcome = reason
                        if not self.text.strip():
                            self._fail(_NOTHING)
                        return
                    case Failed(sentence=sentence):
                        self._fail(sentence)
                        return
        self._fail("The model stopped without finishing its text. Ask again.")

    def _fail(self, sentence: str) -> None:
        self.outcome = "failed"
        self.failure = sentence

    def _add(self, piece: str, say: Callable[[str], None]) -> None:
        """Append, and end the text at the end of the line where one line is wanted, or where it is too long."""
        if self._one_line and "\n" in piece:
            piece = piece.partition("\n")[0]
            self.outcome = "stop"
        if len(self.text) + len(piece) >= LONGEST:
            piece = piece[: LONGEST - len(self.text)]
            self.outcome = "length"
        if not piece:
            return
        if not self.timings.first_token_s:
            first = time.monotonic() - self._begun
            self.timings = msgspec.structs.replace(self.timings, first_token_s=first)
        self.words += piece
        self.text = self.words
        say(piece)
