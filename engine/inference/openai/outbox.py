"""From a transfer to who reads its words: words that come faster than 15 times a second are put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from engine.inference.protocol import Delta, Failed, Finished, Generation, Voice

INTERVAL_S = 1 / 15
"""Between two deltas."""


class Outbox:
    """Keeps the events of one text until they are read; words grow together meanwhile."""

    def __init__(self) -> None:
        self._kept: list[Generation] = []
        self._words: list[tuple[Voice, list[str]]] = []
        self._some = asyncio.Event()
        self._over = asyncio.Event()
        self.last: Generation | None = None
        """What ended the text, once something did."""

    def put(self, event: Generation) -> None:
        """Take the next event."""
        if isinstance(event, Delta):
            if not self._words or self._words[-1][0] != event.channel:
                self._words.append((event.channel, []))
            self._words[-1][1].append(event.text)
        else:
            self._kept.append(event)
            if isinstance(event, Finished | Failed):
                self.last = event
                self._over.set()
        self._some.set()

    def close(self, sentence: str) -> None:
        """Nothing follows: if nothing has ended the text, ``sentence`` says why it is not whole."""
        if self.last is None:
            self.put(Failed(sentence))

    async def events(self) -> AsyncGenerator[Generation, None]:
        """All events, to the one that ends the text."""
        while True:
            await self._some.wait()
            self._some.clear()
            kept, words, last = self._kept, self._words, self.last
            self._kept, self._words = [], []
            for event in kept:
                if not isinstance(event, Finished | Failed):
                    yield event
            for channel, pieces in words:
                yield Delta("".join(pieces), channel)
            if last is not None:
                yield last
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(INTERVAL_S):
                    await self._over.wait()
