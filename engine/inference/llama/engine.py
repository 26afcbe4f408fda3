"""The in-process model as a backend: one thread loads it and serves it, everything else only talks to that thread."""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from engine.errors import ModelError
from engine.events import ModelChanged
from engine.inference.fit import CacheType, LoadPlan, plan
from engine.inference.gguf import GgufHeader, read_header
from engine.inference.llama.cache import default_cache, identity
from engine.inference.llama.context import Context
from engine.inference.llama.job import Channel, Job
from engine.inference.llama.library import library, log
from engine.inference.llama.model import Aborted, Model
from engine.inference.llama.prefixes import Prefixes
from engine.inference.llama.prompts import Prompts
from engine.inference.llama.scheduler import MOST_WAITING, Scheduler
from engine.inference.llama.trial import try_out
from engine.inference.llama.warm import warm
from engine.inference.protocol import Failed, Finished, Generation, Request
from engine.inference.template import ChatTemplate
from engine.report import Source
from engine.text import inert

NICE = 10
"""Priority of the model's threads: the node's own work goes first."""
_PROGRESS_S = 0.1


class LlamaEngine:
    """A GGUF model run by llama.cpp in this process, as :class:`engine.inference.protocol.Backend`."""

    source: Source = "model"

    def __init__(
        self,
        path: Path,
        *,
        context: int | None = None,
        threads: int | None = None,
        slots: int = 4,
        cache_type: CacheType | None = None,
        idle_s: float | None = None,
        cache: Path | None = None,
        on_state: Callable[[ModelChanged], None],
    ) -> None:
        """Nothing happens before :meth:`start`. ``on_state`` is called in the model's thread and must not block.

        ``context`` is in tokens, by default the model's own but at most 4096; ``threads`` by default physical cores
        but one; ``slots`` is how many texts may be written at once; ``cache_type`` is the format of the context's
        memory, by default the most exact that fits. After ``idle_s`` seconds without a request the model is unloaded,
        and the next one loads it again. ``cache`` is the folder for what need not be found out twice.
        """
        self._path = path
        self._context = context
        self._threads = threads
        self._slots = slots
        self._cache_type = cache_type
        self._idle_s = idle_s
        self._cache = cache or default_cache()
        self._on_state = on_state
        self._state = ModelChanged("none", inert(path.stem))
        self._plan: LoadPlan | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._scheduler: Scheduler | None = None
        self._early: list[Job] = []
        """Requests that came while the model was unloaded."""
        self._wanted = threading.Event()
        self._away = ""
        """Why the model is to be unloaded; empty if it is not."""
        self._reason = ""
        """Why it was unloaded last."""
        self._held = False
        """No request loads it again."""
        self._was_ready = False
        self._closing = False
        self._shown = 0.0

    @property
    def model(self) -> str:
        """The model's own name, or its file's before that is read."""
        return self._state.name

    @property
    def state(self) -> ModelChanged:
        """What ``on_state`` was told last."""
        return self._state

    @property
    def plan(self) -> LoadPlan | None:
        """How the model has been loaded, once that is settled."""
        return self._plan

    def start(self) -> None:
        """Begin to load; returns at once. A second call does nothing."""
        with self._lock:
            if self._thread is not None or self._closing:
                return
            self._thread = threading.Thread(target=self._main, name="telltop-model", daemon=True)
        atexit.register(self.close)  # a daemon thread inside native code must not see the interpreter go
        self._thread.start()

    def unload(self, reason: str, *, hold: bool = False) -> None:
        """Give the model's memory back; returns at once. ``reason`` is a sentence, told in the state ``idle``.

        Texts under way fail with it. The next request loads the model again; with ``hold`` only :meth:`load` does,
        and requests are refused with the reason until then.
        """
        with self._lock:
            if self._closing or self._thread is None:
                return
            self._away = self._reason = reason
            self._held = hold
            self._wanted.clear()
            scheduler = self._scheduler
        if scheduler is not None:
            scheduler.stop()

    def load(self) -> None:
        """Load the model again after :meth:`unload` or an idle time; returns at once."""
        with self._lock:
            self._away, self._held = "", False
            if self._scheduler is None:
                self._wanted.set()

    def close(self) -> None:
        """Abort what is under way, free the model and end the thread; may be called at any time, and again."""
        with self._lock:
            self._closing = True
            scheduler, thread = self._scheduler, self._thread
        self._wanted.set()
        if scheduler is not None:
            scheduler.stop()
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        atexit.unregister(self.close)

    async def generate(self, request: Request) -> AsyncGenerator[Generation, None]:
        """Write one text; before the model is ready, and after it failed, the answer is ``Failed`` at once.

        A model that was unloaded is loaded again first.
        """
        channel = Channel(asyncio.get_running_loop())
        job = Job(request, channel)
        refusal = self._take(job)
        if refusal:
            yield Failed(refusal)
            return
        try:
            while True:
                for event in await channel.take():
                    yield event
                    if isinstance(event, Finished | Failed):
                        return
        finally:
            job.cancelled = True
            scheduler = self._scheduler
            if scheduler is not None:
                scheduler.cancel(job)

    def _take(self, job: Job) -> str:
        """Hand a request to the scheduler or keep it until there is one; else the sentence for why not."""
        with self._lock:
            if self._closing or self._state.state == "failed" or not (self._was_ready or self._state.state == "idle"):
                return self._refusal()
            if self._held:
                return self._away
            if self._scheduler is not None and not self._away:
                self._scheduler.submit(job)
                return ""
            if len(self._early) >= MOST_WAITING:
                return f"{MOST_WAITING} requests wait for the model already: ask again later."
            self._early.append(job)
            self._away = ""
        self._wanted.set()
        return ""

    def _refusal(self) -> str:
        if self._closing:
            return "The model has been closed."
        if self._state.state == "failed":
            return self._state.detail
        return "The model is not loaded yet: ask again when it is ready."

    def _change(self, state: ModelChanged) -> None:
        self._state = state
        self._on_state(state)

    def _main(self) -> None:
        _be_nice()
        try:
            while not self._closing:
                self._reason = ""
                try:
                    self._load_and_serve()
                except Aborted:
                    pass
                except ModelError as error:
                    if not self._was_ready:
                        raise
                    self._reason = str(error)  # it may fit another time
                    self._fail_early(self._reason)
                self._rest()
        except ModelError as error:
            self._change(ModelChanged("failed", self.model, str(error)))
        except Exception as error:  # noqa: BLE001 - the last line of defence: without it the thread dies unseen
            log.exception("the model's thread failed")
            reason = inert(f"{type(error).__name__}: {error}", 300)
            self._change(
                ModelChanged("failed", self.model, f"The model stopped working ({reason}): start telltop again.")
            )
        finally:
            self._fail_early(self._refusal())

    def _fail_early(self, sentence: str) -> None:
        with self._lock:
            left, self._early = self._early, []
            self._wanted.clear()
            if self._closing:
                self._wanted.set()
        for job in left:
            job.fail(sentence)

    def _rest(self) -> None:
        """Unloaded: wait until the model is wanted again."""
        if self._closing:
            return
        if not self._wanted.is_set():
            self._change(ModelChanged("idle", self.model, self._reason or "The next question loads it again."))
        self._wanted.wait()

    def _load_and_serve(self) -> None:
        self._change(ModelChanged("loading", self.model))
        header = read_header(self._path)
        self._change(ModelChanged("loading", header.name))
        chosen = plan(header, self._context, threads=self._threads, slots=self._slots, cache_type=self._cache_type)
        self._plan = chosen
        library()
        if not (warm(self._path, self._progressed) and try_out(header, self._cache, self._going)):
            raise Aborted
        model = Model(self._path, self._progressed)
        try:
            template = ChatTemplate(header.chat_template, bos=model.bos_text, eos=model.eos_text)
            prompts = Prompts(model, template, chosen.context)
            scheduler = Scheduler(model, chosen, prompts, self._kept(header, chosen))
            try:
                self._serve(scheduler, template.note)
            finally:
                with self._lock:
                    self._scheduler = None
                    sentence = "The model has been closed." if self._closing else self._reason
                scheduler.close(sentence or "The model stopped working.")
        finally:
            model.free()

    def _kept(self, header: GgufHeader, chosen: LoadPlan) -> Callable[[Context], Prefixes] | None:
        try:
            key = f"{identity(header)} {chosen.cache_type}"
        except OSError:  # the file has gone meanwhile; what is mapped of it stays
            return None
        return lambda context: Prefixes(self._cache, key, context)

    def _serve(self, scheduler: Scheduler, note: str) -> None:
        with self._lock:
            if not self._going():
                return
            self._was_ready = True
            self._scheduler = scheduler
            self._wanted.clear()
            early, self._early = self._early, []
        for job in early:
            scheduler.submit(job)
        self._change(ModelChanged("ready", self.model, note, 1.0))
        while not scheduler.run(self._idle_s):
            with self._lock:  # nothing can be submitted now: what has been counts
                if scheduler.resting():
                    self._scheduler = None
                    return

    def _going(self) -> bool:
        return not self._closing and not self._away

    def _progressed(self, share: float) -> bool:
        now = time.monotonic()
        if now - self._shown >= _PROGRESS_S and self._going():
            self._shown = now
            self._change(ModelChanged("loading", self.model, f"{share:.0%}", share))
        return self._going()


def _be_nice() -> None:
    """Lower this thread's priority; llama.cpp's worker threads inherit it. Linux gives each thread its own."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(NICE, os.getpriority(os.PRIO_PROCESS, thread)))
