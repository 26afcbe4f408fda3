"""One text on its way from a server: the request, the words as they come, and every way in which that can end."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import msgspec
from msgspec import Struct

from engine.inference.openai.address import Address
from engine.inference.openai.chunks import Chunk, Counts, NotUnderstoodError, chunk
from engine.inference.openai.failures import of_status, of_transport
from engine.inference.openai.sse import EventParser, TooLongError
from engine.inference.protocol import Delta, Failed, Finished, Generation, Request, Started
from engine.inference.thinking import Part, Thinking
from engine.inference.web import httpx
from engine.report import Timings

_MOST_ERROR = 16 << 10
"""Bytes of an error that are read."""
_TOKEN_BYTES = 4096
"""No server spends more on sending a token; what does is no stream of tokens."""
_TOKEN_CHARS = 64
_SMALLEST = 1 << 16


class Patience(Struct, frozen=True):
    """How long is waited, in seconds."""

    connect_s: float = 10.0
    first_s: float = 300.0
    """For the first word: a server may have to load the model, and to read the prompt on a slow processor."""
    stall_s: float = 60.0
    """For each further word."""


class Dialect:
    """What this server takes: parameters that it refused are left out from then on."""

    def __init__(self) -> None:
        self._without: set[str] = set()

    def body(self, request: Request, model: str) -> dict[str, Any]:
        """The request, in OpenAI's own parameters only: strict servers refuse any other."""
        sampling = request.sampling
        limit = "max_completion_tokens" if "max_tokens" in self._without else "max_tokens"
        whole: dict[str, Any] = {
            "model": model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            limit: sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
        }
        if sampling.seed is not None:
            whole["seed"] = sampling.seed
        for name in ("presence_penalty", "frequency_penalty"):
            if value := getattr(sampling, name):
                whole[name] = value
        if sampling.json_schema:
            schema = {"name": "text", "strict": True, "schema": msgspec.Raw(sampling.json_schema.encode())}
            whole["response_format"] = {"type": "json_schema", "json_schema": schema}
        if sampling.stop:
            whole["stop"] = list(sampling.stop[:4])
        return {name: value for name, value in whole.items() if name not in self._without}

    def adapt(self, refused: dict[str, Any], status: int, answer: bytes) -> bool:
        """Whether the answer blames a parameter that can be left out, and the next try will do without."""
        if status not in {400, 422}:
            return False
        words = set(re.findall(r"[a-z_]+", answer.decode("utf-8", "replace")))
        optional = {"stream_options", "seed", "top_p", "temperature", "stop", "max_tokens"} & refused.keys()
        blamed = (optional & words) - self._without
        self._without |= blamed
        return bool(blamed)


