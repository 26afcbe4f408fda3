"""One request on its way through the engine, and the channel by which its words reach the caller's event loop."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable

from engine.inference.llama.stream import TextStream
from engine.inference.protocol import Delta, Failed, Finished, Generation, Request, Started
from engine.report import Timings

INTERVAL_S = 1 / 15
"""Between two wake-ups of the caller's loop for one request."""

_numbers = itertools.count()


class Channel:
    """From the model thread to one event loop. Neither side ever waits for the other."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._events: list[Generation] = []
        self._ready = asyncio.Event()

    def send(self, events: list[Generation]) -> bool:
        """Called in the model thread; false if the loop is gone."""
        try:
            self._loop.call_soon_threadsafe(self._receive, events)
        except RuntimeError:  # the loop has been closed
            return False
        return True

    def _receive(self, events: list[Generation]) -> None:
        self._events.extend(events)
        self._ready.set()

    async def take(self) -> list[Generation]:
        """What has come since the last call, at least one event; the text in one piece."""
        await self._ready.wait()
        self._ready.clear()
        events, self._events = self._events, []
        return list(_joined(events))


def _joined(events: Iterable[Generation]) -> Iterable[Generation]:
    text: list[str] = []
    for event in events:
        if isinstance(event, Delta):
            text.append(event.text)
            continue
        if text:
            yield Delta("".join(text))
            text = []
        yield event
    if text:
        yield Delta("".join(text))


class Job:
    """One request. Made in the caller's loop, then owned by the model thread, but for ``cancelled``."""

    def __init__(self, request: Request, channel: Channel, stop: tuple[str, ...] = ()) -> None:
        """``stop`` are strings that end the text besides those that the request names."""
        self.request = request
        self.cancelled = False
        """Set by any thread; never unset."""
        self._number = next(_numbers)
        self._channel = channel
        self._created = time.monotonic()
        self._stream = TextStream(request.sampling.stop + stop)
        self._pending: list[str] = []
        self._sent = 0.0
        self._begun = 0.0
        self._first = 0.0
        self._last = 0.0
        self._prompt = 0
        self._cached = 0
        self.written = 0
        """Tokens written so far."""

    @property
    def turn(self) -> tuple[int, int]:
        """Who goes first: the smaller, by priority, then by age."""
        return self.request.priority, self._number

    @property
    def stopped(self) -> bool:
        """A stop string has come."""
        return self._stream.stopped

    def admitted(self, prompt: int, cached: int) -> None:
        """The prompt, of so many tokens, begins to be read, but for those that a kept prefix spares."""
        self._begun = time.monotonic()
        self._prompt, self._cached = prompt, cached

    def wrote(self, piece: bytes, now: float) -> None:
        """A token has been written; ``now`` is monotonic."""
        self.written += 1
        self._last = now
        if text := self._stream.feed(piece):
            self._pending.append(text)
        if self.written == 1:
            self._first = now
            self._send(now, Started(self._prompt, self._cached))
        elif self._pending and now - self._sent >= INTERVAL_S:
            self._send(now)

    def flush(self, now: float) -> None:
        """Send what waits for its turn: the next token will take longer than that."""
        if self._pending:
            self._send(now)

    def finish(self, reason: str) -> None:
        """The text is at its end: ``stop`` or ``length``."""
        if rest := self._stream.rest():
            self._pending.append(rest)
        opening = [] if self.written else [Started(self._prompt, self._cached)]
        end = Finished("stop" if reason == "stop" else "length", self._timings())
        self._send(time.monotonic(), *opening, end=end)

    def fail(self, sentence: str) -> None:
        """The text cannot be written."""
        self._send(time.monotonic(), end=Failed(sentence))

    def _send(self, now: float, *events: Generation, end: Generation | None = None) -> None:
        out = list(events)
        if self._pending:
            out.append(Delta("".join(self._pending)))
            self._pending.clear()
        if end is not None:
            out.append(end)
        self._sent = now
        if not self.cancelled and not self._channel.send(out):
            self.cancelled = True

    def _timings(self) -> Timings:
        reading = self._first - self._begun if self.written else 0.0
        writing = self._last - self._first
        return Timings(
            prompt_tokens=self._prompt,
            cached_tokens=self._cached,
            completion_tokens=self.written,
            first_token_s=self._first - self._created if self.written else 0.0,
            prefill_tokens_s=(self._prompt - self._cached) / reading if reading > 0 else 0.0,
            decode_tokens_s=(self.written - 1) / writing if writing > 0 else 0.0,
        )
