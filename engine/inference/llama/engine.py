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
from engine.inference.fit import CacheType, plan
from engine.inference.gguf import read_header
from engine.inference.llama.job import Channel, Job
from engine.inference.llama.library import library, log
from engine.inference.llama.model import Aborted, Model
from engine.inference.llama.prompts import Prompts
from engine.inference.llama.scheduler import Scheduler
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
        cache_type: CacheType = "f16",
        on_state: Callable[[ModelChanged], None],
    ) -> None:
        """Nothing happens before :meth:`start`. ``on_state`` is called in the model's thread and must not block.

        ``context`` is in tokens, by default the model's own but at most 4096; ``threads`` by default physical cores
        but one; ``slots`` is how many texts may be written at once; ``cache_type`` is the format of the context's
        memory.
        """
        self._path = path
        self._context = context
        self._threads = threads
        self._slots = slots
        self._cache_type = cache_type
        self._on_state = on_state
        self._state = ModelChanged("none", inert(path.stem))
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._scheduler: Scheduler | None = None
        self._template: ChatTemplate | None = None
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

    def start(self) -> None:
        """Begin to load; returns at once. A second call does nothing."""
        with self._lock:
            if self._thread is not None or self._closing:
                return
            self._thread = threading.Thread(target=self._main, name="telltop-model", daemon=True)
        atexit.register(self.close)  # a daemon thread inside native code must not see the interpreter go
        self._thread.start()

    def close(self) -> None:
        """Abort what is under way, free the model and end the thread; may be called at any time, and again."""
        with self._lock:
            self._closing = True
            scheduler, thread = self._scheduler, self._thread
        if scheduler is not None:
            scheduler.stop()
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        atexit.unregister(self.close)

    async def generate(self, request: Request) -> AsyncGenerator[Generation, None]:
        """Write one text; before the model is ready, and after it failed, the answer is ``Failed`` at once."""
        with self._lock:
            scheduler = None if self._closing else self._scheduler
        if scheduler is None or self._template is None:
            yield Failed(self._refusal())
            return
        channel = Channel(asyncio.get_running_loop())
        job = Job(request, channel)
        scheduler.submit(job)
        try:
            while True:
                for event in await channel.take():
                    yield event
                    if isinstance(event, Finished | Failed):
                        return
        finally:
            scheduler.cancel(job)

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
            self._load_and_serve()
        except Aborted:
            pass
        except ModelError as error:
            self._change(ModelChanged("failed", self.model, str(error)))
        except Exception as error:  # noqa: BLE001 - the last line of defence: without it the thread dies unseen
            log.exception("the model's thread failed")
            reason = inert(f"{type(error).__name__}: {error}", 300)
            self._change(
                ModelChanged("failed", self.model, f"The model stopped working ({reason}): start telltop again.")
            )

    def _load_and_serve(self) -> None:
        self._change(ModelChanged("loading", self.model))
        header = read_header(self._path)
        self._change(ModelChanged("loading", header.name))
        chosen = plan(header, self._context, threads=self._threads, slots=self._slots, cache_type=self._cache_type)
        library()
        if not warm(self._path, self._progressed):
            raise Aborted
        model = Model(self._path, self._progressed)
        try:
            template = ChatTemplate(header.chat_template, bos=model.bos_text, eos=model.eos_text)
            scheduler = Scheduler(model, chosen, Prompts(model, template, chosen.context))
            try:
                self._serve(scheduler, template)
            finally:
                with self._lock:
                    self._scheduler = None
                scheduler.close("The model has been closed." if self._closing else "The model stopped working.")
        finally:
            model.free()

    def _serve(self, scheduler: Scheduler, template: ChatTemplate) -> None:
        with self._lock:
            if self._closing:
                return
            self._template = template
            self._scheduler = scheduler
        self._change(ModelChanged("ready", self.model, template.note, 1.0))
        scheduler.run()

    def _progressed(self, share: float) -> bool:
        now = time.monotonic()
        if now - self._shown >= _PROGRESS_S and not self._closing:
            self._shown = now
            self._change(ModelChanged("loading", self.model, f"{share:.0%}", share))
        return not self._closing


def _be_nice() -> None:
    """Lower this thread's priority; llama.cpp's worker threads inherit it. Linux gives each thread its own."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(NICE, os.getpriority(os.PRIO_PROCESS, thread)))
