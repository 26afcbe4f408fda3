"""What the in-process engine costs over llama.cpp itself, as ratios measured in one run.

    python -m tests.bench.bench_engine MODEL.gguf [--threads N] [--tokens N] [--rounds N] [--json]

Needs a model worth measuring; its text does not matter. The rounds of the two sides alternate, so that a neighbour on
the machine hurts both, and medians are compared.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from statistics import median
from typing import Any

from engine.inference.llama import LlamaEngine
from engine.inference.llama.context import Context
from engine.inference.llama.scheduler import Scheduler
from engine.inference.protocol import Started
from tests.engine.inference.llama.conftest import collect, request, running

SETTLE_S = 0.05
"""For the model's thread to finish its turn after it has sent the last event."""


class Clock:
    """Sums the CPU time of the calling thread inside methods of a class: what others take from it does not count."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.last_end = 0.0
        self.calls = 0
        self.called = threading.Event()

    def around(self, owner: type, name: str) -> None:
        """Replace the method by one that is timed."""
        inner: Callable[..., Any] = getattr(owner, name)

        def timed(*arguments: Any, **named: Any) -> Any:
            begun = time.thread_time()
            try:
                return inner(*arguments, **named)
            finally:
                self.seconds += time.thread_time() - begun
                self.last_end = time.perf_counter()
                self.calls += 1
                self.called.set()

        setattr(owner, name, timed)


def reference(path: Path, threads: int) -> tuple[Any, float]:
    """llama-cpp-python's own class, and the seconds that importing it and loading the model took."""
    begun = time.perf_counter()
    from llama_cpp import Llama

    llama = Llama(str(path), n_ctx=4096, n_threads=threads, n_threads_batch=threads, verbose=False)
    return llama, time.perf_counter() - begun


def reference_speed(llama: Any, prompt: list[int], tokens: int) -> float:
    """Tokens per second that ``Llama.generate`` writes after the first."""
    llama.reset()
    begun = written = 0.0
    for _ in llama.generate(prompt, temp=0.0):
        written += 1
        if written == 1:
            begun = time.perf_counter()
        if written > tokens:
            break
    return tokens / (time.perf_counter() - begun)


async def engine_speed(engine: LlamaEngine, tokens: int) -> float:
    """Tokens per second that the engine writes after the first, deltas read as they come."""
    written = await collect(engine, request("w" * 40, tokens=tokens + 1))
    assert written.finished is not None
    return written.finished.timings.decode_tokens_s


async def cancel_ms(engine: LlamaEngine, ends: Clock, prompt: str, after_s: float) -> float:
    """From closing the generator, ``after_s`` after the prompt was read or submitted, to a free slot, ms."""
    await asyncio.sleep(SETTLE_S)
    ends.called.clear()
    task = asyncio.create_task(_read(engine, prompt, reading=after_s > 0))
    if after_s:
        await asyncio.sleep(after_s)
        task.cancel()
    cancelled = time.perf_counter()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.to_thread(ends.called.wait)
    return (ends.last_end - (cancelled if task.cancelled() else task.result())) * 1000


async def _read(engine: LlamaEngine, prompt: str, *, reading: bool) -> float:
    async with aclosing(engine.generate(request(prompt, tokens=100_000))) as events:
        count = 0
        async for event in events:
            assert not (reading and isinstance(event, Started)), "the prompt was read before it could be cancelled"
            count += 1
            if count == 5:
                break
        return time.perf_counter()


async def first_token_s(engine: LlamaEngine, text: str) -> float:
    written = await collect(engine, request(text, tokens=1))
    assert written.finished is not None
    return written.finished.timings.first_token_s


async def measure(path: Path, threads: int, tokens: int, rounds: int) -> dict[str, float]:
    """All figures of one run."""
    decode, sample, step, ends = Clock(), Clock(), Clock(), Clock()
    out: dict[str, float] = {}
    begun = time.perf_counter()
    async with running(path, threads=threads, slots=2, cache_type="f16") as engine:
        out["load_s"] = time.perf_counter() - begun
        llama, reference_load = await asyncio.to_thread(reference, path, threads)
        out["load_ratio"] = out["load_s"] / reference_load
        prompt = list(range(4, 44))
        ours, theirs = [], []
        for _ in range(rounds):
            theirs.append(await asyncio.to_thread(reference_speed, llama, prompt, tokens))
            ours.append(await engine_speed(engine, tokens))
        llama.close()
        out["decode_tokens_s"], out["reference_tokens_s"] = median(ours), median(theirs)
        out["decode_ratio"] = median(ours) / median(theirs)

        cpu = time.process_time()
        await asyncio.sleep(2)
        out["idle_cpu_percent"] = (time.process_time() - cpu) * 50

        cold = [await first_token_s(engine, f"{n}" * 500) for n in range(rounds)]
        warm = [await first_token_s(engine, "x" * 500 + str(n)) for n in range(rounds + 1)][1:]
        out["first_token_cold_s"], out["first_token_prefix_ratio"] = median(cold), median(warm) / median(cold)
    for owner, name, clock in (
        (Context, "decode", decode),
        (Context, "sample", sample),
        (Scheduler, "_step", step),
        (Scheduler, "_end", ends),
    ):
        clock.around(owner, name)
    async with running(path, threads=threads, slots=1, cache_type="f16") as engine:
        await collect(engine, request("warm"))
        await asyncio.sleep(SETTLE_S)
        for clock in (decode, sample, step):
            clock.seconds, clock.calls = 0.0, 0
        await collect(engine, request("w" * 40, tokens=tokens))
        await asyncio.sleep(SETTLE_S)
        out["scheduler_us_token"] = (step.seconds - decode.seconds - sample.seconds) / step.calls * 1e6
        out["sample_us_token"] = sample.seconds / sample.calls * 1e6
        out["cancel_writing_ms"] = max([await cancel_ms(engine, ends, "w", 0) for _ in range(rounds * 2)])
        prompts = [str(n) * 3000 for n in range(rounds * 2)]
        waits = [0.05 + 0.13 * n for n in range(rounds * 2)]
        cancels = [await cancel_ms(engine, ends, *each) for each in zip(prompts, waits, strict=True)]
        out["cancel_reading_ms"] = max(cancels)
    return out


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    figures = asyncio.run(measure(wanted.model, wanted.threads, wanted.tokens, wanted.rounds))
    if wanted.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:26} {value:10.3f}")


if __name__ == "__main__":
    main()
