"""Continuous batching: prompts of new requests and single tokens of running ones share one evaluation."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from queue import SimpleQueue

from engine.errors import ModelError
from engine.inference.fit import LoadPlan
from engine.inference.llama.context import ABORTED, DONE, FULL, Context
from engine.inference.llama.job import INTERVAL_S, Job
from engine.inference.llama.library import library, log
from engine.inference.llama.model import Model
from engine.inference.llama.pace import Pace
from engine.inference.llama.run import Run
from engine.inference.llama.sampling import sampler
from engine.inference.llama.slots import Slot, Slots

MOST_WAITING = 32
"""Requests that may wait for a slot."""

Prompt = Callable[[Job], list[int]]


class Scheduler:
    """Runs in the one thread that owns the model; :meth:`submit`, :meth:`cancel` and :meth:`stop` are for all."""

    def __init__(self, model: Model, plan: LoadPlan, prompt: Prompt) -> None:
        """``prompt`` makes the tokens of a request or raises :class:`ModelError`."""
        self._model = model
        self._prompt = prompt
        self._context = Context(model, plan)
        self._slots = Slots(self._context, plan.slots, rewindable=model.rewindable)
        self._pace = Pace(self._context.capacity)
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
        self._free_chain = library().llama_sampler_free

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

    def run(self) -> None:
        """Work until stopped; asleep while there is nothing to do."""
        while not self._stopping:
            idle = not (self._runs or self._waiting)
            if idle or not self._inbox.empty():  # every request and every cancel comes through it
                self._receive(block=idle)
                self._drop_cancelled()
            if self._waiting:
                self._admit()
            if self._runs and not self._stopping:
                self._step()

    def close(self, sentence: str) -> None:
        """Fail everything that is left with ``sentence`` and free the context; in the thread that ran."""
        self._receive(block=False)
        for run in list(self._runs):
            self._end(run)
            run.job.fail(sentence)
        for _, waiting in self._waiting:
            self._discard(waiting).fail(sentence)
        self._waiting.clear()
        self._context.free()

    def _receive(self, *, block: bool) -> None:
        inbox = self._inbox
        while block or not inbox.empty():  # nobody else takes out of it
            job = inbox.get()
            block = False
            if job is None:
                continue
            if len(self._waiting) >= MOST_WAITING:
                job.fail(f"{MOST_WAITING} requests wait for the model already: ask again later.")
            else:
                heapq.heappush(self._waiting, (job.turn, job))

    def _drop_cancelled(self) -> None:
        for run in [run for run in self._runs if run.job.cancelled]:
            self._end(run)

    def _discard(self, waiting: Run | Job) -> Job:
        if isinstance(waiting, Job):
            return waiting
        self._free_chain(waiting.chain)
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
        self._runs.append(run)
        self._all = tuple(each.job for each in self._runs)

    def _begin(self, job: Job) -> Run | None:
        try:
            tokens = self._prompt(job)
        except ModelError as error:
            job.fail(str(error))
            return None
        if len(tokens) >= self._context.size:
            job.fail(
                f"The prompt has {len(tokens)} tokens and the context holds {self._context.size}: "
                "ask for less, or load the model with a longer context."
            )
            return None
        if job.request.sampling.max_tokens < 1:
            job.admitted(len(tokens), 0)
            job.finish("length")
            return None
        return Run(job, tokens, sampler(job.request.sampling, self._model.vocabulary))

    def _step(self) -> None:
        """Evaluate one batch and deal with what came of it."""
        reading = self._fill()
        started = time.monotonic()
        if reading and self._pace.takes(reading) > INTERVAL_S:
            for run in self._runs:
                run.job.flush(started)
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

    def _fill(self) -> int:
        """Put the batch together; returns how many tokens of prompts are in it."""
        context = self._context
        context.clear()
        readers = []
        for run in self._runs:
            tokens, held = run.tokens, len(run.slot.tokens)
            if len(tokens) > held + 1:
                run.chunk = 0
                readers.append(run)
            else:
                run.chunk = 1
                run.place = context.add(tokens[held], held, run.slot.number)
        if readers:
            return self._fill_prompts(readers)
        self._batched = self._all
        return 0

    def _fill_prompts(self, readers: list[Run]) -> int:
        context = self._context
        readers.sort(key=lambda run: run.job.turn)
        room = min(context.capacity - context.filled, self._chunk(readers[0]))
        total = 0
        for run in readers:
            count = min(run.unread, room - total)
            if count <= 0:
                break
            at = len(run.slot.tokens)
            end = at + count
            last = end == len(run.tokens)
            run.place = context.extend(run.tokens[at:end], at, run.slot.number, last=last)
            run.chunk = count
            total += count
        self._batched = tuple(run.job for run in readers if run.chunk)
        return total

    def _chunk(self, first: Run) -> int:
        """Tokens of prompts to read now: few beside texts that are being written, unless ``first`` goes before them."""
        urgent = all(first.job.request.priority < run.job.request.priority for run in self._runs if run.chunk)
        return self._context.capacity if urgent else self._pace.chunk()

    def _evaluate(self) -> int:
        self._context.arm()
        cancelled = self._stopping or all(job.cancelled for job in self._batched)
        status = ABORTED if cancelled else self._context.decode()
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
        for run in self._runs:
            count = run.chunk
            if not count:
                continue
            held, tokens = run.slot.tokens, run.tokens
            if count == 1:
                held.append(tokens[len(held)])
            else:
                held.extend(tokens[len(held) : len(held) + count])
            if len(held) == len(tokens) and self._write(run, now):
                ended.append(run)
        for run in ended:
            self._end(run)

    def _write(self, run: Run, now: float) -> bool:
        """Choose and send one token; true if the text is at its end."""
        job = run.job
        token = self._context.sample(run.chain, run.place)
        piece = self._model.piece(token)
        if piece is None:
            job.finish("stop")
            return True
        run.tokens.append(token)
        job.wrote(piece, now)
        if job.cancelled:  # nobody is there any more to send it to
            return True
        if job.stopped:
            job.finish("stop")
            return True
        if job.written >= job.request.sampling.max_tokens or len(run.tokens) >= self._context.size:
            job.finish("length")
            return True
        return False

    def _end(self, run: Run) -> None:
        self._crowded = False
        self._leave(run)
        self._free_chain(run.chain)

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
            self._end(last)
            last.job.finish("length")
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
