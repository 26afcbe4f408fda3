"""One request on its way through the engine, and the channel by which its words reach the caller's event loop."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable

from engine.inference.llama.stream import TextStream
from engine.inference.protocol import Delta, Failed, Finished, Generation, Request, Started, TokenLogprob, Voice
from engine.inference.thinking import Harmony, Part, Thinking
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
    held: list[Delta] = []
    for event in events:
        if isinstance(event, Delta) and (not held or held[0].channel == event.channel):
            held.append(event)
            continue
        if held:
            yield _one(held)
            held = []
        if isinstance(event, Delta):
            held = [event]
        else:
            yield event
    if held:
        yield _one(held)


def _one(deltas: list[Delta]) -> Delta:
    logprobs = tuple(each for delta in deltas for each in delta.logprobs)
    return Delta("".join(delta.text for delta in deltas), deltas[0].channel, logprobs)


class Job:
    """One request. Made in the caller's loop, then owned by the model thread, but for ``cancelled``."""

    def __init__(self, request: Request, channel: Channel) -> None:
        self.request = request
        self.cancelled = False
        """Set by any thread; never unset."""
        self._number = next(_numbers)
        self._channel = channel
        self._created = time.monotonic()
        self._stream = TextStream(request.sampling.stop)
        self._thinking: Thinking | Harmony | None = None
        self._pending: list[Part] = []
        self._logprobs: list[TokenLogprob] = []
        self._sent = 0.0
        self._begun = 0.0
        self._first = 0.0
        self._last = 0.0
        self._prompt = 0
        self._cached = 0
        self._dropped = 0
        self.written = 0
        """Tokens written so far."""

    def prepared(self, stop: tuple[str, ...], thinking: Thinking | Harmony | None, dropped: int) -> None:
        """How the text is to be taken apart: ``stop`` are strings that end it besides those that the request names.

        ``dropped`` messages have been left out of the prompt.
        """
        self._stream = TextStream(self.request.sampling.stop + stop)
        self._thinking = thinking
        self._dropped = dropped

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

    def spared(self, cached: int) -> None:
        """So many tokens of the prompt were read by another request meanwhile."""
        self._cached = max(self._cached, cached)

    def wrote(self, piece: bytes, now: float, logprob: TokenLogprob | None = None) -> None:
        """A token has been written; ``now`` is monotonic."""
        self.written += 1
        self._last = now
        if logprob is not None:
            self._logprobs.append(logprob)
        thinking = self._thinking
        if thinking is None:
            if text := self._stream.feed(piece):
                self._pending.append(("answer", text))
        else:
            self._sort(thinking.feed(self._stream.decode(piece)))
            if thinking.settled:
                self._thinking = None
        if self.written == 1:
            self._first = now
            self._send(now, Started(self._prompt, self._cached, self._dropped))
        elif self._pending and now - self._sent >= INTERVAL_S:
            self._send(now)

    def _sort(self, parts: Iterable[Part]) -> None:
        """Stop strings count in the answer alone."""
        for voice, part in parts:
            text = self._stream.past(part) if voice == "answer" else part
            if text:
                self._pending.append((voice, text))

    def flush(self, now: float) -> None:
        """Send what waits for its turn: the next token will take longer than that."""
        if self._pending:
            self._send(now)

    def finish(self, reason: str) -> None:
        """The text is at its end: ``stop`` or ``length``."""
        self._settle()
        opening = [] if self.written else [Started(self._prompt, self._cached, self._dropped)]
        end = Finished("stop" if reason == "stop" else "length", self._timings())
        self._send(time.monotonic(), *opening, end=end)

    def fail(self, sentence: str) -> None:
        """The text cannot be written."""
        self._send(time.monotonic(), end=Failed(sentence))

    def _settle(self) -> None:
        """What was held back is no mark and no stop string: the text is at its end."""
        if self._thinking is not None:
            self._sort(self._thinking.rest())
        if rest := self._stream.rest():
            self._pending.append(("answer", rest))

    def _send(self, now: float, *events: Generation, end: Generation | None = None) -> None:
        out = list(events)
        if self._pending or (self._logprobs and end is not None):
            out += self._deltas()
        if end is not None:
            out.append(end)
        self._sent = now
        if not self.cancelled and not self._channel.send(out):
            self.cancelled = True

    def _deltas(self) -> Iterable[Delta]:
        logprobs = tuple(self._logprobs)
        self._logprobs.clear()
        if len(self._pending) == 1 or (self._pending and not self._mixed()):
            voice = self._pending[0][0]
            text = "".join(part for _, part in self._pending)
            self._pending.clear()
            return [Delta(text, voice, logprobs)]
        parts = [Delta(text, voice) for voice, text in self._pending] or [Delta("")]
        self._pending.clear()
        return [*parts[:-1], Delta(parts[-1].text, parts[-1].channel, logprobs)]

    def _mixed(self) -> bool:
        voices: set[Voice] = {voice for voice, _ in self._pending}
        return len(voices) > 1

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
