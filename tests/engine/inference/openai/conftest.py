"""A real server on loopback that speaks, or breaks, OpenAI's protocol as a test wants it to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from engine.events import ModelChanged
from engine.inference.openai import EndpointEngine, Patience
from engine.inference.protocol import Briefing, Delta, Failed, Finished, Message, Request, Sampling, Started
from tests.engine.inference.llama.snapshots import SNAPSHOT

Script = Callable[["Call"], Awaitable[None]]


class Call:
    """One request to the server, and the connection on which it is answered in whatever way."""

    def __init__(self, line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        self.line, self.headers, self.body, self.writer = line, headers, body, writer

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    async def send(self, content: bytes | str) -> None:
        self.writer.write(content if isinstance(content, bytes) else content.encode())
        await self.writer.drain()

    async def head(self, status: str = "200 OK", kind: str = "text/event-stream", **headers: object) -> None:
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        await self.send(f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nconnection: close\r\n{more}\r\n")

    async def answer(self, status: str, body: object, **headers: object) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self.head(status, "application/json", content_length=len(content), **headers)
        await self.send(content)

    async def event(self, body: object) -> None:
        await self.send(f"data: {body if isinstance(body, str) else json.dumps(body)}\n\n")

    async def words(self, *words: str, **more: object) -> None:
        for word in words:
            await self.event({"choices": [{"index": 0, "delta": {"content": word}, **more}]})

    async def gone(self) -> None:
        """Wait until the other side has closed the connection."""
        while True:
            try:
                self.writer.write(b": still here\n\n")
                await self.writer.drain()
            except ConnectionError:
                return
            await asyncio.sleep(0.01)


class Server:
    """Answers each chat with ``script``, and the list of models with ``listing``."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.script: Script = nothing
        self.listing: Script = one_model
        self.ended: asyncio.Queue[Call] = asyncio.Queue()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest if each)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            call = Call(line, headers, body, writer)
            if line.startswith("GET"):
                await self.listing(call)
            else:
                self.calls.append(call)
                await self.script(call)
                self.ended.put_nowait(call)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def nothing(call: Call) -> None:
    """Close without a word."""


async def one_model(call: Call) -> None:
    await call.answer("200 OK", {"object": "list", "data": [{"id": "the-one", "object": "model"}]})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    served = Server()
    listening = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with listening:
        yield served


def request(text: str = "hello", **sampling: Any) -> Request:
    return Request(
        (Message("system", "be brief"), Message("user", text)),
        Briefing(SNAPSHOT, (), "answer"),
        Sampling(**{"max_tokens": 40, **sampling}),
    )


class Written:
    """What one generation came to."""

    def __init__(self) -> None:
        self.text = ""
        self.thought = ""
        self.events: list[object] = []
        self.deltas: list[str] = []
        self.started: Started | None = None
        self.finished: Finished | None = None
        self.failed = ""

    async def read(self, engine: EndpointEngine, wanted: Request) -> Written:
        async for event in engine.generate(wanted):
            self.events.append(event)
            match event:
                case Started():
                    self.started = event
                case Delta(text, "thinking"):
                    self.thought += text
                case Delta(text):
                    self.deltas.append(text)
                    self.text += text
                case Finished():
                    self.finished = event
                case Failed(sentence):
                    self.failed = sentence
        assert isinstance(self.events[-1], Finished | Failed)
        assert "\n" not in self.failed
        assert self.failed.isprintable()
        return self


async def write(engine: EndpointEngine, wanted: Request | None = None) -> Written:
    """Write one text to its end."""
    return await Written().read(engine, wanted or request())


PATIENCE = Patience(connect_s=5.0, first_s=5.0, stall_s=5.0)
Open = Callable[..., Awaitable[tuple[EndpointEngine, "asyncio.Queue[ModelChanged]"]]]


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[tuple[EndpointEngine, asyncio.Queue[ModelChanged]]]:
    states: asyncio.Queue[ModelChanged] = asyncio.Queue()
    engine = EndpointEngine(url, on_state=states.put_nowait, **{"patience": PATIENCE, **options})
    engine.start()
    try:
        yield engine, states
    finally:
        await asyncio.to_thread(engine.close)


async def settled(states: asyncio.Queue[ModelChanged]) -> ModelChanged:
    """Wait until the engine is ready or has failed."""
    while (state := await states.get()).state == "loading":
        pass
    return state


@pytest.fixture
async def start(server: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Open]:
    """Starts an engine that talks to the server; closed after the test."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with AsyncExitStack() as stack:

        async def begin(url: str | None = None, **options: Any) -> Any:
            return await stack.enter_async_context(opened(url or server.url, **options))

        yield begin


@pytest.fixture
async def engine(start: Open) -> EndpointEngine:
    """An engine that is ready."""
    found, states = await start()
    state = await settled(states)
    assert state.state == "ready", state.detail
    return found
