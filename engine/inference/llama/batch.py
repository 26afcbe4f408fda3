"""What goes into the next evaluation: a token of every text that is being written, and a chunk of prompts."""

from __future__ import annotations

from engine.inference.llama.context import Context
from engine.inference.llama.pace import Pace
from engine.inference.llama.run import Run
from engine.inference.llama.slots import WORTH_SHARING, Slots, common


class Batch:
    """Fills the batch of a context."""

    def __init__(self, context: Context, slots: Slots, pace: Pace) -> None:
        self._context = context
        self._slots = slots
        self._pace = pace
        self.readers: list[Run] = []
        """Those of whose prompts there is a part in the batch; empty if all that are in it write."""

    def fill(self, runs: list[Run]) -> int:
        """Put it together; returns how many tokens of prompts are in it."""
        context = self._context
        context.clear()
        self.readers = readers = []
        for run in runs:
            tokens, held = run.tokens, len(run.slot.tokens)
            if len(tokens) > held + 1:
                run.chunk = 0
                readers.append(run)
            else:
                run.chunk = 1
                run.place = context.add(tokens[held], held, run.slot.number)
        return self._read(runs, readers) if readers else 0

    def _read(self, runs: list[Run], readers: list[Run]) -> int:
        context = self._context
        readers.sort(key=lambda run: run.job.turn)
        room = min(context.capacity - context.filled, self._chunk(runs, readers[0]))
        total = 0
        for run in readers:
            if run.leader is not None and self._waits(run, runs):
                continue
            count = min(run.unread, room - total)
            if count <= 0:
                break
            at = len(run.slot.tokens)
            end = at + count
            last = end == len(run.tokens)
            run.place = context.extend(run.tokens[at:end], at, run.slot.number, last=last)
            run.chunk = count
            total += count
        self.readers = [run for run in readers if run.chunk]
        return total

    def _chunk(self, runs: list[Run], first: Run) -> int:
        """Tokens of prompts to read now: few beside texts that are being written, unless ``first`` goes before them."""
        urgent = all(first.job.request.priority < run.job.request.priority for run in runs if run.chunk)
        return self._context.capacity if urgent else self._pace.chunk()

    def join(self, run: Run, runs: list[Run]) -> None:
        """Let ``run``, just seated, wait for a text that is reading the same beginning, or that one wait for it."""
        if not self._slots.rewindable:
            return
        for other in runs:
            if other is run or other.unread < 2 or other.leader is not None:
                continue
            shared = min(common(run.tokens, other.tokens), len(run.tokens) - 1, len(other.tokens) - 1)
            first, second = (other, run) if other.job.turn < run.job.turn else (run, other)
            if shared >= len(second.slot.tokens) + WORTH_SHARING and shared > len(first.slot.tokens):
                second.leader, second.common = first, shared
                return

    def _waits(self, run: Run, runs: list[Run]) -> bool:
        """Whether ``run`` still waits for its leader; shares what that one has read when it need not any more."""
        leader = run.leader
        assert leader is not None
        there = leader in runs
        if there and leader.leader is None and len(leader.slot.tokens) < run.common:
            return True
        run.leader = None
        read = min(run.common, len(leader.slot.tokens))
        if there and read >= len(run.slot.tokens) + WORTH_SHARING:
            self._slots.share(leader.slot, run.slot, read)
            run.job.spared(read)
        return False
