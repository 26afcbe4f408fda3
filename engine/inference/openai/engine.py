"""The model behind a server as a backend, with the same surface as the model in this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

import msgspec
from msgspec import Struct

from engine.errors import ModelError
from engine.events import ModelChanged
from engine.inference.openai.address import Address
from engine.inference.openai.failures import of_status, of_transport
from engine.inference.openai.outbox import Outbox
from engine.inference.openai.transfer import Dialect, Patience, Transfer, beginning
from engine.inference.protocol import Failed, Generation, Request
from engine.inference.web import httpx
from engine.report import Source
from engine.text import inert

RETRY_S = 30.0
"""Between two looks at a server that could not be used."""
_MOST_LIST = 1 << 20  # bytes of a list of models


class _Listed(Struct):
    id: str


class _List(Struct):
    data: list[_Listed]


class EndpointEngine:
    """A model behind an OpenAI-compatible server, as :class:`engine.inference.protocol.Backend`.

    Belongs to the event loop on which :meth:`start` is called; :meth:`close` may be called from any thread.
    """

    source: Source = "remote"

    def __init__(
        self,
        endpoint: str,
        model: str | None = None,
        api_key: str | None = None,
        *,
        patience: Patience | None = None,
        retry_s: float = RETRY_S,
        on_state: Callable[[ModelChanged], None],
    ) -> None:
        """Nothing is sent before :meth:`start`. Without ``model`` the server must have one only.

        ``on_state`` is called on the loop and must not block.
        """
        self._endpoint = endpoint
        self._key = api_key
        self._patience = patience or Patience()
        self._retry_s = retry_s
        self._on_state = on_state
        self._name = model or ""
        self._state = ModelChanged("none", inert(model or "", 100))
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._failing = asyncio.Event()
        self._server: Address | None = None
        self._client: httpx.AsyncClient | None = None
        self._dialect = Dialect()
        self._running: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def model(self) -> str:
        """The model's name at the server, or the server's address before that is known."""
        return self._state.name or inert(self._endpoint, 100)

    @property
    def state(self) -> ModelChanged:
        """What ``on_state`` was told last."""
        return self._state

    def start(self) -> None:
        """Begin to look for the server; returns at once. A second call does nothing."""
        with self._lock:
            if self._loop is not None or self._closing:
                return
            self._loop = asyncio.get_running_loop()
        self._watcher = self._loop.create_task(self._watch(), name="telltop-endpoint")

    def close(self) -> None:
        """End what is under way and close all connections; may be called at any time, and again.

        From another thread this waits until it is done; on the loop's own it cannot, and all is done soon after.
        """
        with self._lock:
            self._closing = True
            loop = self._loop
        if loop is None or loop.is_closed():
            return
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is loop:
            self._cancel()
            return
        with suppress(RuntimeError, asyncio.CancelledError):  # the loop ended meanwhile, and all tasks with it
            asyncio.run_coroutine_threadsafe(self._end(), loop).result()

    async def generate(self, request: Request) -> AsyncGenerator[Generation, None]:
        """Write one text: see :meth:`Backend.generate`. Closing the generator closes the connection."""
        if self._closing or self._server is None or self._client is None or not self._name:
            yield Failed(self._refusal())
            return
        outbox = Outbox()
        transfer = Transfer(self._client, self._server, self._dialect, self._patience, outbox.put)
        task = asyncio.create_task(transfer.run(request, self._name), name="telltop-transfer")
        self._running.add(task)
        task.add_done_callback(lambda _: outbox.close("The connection to the server has been closed."))
        try:
            async for event in outbox.events():
                yield event
        finally:
            self._running.discard(task)
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled() and task.exception() is not None:
                task.result()
            if transfer.lost and isinstance(outbox.last, Failed):
                self._change(ModelChanged("failed", self.model, outbox.last.sentence))

    def _refusal(self) -> str:
        if self._closing:
            return "The connection to the server has been closed."
        return self._state.detail or "The server has not answered yet: ask again when it is ready."

    def _cancel(self) -> None:
        for task in (*self._running, *([self._watcher] if self._watcher else [])):
            task.cancel()

    async def _end(self) -> None:
        self._cancel()
        if self._watcher is not None:
            await asyncio.wait([self._watcher])

    def _change(self, state: ModelChanged) -> None:
        if state.state == "failed":
            self._failing.set()
        if state != self._state and not self._closing:
            self._state = state
            self._on_state(state)

    async def _watch(self) -> None:
        """Look for the server, and look again whenever it could not be used."""
        self._change(ModelChanged("loading", self.model, "connecting"))
        try:
            self._server = Address(self._endpoint)
            self._client = self._connected(self._server)
        except ModelError as error:
            self._change(ModelChanged("failed", self.model, str(error)))
            return
        async with self._client:
            while True:
                self._failing.clear()
                self._change(await self._look(self._client, self._server))
                await self._failing.wait()
                await asyncio.sleep(self._retry_s)

    def _connected(self, server: Address) -> httpx.AsyncClient:
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        try:
            return httpx.AsyncClient(
                headers=headers,
                trust_env=not server.is_here,
                timeout=httpx.Timeout(None, connect=self._patience.connect_s, pool=self._patience.connect_s),
                limits=httpx.Limits(max_keepalive_connections=0),  # texts are minutes apart, and stale lines break
            )
        except (ImportError, ValueError) as error:  # a kind of proxy that httpx does not know
            reason = inert(str(error), 200)
            raise ModelError(f"The proxy of the environment cannot be used ({reason}): check ALL_PROXY.") from error

    async def _look(self, client: httpx.AsyncClient, server: Address) -> ModelChanged:
        """Ask the server for its models; a server that has no such list is taken at its word once it writes."""
        patience = 2 * self._patience.connect_s  # longer than connecting may take: httpx ends that more cleanly
        try:
            async with asyncio.timeout(patience), client.stream("GET", server.models) as response:
                body = await beginning(response, _MOST_LIST)
        except TimeoutError:
            sentence = f"The server {server.shown} does not answer within {patience:g} s: it may hang."
            return ModelChanged("failed", self.model, sentence)
        except httpx.HTTPError as error:
            return ModelChanged("failed", self.model, of_transport(error, server, self._patience.connect_s))
        if response.status_code in {401, 403, 429} or response.status_code >= 500:
            sentence = of_status(response, body, server, self._name, keyed=self._key is not None)
            return ModelChanged("failed", self.model, sentence)
        if not self._name:
            names = _names(body) if response.status_code == 200 else []
            if len(names) != 1:
                return ModelChanged("failed", self.model, _which(server, names))
            self._name = names[0]
        return ModelChanged("ready", inert(self._name, 100), "", 1.0)


def _names(body: bytes) -> list[str]:
    try:
        return [model.id for model in msgspec.json.decode(body, type=_List).data]
    except (ValueError, RecursionError):
        return []


def _which(server: Address, names: list[str]) -> str:
    if not names:
        return f"The server {server.shown} does not say which models it has: name one with --model."
    listed = ", ".join(inert(name, 60) for name in sorted(names)[:8])
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"The server {server.shown} has several models: choose one with --model ({listed}{more})."
