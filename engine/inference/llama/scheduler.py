"""Continuous batching: prompts of new requests and single tokens of running ones share one evaluation."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from engine.errors import GenerationError, TelltopError
from engine.inference.fit import LoadPlan
from engine.inference.llama.batch import Batch
from engine.inference.llama.context import ABORTED, DONE, FULL, Context
from engine.inference.llama.job import INTERVAL_S, Job
from engine.inference.llama.library import log
from engine.inference.llama.model import Model
from engine.inference.llama.pace import Pace
from engine.inference.llama.prefixes import Prefixes
from engine.inference.llama.prompts import Prompts
from engine.inference.llama.run import Run
from engine.inference.llama.sampling import grammar, sampler
from engine.inference.llama.slots import Slot, Slots
from engine.inference.llama.writer import Writer

MOST_WAITING = 32
"""Requests that may wait for a slot."""


class Scheduler:
    """Runs in the one thread that owns the model; :meth:`submit`, :meth:`cancel` and :meth:`stop` are for all."""

    def __init__(
        self, model: Model, plan: LoadPlan, prompts: Prompts, kept: Callable[[Context], Prefixes] | None = None
    ) -> None:
        """``kept`` gives the beginnings of prompts on disk."""
        self._model = model
        self._prompts = prompts
        self._context = Context(model, plan)
        self._slots = Slots(self._context, plan.slots, rewindable=model.rewindable)
        self._pace = Pace(self._context.capacity)
        self._batch = Batch(self._context, self._slots, self._pace)
        self._writer = Writer(model, self._context)
        self._prefixes = kept(self._context) if kept else None
        self._newest: Job | None = None
        """The last one with instructions at its beginning: when there is time, those are kept."""
        if self._prefixes is not None:
            self._prefixes.restore(self._slots)
        self._inbox: SimpleQueue[Job | None] = SimpleQueue()
        self._waiting: list[tuple[tuple[int, int], Run | Job]] = []
        self._runs: list[Run] = []
        self._all: tuple[Job, ...] = ()
        """Those of all runs."""
        self._batched: tuple[Job, ...] = ()
        """Whose work the evaluation under way mostly is: once they are all cancelled, it is aborted."""
        self._crowded = False
        """A text had to wait for room: none less urgent than those that run is let in before one of them ends."""
        self._stopping = False

    def submit(self, job: Job) -> None:
        """Take a request in; called in any thread."""
        self._inbox.put(job)

    def cancel(self, job: Job) -> None:
        """Stop working on ``job``; called in any thread, never waits.

        An abort that comes too late hits the evaluation after: that one is then done again, so nothing is lost.
        """
        job.cancelled = True
        batched = self._batched
        if batched and all(each.cancelled for each in batched):
            self._context.abort()
        self._inbox.put(None)

    def stop(self) -> None:
        """Make :meth:`run` return soon; called in any thread."""
        self._stopping = True
        self._context.abort()
        self._inbox.put(None)

    def resting(self) -> bool:
        """Whether there is nothing to do, not even in the inbox."""
        return not (self._runs or self._waiting) and self._inbox.empty()

    def run(self, idle_s: float | None = None) -> bool:
        """Work until stopped, asleep while there is nothing to do; false if ``idle_s`` seconds passed without any."""
        inbox = self._inbox
        while not self._stopping:
            idle = not (self._runs or self._waiting)
            if idle and self._newest is not None and inbox.empty():
                self._keep()
            if idle or not inbox.empty():  # every request and every cancel comes through it
                if not self._receive(block=idle, timeout=idle_s if idle else None):
                    return False
                self._drop_cancelled()
            if self._waiting:
                self._admit()
            if self._runs and not self._stopping:
                self._step()
        return True

    def close(self, sentence: str) -> None:
        """Fail everything that is left with ``sentence`` and free the context; in the thread that ran."""
        self._receive(block=False)
        for run in list(self._runs):
            self._end(run)
            run.job.fail(sentence)
        for _, waiting in self._waiting:
            self._discard(waiting).fail(sentence)
        self._waiting.clear()
        self._writer.free()
        self._context.free()

    def _receive(self, *, block: bool, timeout: float | None = None) -> bool:
        """Take in what has come; false if it was waited for in vain."""
        inbox = self._inbox
        while block or not inbox.empty():  # nobody else takes out of it
            try:
                job = inbox.get(timeout=timeout)
            except Empty:
                return False
            block = False
            if job is None:
                continue
            if len(self._waiting) >= MOST_WAITING:
                job.fail(f"{MOST_WAITING} requests wait for the model already: ask again later.")
            else:
                heapq.heappush(self._waiting, (job.turn, job))
        return True

    def _drop_cancelled(self) -> None:
        for run in [run for run in self._runs if run.job.cancelled]:
            self._end(run)

    def _discard(self, waiting: Run | Job) -> Job:
        if isinstance(waiting, Job):
            return waiting
        waiting.free()
        return waiting.job

    def _admit(self) -> None:
        while self._waiting and self._slots.free():
            turn, first = self._waiting[0]
            if self._crowded and any(run.job.turn < turn for run in self._runs):
                return
            heapq.heappop(self._waiting)
            if (first if isinstance(first, Job) else first.job).cancelled:
                self._discard(first)
                continue
            run = first if isinstance(first, Run) else self._begin(first)
            if run is not None:
                self._seat(run)

    def _seat(self, run: Run) -> None:
        run.slot = self._slots.take(run.tokens)
        if not run.job.written:
            run.job.admitted(len(run.tokens), len(run.slot.tokens))
        self._batch.join(run, self._runs)
        self._runs.append(run)
        self._all = tuple(each.job for each in self._runs)

    def _begin(self, job: Job) -> Run | None:
        sampling = job.request.sampling
        try:
            tokens = self._prompts(job)
            if len(tokens) >= self._context.size:
                raise GenerationError(
                    f"The prompt has {len(tokens)} tokens and the context holds {self._context.size}: "
                    "ask for less, or load the model with a longer context."
                )
            run = Run(job, tokens, sampler(sampling, self._model.vocabulary))
        except TelltopError as error:
            job.fail(str(error))
            return None
        try:
            run.restrict(grammar(sampling, self._model.vocab))
        except TelltopError as error:
            run.free()
            job.fail(str(error))
            return None
        if job.request.messages and job.request.messages[0].role == "system":
            self._newest = job
        if run.most < 1:
            job.admitted(len(tokens), 0)
            self._writer.limit(run)
            run.free()
            return None
        return run

    def _keep(self) -> None:
        """Nothing is asked: keep the beginning of the last prompt, if reading it again would take long."""
        job, self._newest = self._newest, None
        if job is None or self._prefixes is None:
            return
        try:
            lead = self._prompts.lead(job)
        except TelltopError:  # a template that fails without a conversation: then nothing is kept
            return
        if self._pace.takes(len(lead)) >= self._prefixes.worth_s:
            self._prefixes.keep(lead, self._slots)

    def _step(self) -> None:
        """Evaluate one batch and deal with what came of it."""
        reading = self._batch.fill(self._runs)
        started = time.monotonic()
        if reading:
            self._batched = tuple(run.job for run in self._batch.readers)
            if self._pace.takes(reading) > INTERVAL_S:
                for run in self._runs:
                    run.job.flush(started)
        else:
            self._batched = self._all
        status = self._evaluate()
        if status == DONE:
            self._advance(reading, started)
        elif status == FULL:
            self._make_room()
        else:
            self._take_back()
            if status == ABORTED:
                self._drop_cancelled()
            else:
                self._give_up(status)

    def _evaluate(self) -> int:
        self._context.arm()
        status = ABORTED
        for job in self._batched:
            if not (job.cancelled or self._stopping):
                status = self._context.decode()
                break
        self._batched = ()
        return status

    def _advance(self, reading: int, started: float) -> None:
        """The batch has been evaluated: choose the next token of every text whose prompt is read."""
        now = time.monotonic()
        if reading:
            self._pace.read(reading, now - started)
        else:
            self._pace.wrote(now - started)
        ended = []
        write = self._writer.write
        for run in self._runs:
            count = run.chunk
            if not count:
                continue
            held, tokens = run.slot.tokens, run.tokens
            if count == 1:
                held.append(tokens[len(held)])
            else:
                held.extend(tokens[len(held) : len(held) + count])
            if len(held) == len(tokens) and write(run, now):
                ended.append(run)
        for run in ended:
            self._end(run)

    def _end(self, run: Run) -> None:
        self._crowded = False
        self._leave(run)
        run.free()

    def _leave(self, run: Run) -> None:
        self._runs.remove(run)
        self._all = tuple(each.job for each in self._runs)
        self._slots.release(run.slot)

    def _take_back(self) -> None:
        """Bring the context back to what the slots say that it holds."""
        for run in self._runs:
            if run.chunk:
                held = len(run.slot.tokens)
                if not (held and self._context.forget(run.slot.number, held)):
                    self._slots.empty(run.slot)

    def _make_room(self) -> None:
        """The context is full: forget idle texts, then let the least urgent text wait, then end the only one."""
        if self._slots.make_room():
            return
        last = max(self._runs, key=lambda run: run.job.turn)
        self._slots.empty(last.slot)
        if len(self._runs) == 1:
            self._writer.limit(last)
            self._end(last)
            return
        self._leave(last)
        last.slot = Slot(-1)
        heapq.heappush(self._waiting, (last.job.turn, last))
        self._crowded = True

    def _give_up(self, status: int) -> None:
        """llama.cpp reported an error: those in the batch cannot go on, others can."""
        log.error("llama_decode failed with status %d", status)
        for run in [run for run in self._runs if run.chunk]:
            self._slots.empty(run.slot)
            self._end(run)
            run.job.fail(f"llama.cpp could not evaluate the text (status {status}): try again, or another model.")
