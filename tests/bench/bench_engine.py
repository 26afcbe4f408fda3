"""What the in-process engine costs over llama.cpp itself, as ratios measured in one run.

    python -m tests.bench.bench_engine MODEL.gguf [--threads N] [--tokens N] [--rounds N] [--json]

Needs a model worth measuring; its text does not matter. The rounds of the two sides alternate, so that a neighbour on
the machine hurts both, and medians are compared.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import threading
import time
from collections.abc import Callable
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from msgspec.structs import replace

from engine.analysis.digest import digest
from engine.analysis.prompt import analysis
from engine.inference.fit import LoadPlan
from engine.inference.llama import LlamaEngine
from engine.inference.llama import engine as engine_module
from engine.inference.llama.context import Context
from engine.inference.llama.job import Job
from engine.inference.llama.library import library
from engine.inference.llama.model import Model
from engine.inference.llama.sampling import sampler
from engine.inference.llama.scheduler import Scheduler
from engine.inference.protocol import Message, Priority, Request, Sampling, Started, TokenLogprob
from tests.engine.findings.scenes import SCENES
from tests.engine.inference.llama.conftest import collect, request, running

BARS = {
    "load_ratio": "at most 1.0 of Llama's",
    "streams_1_ratio": "at least 0.98 of a bare loop",
    "streams_4_ratio": "at least 1.0 of a bare loop",
    "streams_8_ratio": "at least 1.0 of a bare loop",
    "longest_gap_ratio": "at most 3 usual gaps",
    "next_analysis_ratio": "at most 0.35 of a cold one",
    "console_ratio": "at most 1.3 of an idle engine's",
    "scheduler_us_token": "at most 60",
    "cancel_writing_ms": "at most 50",
    "memory_plan_ratio": "0.9 to 1.1 of what is resident",
}
ENDLESS = 100_000
"""Tokens of a text that is cancelled before."""
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


def reference_load_s(path: Path, threads: int) -> float:
    """Seconds that llama-cpp-python's own class takes to load the model, its import not counted."""
    from llama_cpp import Llama

    begun = time.perf_counter()
    llama = Llama(str(path), n_ctx=4096, n_threads=threads, n_threads_batch=threads, verbose=False)
    seconds = time.perf_counter() - begun
    llama.close()
    return seconds


class Bare:
    """llama.cpp's own loop and nothing else: some sequences, one evaluation a step, the likeliest token of each."""

    def __init__(self, path: Path, threads: int, sequences: int) -> None:
        self._model = Model(path, lambda _: True)
        self._sequences = sequences
        self._context = Context(self._model, LoadPlan(4096, threads, sequences, "f16", 0, 0, 0, 0))
        self._chain = sampler(Sampling(temperature=0), self._model.vocabulary)

    def tokens_s(self, prompts: list[list[int]], tokens: int) -> float:
        """Tokens per second of all sequences together, their prompts read before."""
        context, chain = self._context, self._chain
        newest = []
        for number, prompt in enumerate(prompts):
            context.forget(number)
            context.clear()
            place = context.extend(prompt, 0, number, last=True)
            context.decode()
            newest.append(context.sample(chain, place))
        begun = time.perf_counter()
        for step in range(tokens):
            context.clear()
            places = [context.add(each, len(prompts[0]) + step, number) for number, each in enumerate(newest)]
            context.decode()
            newest = [context.sample(chain, place) for place in places]
        return tokens * len(prompts) / (time.perf_counter() - begun)

    def free(self) -> None:
        """Give everything back."""
        library().llama_sampler_free(self._chain)
        self._context.free()
        self._model.free()


async def streams_s(engine: LlamaEngine, count: int, tokens: int) -> float:
    """Tokens per second of ``count`` texts written together, each from its own first token on."""
    texts = (collect(engine, request(f"{number}" + "w" * 39, tokens=tokens + 1)) for number in range(count))
    return sum(text.finished.timings.decode_tokens_s for text in await asyncio.gather(*texts) if text.finished)


