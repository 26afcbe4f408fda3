"""The rules-only narrator: what the findings and the figures say, in sentences, without any model.

It is always there: when no model was given, when one failed to load, and while one loads. It never pretends to be one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

from engine.finding import Finding
from engine.findings.naming import PATH_LIMIT, quoted, who
from engine.inference import wording
from engine.inference.protocol import Briefing, Delta, Finished, Generation, Request, Started
from engine.inference.replies import reply
from engine.report import Source, Timings
from engine.snapshot import Snapshot
from engine.units import percent, size

MOST_BULLETS = 4


def markdown_name(name: str) -> str:
    """A process name for Markdown: ``python3`` and ``my_tool`` as they are, what could be markup as a code span."""
    return quoted(name)


class Narrator:
    """A backend that writes from the briefing, sentence by sentence."""

    @property
    def source(self) -> Source:
        """``rules``."""
        return "rules"

    @property
    def model(self) -> str:
        """``rules``."""
        return "rules"

    async def generate(self, request: Request) -> AsyncGenerator[Generation, None]:
        """Write the text that the briefing asks for; never fails."""
        begun = time.monotonic()
        yield Started(prompt_tokens=0, cached_tokens=0)
        pieces = narrate(request.briefing)
        first = time.monotonic() - begun
        for piece in pieces:
            yield Delta(piece)
            await asyncio.sleep(0)  # so that a cancellation is noticed between two sentences
        yield Finished("stop", Timings(first_token_s=first))


def narrate(briefing: Briefing) -> list[str]:
    """The text in pieces that belong together; joined they are the whole."""
    if briefing.form in {"short", "insights"}:  # of the form for programs the rules fill in all but the summary
        return [_short(briefing.snapshot, briefing.findings)]
    if briefing.form == "answer":
        sentences = reply(briefing.question, briefing.snapshot, briefing.findings)
        return [sentence if place == 0 else f" {sentence}" for place, sentence in enumerate(sentences)]
    if briefing.findings:
        return _trouble(briefing.snapshot, briefing.findings)
    return _well(briefing.snapshot)


def _short(snapshot: Snapshot, findings: tuple[Finding, ...]) -> str:
    if not findings:
        now = snapshot.cpu
        return (
            f"{_mood(snapshot)}: CPU {percent(now.percent)}, memory {percent(snapshot.memory.percent)}, "
            f"load {now.load[0]:.2f}; nothing is wrong."
        )
    worst, more = findings[0], len(findings) - 1
    rest = f" {_counted(more).capitalize()} more finding{'' if more == 1 else 's'} open." if more else ""
    return f"{worst.severity.capitalize()}: {worst.sentence}{rest}"


def _mood(snapshot: Snapshot) -> str:
    busy = snapshot.cpu.percent >= 50 or snapshot.memory.percent >= 80 or wording.waits(snapshot)
    return "Busy but healthy" if busy else "Quiet"


def _well(snapshot: Snapshot) -> list[str]:
    now, memory = snapshot.cpu, snapshot.memory
    mood = "busy but healthy" if _mood(snapshot) != "Quiet" else "quiet"
    pieces = [
        f"The node is {mood}: the CPU is {percent(now.percent)} busy, memory {percent(memory.percent)} used with "
        f"{size(memory.available_bytes)} available, load {now.load[0]:.2f} on {snapshot.host.cores} "
        f"core{'' if snapshot.host.cores == 1 else 's'}."
    ]
    waits = wording.waits(snapshot)
    if waits:
        pieces.append(" " + wording.pressure(snapshot))
    elif waits is not None:
        pieces.append(" Hardly any task waits for the CPU, memory or storage.")
    pieces.append(_leaders(snapshot))
    tight = _tight(snapshot)
    pieces.append(f" Nothing needs doing; keep an eye on {tight}." if tight else " Nothing needs doing.")
    return pieces


def _leaders(snapshot: Snapshot) -> str:
    """Who uses the most CPU and who holds the most memory, though it is no trouble; empty where nobody does."""
    busiest, largest = wording.hungriest(snapshot, 1), wording.largest(snapshot, 1)
    cpu = [f"{who(p)} uses the most CPU ({percent(p.cpu_percent)} of one core)" for p in busiest]
    memory = [f"{who(p)} holds the most memory ({size(p.rss_bytes)})" for p in largest]
    if busiest and busiest == largest:
        memory = [f"holds the most memory ({size(largest[0].rss_bytes)})"]
    return f" {wording.listed(cpu + memory)}." if cpu or memory else ""


def _tight(snapshot: Snapshot) -> str:
    """The file system that will be the next to fill, when one is at three quarters."""
    writable = [system for system in snapshot.filesystems if not system.read_only and system.percent >= 75]
    if not writable:
        return ""
    fullest = max(writable, key=lambda system: system.percent)
    room = size(fullest.available_bytes)
    return f"{quoted(fullest.mount, PATH_LIMIT)}, {percent(fullest.percent)} full with {room} left"


def _trouble(snapshot: Snapshot, findings: tuple[Finding, ...]) -> list[str]:
    worst, others = findings[0], findings[1:]
    pieces = [f"**{worst.severity.capitalize()}:** {worst.sentence}"]
    if worst.culprits and worst.culprits[0].share >= 0.05:
        first = worst.culprits[0]
        pieces.append(
            f" {quoted(first.name)} ({first.pid}) accounts for {percent(100 * first.share)} of "
            f"{_SUBJECTS.get(worst.kind, 'it')}."
        )
    for place, finding in enumerate(others[:MOST_BULLETS]):
        pieces.append(f"{_break(place)}- {finding.severity.capitalize()}: {finding.sentence}")
    if len(others) > MOST_BULLETS:
        pieces.append(f"\n- and {_counted(len(others) - MOST_BULLETS)} more")
    if worst.advice:
        pieces.append(f"\n\n**What to do:** {worst.advice}")
    pieces.append(f"\n\n**Watch:** {_watch(worst, snapshot)}")
    return pieces


def _break(place: int) -> str:
    return "\n\n" if place == 0 else "\n"


_SUBJECTS = {
    "cpu_saturated": "the CPU time used",
    "cpu_spin": "the CPU time used",
    "memory_pressure": "the shortage",
    "oom_risk": "the memory in use",
    "swap_thrash": "the memory in use",
    "memory_leak": "the memory in use",
    "disk_saturated": "the traffic",
    "disk_full": "what was written lately",
    "iowait_high": "the waiting",
    "load_high": "the tasks that are stuck",
    "zombies": "them",
    "gpu_memory_full": "the GPU memory in use",
}


def _watch(finding: Finding, snapshot: Snapshot) -> str:
    """The figure by which the operator will see whether it gets better."""
    now = snapshot
    if finding.kind in {"memory_pressure", "oom_risk", "swap_thrash", "memory_leak"}:
        return f"available memory, now {size(now.memory.available_bytes)}, and whether it goes on falling."
    if finding.kind in {"disk_saturated", "iowait_high"}:
        io = now.pressure.io
        return (
            f"I/O pressure, now {percent(io.some_avg10)} of the last 10 s."
            if io
            else f"time spent waiting for storage, now {percent(now.cpu.iowait)}."
        )
    if finding.kind == "disk_full":
        return "the space that is left; programs that write there begin to fail when it reaches zero."
    if finding.kind == "gpu_memory_full":
        return "the GPU's memory; the next allocation may fail."
    if finding.kind == "zombies":
        return "their number; if it grows, the parent makes more of them."
    if finding.kind == "steal_high":
        return f"stolen time, now {percent(now.cpu.steal)}; it comes and goes with the neighbours."
    return f"load, now {now.cpu.load[0]:.2f} on {now.host.cores} core{'' if now.host.cores == 1 else 's'}."


def _counted(count: int) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[count] if count < len(words) else "many"