class Transfer:
    """Asks for one text, and says the events of it. What ends it is always the last of them."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        server: Address,
        dialect: Dialect,
        patience: Patience,
        say: Callable[[Generation], None],
    ) -> None:
        self._client = client
        self._server = server
        self._dialect = dialect
        self._patience = patience
        self._say = say
        self._clock: asyncio.Timeout | None = None
        self._began = self._first = self._last = 0.0
        self._chars = self._pieces = 0
        self._thinking = Thinking()
        self._counts = Counts()
        self._reason: str | None = None
        self.lost = False
        """The server could not be reached at all."""

    async def run(self, request: Request, model: str) -> None:
        """Have the text written. Cancelling this closes the connection, by which the server learns of it."""
        if request.sampling.grammar:
            self._say(Failed("A server cannot be held to a grammar: ask for a JSON schema, or use a model file."))
            return
        self._began = time.monotonic()
        try:
            async with asyncio.timeout(self._patience.first_s) as self._clock:
                ending = await self._tried(request, model)
        except TimeoutError:
            ending = Failed(self._too_slow())
        except httpx.HTTPError as error:
            self.lost = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            ending = Failed(of_transport(error, self._server, self._patience.connect_s))
        except TooLongError:
            ending = Failed(f"The server {self._server.shown} sends what never ends: it is no stream of words.")
        except NotUnderstoodError:
            ending = Failed(
                f"The server {self._server.shown} sends what is not OpenAI's protocol: check that --endpoint is its "
                "address of that (.../v1)."
            )
        self._say(ending)

    async def _tried(self, request: Request, model: str) -> Generation:
        while True:
            body = self._dialect.body(request, model)
            content = msgspec.json.encode(body)
            async with self._client.stream("POST", self._server.chat, content=content) as response:
                if response.status_code == 200:
                    return await self._read(response, request.sampling.max_tokens)
                told = await beginning(response, _MOST_ERROR)
            if not self._dialect.adapt(body, response.status_code, told):
                keyed = "authorization" in self._client.headers
                return Failed(of_status(response, told, self._server, model, keyed=keyed))

    async def _read(self, response: httpx.Response, tokens: int) -> Generation:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise NotUnderstoodError  # it was not asked to compress, and what it sends may unpack to anything
        most = _SMALLEST + tokens * _TOKEN_BYTES
        if "json" in response.headers.get("content-type", ""):
            return self._whole(chunk(await beginning(response, most)))
        async for data in _events(response, most):
            if data.strip() == "[DONE]":
                return self._end("stop")
            ending = self._take(chunk(data), tokens)
            if ending is not None:
                return ending
        if self._reason is not None:
            return self._end(self._reason)
        if not self._pieces and self._first == 0.0:
            raise NotUnderstoodError
        return Failed(
            f"The server {self._server.shown} ended in the middle of the text: look at its log, and try again."
        )

    def _whole(self, answer: Chunk) -> Generation:
        """The answer of a server that does not stream."""
        if answer.reason is None and not answer.text and answer.error is None:
            raise NotUnderstoodError
        return self._take(answer, len(answer.text)) or self._end("stop")

    def _take(self, piece: Chunk, tokens: int) -> Generation | None:
        """Note what one event says; what ends the text is returned."""
        if piece.error is not None:
            says = f" (it says: {piece.error})" if piece.error else ""
            return Failed(f"The server {self._server.shown} could not go on{says}: look at its log, and try again.")
        now = time.monotonic()
        if self._first == 0.0:
            self._first = now
            counts = piece.counts
            self._say(Started(counts.prompt_tokens or 0, counts.cached_tokens or 0))
        self._counts = piece.counts.over(self._counts)
        self._reason = piece.reason or self._reason
        if piece.text or piece.thought:
            self._went_on(now)
            self._chars += len(piece.text) + len(piece.thought)
        if piece.thought:
            self._say(Delta(piece.thought, "thinking"))
        self._say_all(self._thinking.feed(piece.text))
        if self._chars > _SMALLEST + tokens * _TOKEN_CHARS:
            return Failed(f"The server {self._server.shown} does not end its text; it was cut off.")
        return None

    def _say_all(self, parts: Iterable[Part]) -> None:
        for channel, text in parts:
            self._say(Delta(text, channel))

    def _went_on(self, now: float) -> None:
        """There was progress; an event without any, sent to keep the line open, is none."""
        if self._pieces == 0:
            self._first = now
        self._pieces += 1
        self._last = now
        assert self._clock is not None
        self._clock.reschedule(asyncio.get_running_loop().time() + self._patience.stall_s)

    def _end(self, unsaid: str) -> Generation:
        if self._first == 0.0:
            self._say(Started(0, 0))
        self._say_all(self._thinking.rest())
        reason = self._reason or unsaid
        if reason == "content_filter":
            return Failed(f"The server {self._server.shown} withheld the text (content_filter).")
        return Finished("length" if reason == "length" else "stop", self._timings())

    def _timings(self) -> Timings:
        counts = self._counts
        written = counts.completion_tokens if counts.completion_tokens is not None else self._pieces
        read, cached = counts.prompt_tokens or 0, counts.cached_tokens or 0
        first, rest = (self._first or time.monotonic()) - self._began, self._last - self._first
        return Timings(
            prompt_tokens=read,
            cached_tokens=cached,
            completion_tokens=written,
            first_token_s=first,
            prefill_tokens_s=counts.prefill_tokens_s or (max(0, read - cached) / first if first > 0 else 0.0),
            decode_tokens_s=counts.decode_tokens_s or ((written - 1) / rest if written > 1 and rest > 0 else 0.0),
        )

    def _too_slow(self) -> str:
        if self._pieces:
            return f"The server {self._server.shown} has sent nothing for {self._patience.stall_s:g} s: it may hang."
        return (
            f"The server {self._server.shown} has not begun to write within {self._patience.first_s:g} s: it may be "
            "overloaded, or the model too large for it."
        )


async def beginning(response: httpx.Response, most: int) -> bytes:
    """The first ``most`` bytes of a body, as they are on the wire."""
    out = bytearray()
    async for piece in response.aiter_raw():
        out += piece
        if len(out) >= most:
            break
    return bytes(out[:most])


async def _events(response: httpx.Response, most: int) -> AsyncIterator[str]:
    """The data of each event. Raises TooLongError after ``most`` bytes."""
    parser = EventParser()
    async for piece in response.aiter_raw():
        most -= len(piece)
        if most < 0:
            raise TooLongError
        for data in parser.feed(piece):
            yield data