def swap(owner: type, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Replace a method; returns what it was."""
    before: Callable[..., Any] = getattr(owner, name)
    setattr(owner, name, function)
    return before


async def longest_gap(engine: LlamaEngine, tokens: int) -> float:
    """Longest gap between two tokens of a text while three others join with 1,000 tokens each, in usual gaps."""
    times: list[float] = []
    loop, enough = asyncio.get_running_loop(), asyncio.Event()
    wrote = Job.wrote

    def timed(job: Job, piece: bytes, now: float, logprob: TokenLogprob | None = None) -> None:
        if job.request.sampling.max_tokens == ENDLESS:
            times.append(now)
            if len(times) == tokens:
                loop.call_soon_threadsafe(enough.set)
        wrote(job, piece, now, logprob)

    swap(Job, "wrote", timed)  # the engine tells of batches of tokens only
    try:
        stream = asyncio.create_task(collect(engine, request("w", tokens=ENDLESS)))
        await enough.wait()
        usual = median(after - before for before, after in pairwise(times))
        alone = len(times)
        joining = (request(text(n, 1000), tokens=1) for n in range(3))
        await asyncio.gather(*(collect(engine, each) for each in joining))
        stream.cancel()
        await asyncio.gather(stream, return_exceptions=True)
    finally:
        swap(Job, "wrote", wrote)
    return max(after - before for before, after in pairwise(times[alone - 1 :])) / usual


def text(number: int, tokens: int) -> str:
    """A text of about so many tokens, unlike those of other numbers; the models' tokenizers differ."""
    dice = random.Random(number)
    return "".join(dice.choice(",.;:!?#$%&()*+-/") for _ in range(tokens))


async def next_analysis(engine: LlamaEngine, rounds: int, *, trouble: bool) -> tuple[float, float]:
    """First token of an analysis of a node that has changed, s, and against the same read cold.

    With ``trouble`` it has another trouble than before, and hardly a figure in common; else the same, a minute older.
    """
    cold, warm = [], []
    for number in range(rounds):
        one = SCENES[number % len(SCENES)]
        other = SCENES[(number + 1) % len(SCENES)] if trouble else one
        moments = one.at(9), other.at(69)
        messages = [analysis(digest(each, ()), "full") for each in moments]
        first, again = (replace(request(tokens=1), messages=each) for each in messages)
        await collect(engine, first)
        warm.append(await ttft(engine, again))
        # Another system prompt of the same length: nothing of it has been kept.
        unlike = Message("system", "".join(reversed(messages[1][0].content)) + str(number))
        cold.append(await ttft(engine, replace(again, messages=(unlike, *messages[1][1:]))))
    return median(warm), median(warm) / median(cold)


async def console_beside_analysis(engine: LlamaEngine, rounds: int) -> float:
    """The console's first token while an analysis is written, against an idle engine."""
    idle, busy = [], []
    for number in range(rounds):
        ask = [request(f"{n} {number} " + "why " * 60, tokens=1, priority=Priority.CONSOLE) for n in range(2)]
        idle.append(await ttft(engine, ask[0]))
        async with aclosing(engine.generate(request(f"w{number}", tokens=ENDLESS))) as events:
            await anext(events)
            await anext(events)
            busy.append(await ttft(engine, ask[1]))
    return median(busy) / median(idle)


async def ttft(engine: LlamaEngine, wanted: Request) -> float:
    """Seconds to the first token."""
    written = await collect(engine, wanted)
    assert written.finished is not None, written.failed
    return written.finished.timings.first_token_s


async def memory_ratio(path: Path, threads: int) -> float:
    """The planned bytes against what the process then holds, in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.bench_engine", str(path), "--memory", "--threads", str(threads)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return float(out)


async def memory(path: Path, threads: int) -> float:
    """Planned against resident bytes of this process, after texts have been written."""
    library()
    before = psutil.Process().memory_info().rss
    async with running(path, threads=threads, cache_type="f16", context=4096) as engine:
        await asyncio.gather(*(collect(engine, request(text(n, 600), tokens=8)) for n in range(4)))
        assert engine.plan is not None
        return engine.plan.needed_bytes / (psutil.Process().memory_info().rss - before)


async def engine_load_s(path: Path, threads: int) -> float:
    """From starting the engine to its being ready."""
    begun = time.perf_counter()
    async with running(path, threads=threads, cache_type="f16"):
        return time.perf_counter() - begun


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
    async with aclosing(engine.generate(request(prompt, tokens=ENDLESS))) as events:
        count = 0
        async for event in events:
            assert not (reading and isinstance(event, Started)), "the prompt was read before it could be cancelled"
            count += 1
            if count == 5:
                break
        return time.perf_counter()


class Meter:
    """The scheduler's time between evaluations and choices, of the wall: measuring the CPU time costs more than it."""

    def __init__(self) -> None:
        self._last = ("", 0.0)
        self._decode, self._sample = Context.decode, Context.sample
        self.parts: dict[str, list[float]] = {"between": [], "after": [], "sample": []}

    def __enter__(self) -> Meter:
        clock, meter = time.perf_counter, self

        def decode(context: Context) -> int:
            begun = clock()
            if meter._last[0] == "sample":
                meter.parts["between"].append(begun - meter._last[1])
            status = meter._decode(context)
            meter._last = ("decode", clock())
            return status

        def sample(context: Context, chain: Any, place: int) -> int:
            begun = clock()
            if meter._last[0] == "decode":
                meter.parts["after"].append(begun - meter._last[1])
            token = meter._sample(context, chain, place)
            meter._last = ("sample", clock())
            meter.parts["sample"].append(meter._last[1] - begun)
            return token

        swap(Context, "decode", decode)
        swap(Context, "sample", sample)
        return self

    def __exit__(self, *_: object) -> None:
        swap(Context, "decode", self._decode)
        swap(Context, "sample", self._sample)

    def us(self, *parts: str) -> float:
        """Median microseconds of these parts together."""
        return sum(median(self.parts[part]) for part in parts) * 1e6


async def measure(path: Path, threads: int, tokens: int, rounds: int) -> dict[str, float]:
    """All figures of one run."""
    out: dict[str, float] = {}
    await engine_load_s(path, threads)  # once, so that the file is known and in the page cache
    await asyncio.to_thread(reference_load_s, path, threads)
    loads = [
        (await engine_load_s(path, threads), await asyncio.to_thread(reference_load_s, path, threads))
        for _ in range(rounds)
    ]
    out["load_s"] = median(ours for ours, _ in loads)
    out["load_ratio"] = out["load_s"] / median(theirs for _, theirs in loads)
    for count in (1, 4, 8):
        bare = Bare(path, threads, count)
        prompts = [[4 + number, *range(4, 44)] for number in range(count)]
        async with running(path, threads=threads, slots=count, cache_type="f16") as engine:
            ours, theirs = [], []
            for _ in range(rounds):
                theirs.append(await asyncio.to_thread(bare.tokens_s, prompts, tokens))
                ours.append(await streams_s(engine, count, tokens))
        bare.free()
        out[f"streams_{count}_tokens_s"] = median(ours)
        out[f"streams_{count}_ratio"] = median(ours) / median(theirs)
    async with running(path, threads=threads, cache_type="f16", context=8192) as engine:
        out["longest_gap_ratio"] = await longest_gap(engine, tokens)
        out["next_analysis_s"], out["next_analysis_ratio"] = await next_analysis(engine, rounds, trouble=False)
        out["other_trouble_s"], out["other_trouble_ratio"] = await next_analysis(engine, rounds, trouble=True)
        out["console_ratio"] = await console_beside_analysis(engine, rounds)
        cpu = time.process_time()
        await asyncio.sleep(2)
        out["idle_cpu_percent"] = (time.process_time() - cpu) * 50
    async with running(path, threads=threads, slots=1, cache_type="f16") as engine:
        await collect(engine, request("warm"))
        with Meter() as meter:
            await collect(engine, request("w" * 40, tokens=tokens))
        out["scheduler_us_token"], out["sample_us_token"] = meter.us("between", "after"), meter.us("sample")
        ends = Clock()
        ends.around(Scheduler, "_end")
        out["cancel_writing_ms"] = max([await cancel_ms(engine, ends, "w", 0) for _ in range(rounds * 2)])
        prompts_read = [str(n) * 3000 for n in range(rounds * 2)]
        waits = [0.05 + 0.13 * n for n in range(rounds * 2)]
        cancels = [await cancel_ms(engine, ends, *each) for each in zip(prompts_read, waits, strict=True)]
        out["cancel_reading_ms"] = max(cancels)
    out["memory_plan_ratio"] = await memory_ratio(path, threads)
    return out


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--nice", type=int, default=0, help="of the engine's threads; both sides alike by default")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    engine_module.NICE = wanted.nice
    if wanted.memory:
        print(asyncio.run(memory(wanted.model, wanted.threads)))
        return
    figures = asyncio.run(measure(wanted.model, wanted.threads, wanted.tokens, wanted.rounds))
    if wanted.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:26} {value:10.3f}   {BARS.get(name, '')}")


if __name__ == "__main__":
    main()
