"""The node that telltop runs on: sampler thread, findings, model and conversation, wired together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any

from engine.analysis import prompt
from engine.analysis.analyst import Analyst
from engine.analysis.console import Conversation
from engine.config import Config
from engine.events import Event, FindingOpened, ModelChanged, Notice, SnapshotTaken
from engine.findings.watch import Watch
from engine.inference import backends
from engine.inference.narrator import Narrator
from engine.inference.protocol import Backend, Briefing, Form
from engine.node import Listener
from engine.report import Trigger
from engine.snapshot import Snapshot
from engine.telemetry.history import History, Point
from engine.telemetry.sampler import SamplerThread

_GATHER_S = 1.0
"""Findings that open within this time of one another are told in one analysis."""
_AUTOMATIC_GAP_S = 20.0
"""Analyses that nobody asked for keep at least this distance, so that a restless node is not talked to death."""
_TREND_S = 660.0
"""The digest tells how the node was one and ten minutes ago."""
_SETTLE_S = 1.3
"""The first analysis speaks of the first whole interval: before it the figures are mostly those of telltop's start."""


class LocalNode:
    """The node that this process runs on. Its methods belong to the event loop on which it was started."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._sampler = SamplerThread(self._on_snapshot, interval=config.interval_s)
        self._history = History()
        self._history_lock = threading.Lock()
        """Held while the sampler thread adds to the history and while another thread reads from it."""
        self._watch = Watch()
        self._narrator = Narrator()
        self._analyst = Analyst(prompt.wished(config))
        self._conversation = Conversation(prompt.wished(config))
        self._engine: backends.Engine | None = None
        self._model_pending = True
        self._newest: SnapshotTaken | None = None
        self._listener: Listener | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: dict[str, asyncio.Task[object]] = {}
        self._numbers = {"a": 0, "q": 0}
        self._last_automatic = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._sampled = asyncio.Event()
        self._primed = False
        self._began = 0.0
        self._closed = False

    # -- life

    def prime(self) -> None:
        """Take the first reading now, before there is a loop or a screen, so that the first frame has rates."""
        if not self._primed:
            self._primed = True
            self._sampler.start()

    def start(self, listener: Listener) -> None:
        """Begin: see :meth:`Node.start`."""
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        newest = self._newest
        if newest is not None:
            listener(newest)
            self._loop.call_soon(self._first_snapshot)
        self.prime()

    async def close(self) -> None:
        """End: see :meth:`Node.close`. May be called more than once."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._sampler.stop)
        if self._engine is not None:
            await asyncio.to_thread(self._engine.close)

    # -- what the sampler thread does

    def _on_snapshot(self, snapshot: Snapshot) -> None:
        with self._history_lock:
            self._history.append(snapshot)
        changes = self._watch.update(self._history)
        first = self._newest is None
        self._newest = taken = SnapshotTaken(snapshot=snapshot, findings=self._watch.open)
        listener, loop = self._listener, self._loop
        if listener is None or loop is None:
            return
        listener(taken)
        for change in changes:
            listener(change)
        try:
            if first:
                loop.call_soon_threadsafe(self._first_snapshot)
            if any(isinstance(change, FindingOpened) for change in changes):
                loop.call_soon_threadsafe(self._finding_opened)
        except RuntimeError:
            # The loop has been closed while the front end was leaving: nobody is left to tell.
            self._listener = None

    # -- the model

    def _first_snapshot(self) -> None:
        """Only now: the first figures are on their way to the screen, and loading takes the processor."""
        if self._closed or self._sampled.is_set():
            return
        self._sampled.set()
        self._began = asyncio.get_running_loop().time()
        self._run("m1", self._get_ready())

    async def _get_ready(self) -> None:
        """Find out who writes, which may read a folder of models, and let the model load."""
        self._engine = await asyncio.to_thread(backends.make, self._config, self._on_model)
        if self._engine is None:
            self._model_pending = False
            self._emit(ModelChanged(state="none", name=""))
            self._introduce()
        else:
            self._engine.start()

    def _on_model(self, change: ModelChanged) -> None:
        """From the model thread."""
        self._emit(change)
        if change.state in {"ready", "failed"} and self._loop is not None and not self._closed:
            try:
                self._loop.call_soon_threadsafe(self._model_settled, change)
            except RuntimeError:
                self._listener = None  # the loop is closed: nobody is left to tell

    def _model_settled(self, change: ModelChanged) -> None:
        self._model_pending = False
        if change.state == "failed":
            self._emit(Notice(text=f"{change.detail} The rules narrator goes on.", severity="error"))
        self._introduce()

    def _introduce(self) -> None:
        """The first analysis, once the node is seen as it is without telltop's own start in the figures."""
        assert self._loop is not None
        self._loop.call_at(max(self._loop.time(), self._began + _SETTLE_S), self._automatic, "interval")

    def _backend(self) -> tuple[Backend, bool]:
        """Who writes now, and whether that is less than what was asked for."""
        if self._engine is not None and self._engine.state.state in {"ready", "idle"}:
            return self._engine, False
        return self._narrator, self._engine is not None

    # -- what is written

    def analyze(self, form: Form = "full") -> str:
        """Write an analysis now: see :meth:`Node.analyze`."""
        return self._analyze(form, "demand")

    def ask(self, question: str) -> str:
        """Answer a question: see :meth:`Node.ask`. An answer that is being written is stopped."""
        self._cancel_all("q")
        identity = self._identity("q")
        self._run(identity, self._answer(question, identity))
        return identity

    def cancel(self, identity: str) -> bool:
        """Stop writing: see :meth:`Node.cancel`."""
        task = self._tasks.get(identity)
        return task is not None and task.cancel()

    def forget(self) -> None:
        """Begin a new conversation: see :meth:`Node.forget`."""
        self._cancel_all("q")
        self._conversation.forget()

    def _finding_opened(self) -> None:
        assert self._loop is not None
        self._loop.call_later(_GATHER_S, self._automatic, "finding")

    def _automatic(self, trigger: Trigger) -> None:
        """An analysis that nobody asked for; a running one is let finish, and a restless node is given time."""
        if self._closed or self._model_pending:
            return
        assert self._loop is not None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait = self._last_automatic + _AUTOMATIC_GAP_S - self._loop.time()
        if wait > 0 or any(name.startswith("a") for name in self._tasks):
            self._timer = self._loop.call_later(max(wait, 1.0), self._automatic, trigger)
            return
        self._analyze("full", trigger)

    def _analyze(self, form: Form, trigger: Trigger) -> str:
        assert self._loop is not None
        self._cancel_all("a")
        identity = self._identity("a")
        self._last_automatic = self._loop.time()
        self._run(identity, self._analysis(form, trigger, identity))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._config.analysis_every_s:
            self._timer = self._loop.call_later(self._config.analysis_every_s, self._automatic, "interval")
        return identity

    async def _analysis(self, form: Form, trigger: Trigger, identity: str) -> None:
        backend, degraded = self._backend()
        briefing = await self._briefing(form)
        await self._analyst.analyse(
            backend,
            briefing,
            identity=identity,
            trigger=trigger,
            degraded=degraded,
            emit=self._emit,
            points=self._trend(),
        )

    async def _answer(self, question: str, identity: str) -> None:
        backend, degraded = self._backend()
        briefing = await self._briefing("answer", question)
        await self._conversation.ask(
            backend, briefing, identity=identity, degraded=degraded, emit=self._emit, points=self._trend()
        )

    def _trend(self) -> Sequence[Point]:
        with self._history_lock:
            return self._history.points(_TREND_S)

    async def _briefing(self, form: Form, question: str = "") -> Briefing:
        """The newest snapshot; a question that comes before the first one waits for it."""
        await self._sampled.wait()
        assert self._newest is not None
        return Briefing(self._newest.snapshot, self._newest.findings, form, question)

    # -- bookkeeping

    def _identity(self, kind: str) -> str:
        self._numbers[kind] += 1
        return f"{kind}{self._numbers[kind]}"

    def _run(self, identity: str, work: Coroutine[Any, Any, None]) -> None:
        task: asyncio.Task[object] = asyncio.get_running_loop().create_task(work, name=f"telltop-{identity}")
        self._tasks[identity] = task
        task.add_done_callback(lambda _: self._tasks.pop(identity, None))

    def _cancel_all(self, kind: str) -> None:
        for name, task in self._tasks.items():
            if name.startswith(kind):
                task.cancel()

    def _emit(self, event: Event) -> None:
        if self._listener is not None:
            self._listener(event)
