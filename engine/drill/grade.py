"""Grading: telltop watches the node while faults are played on it, and is held to what it then says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from msgspec import Struct

from engine.analysis.analyst import Analyst
from engine.drill.plan import Act
from engine.drill.play import Playing, played
from engine.drill.storage import NotHereError
from engine.finding import Finding
from engine.findings.watch import Watch
from engine.inference.protocol import Backend, Briefing
from engine.report import Analysis, Grounding
from engine.snapshot import Snapshot
from engine.telemetry.history import History
from engine.telemetry.sampler import SamplerThread

_CALM_SAMPLES = 3
"""Between two faults, so that the second is not blamed on what the first left in an interval."""
_BEFORE_S = 9.0
"""What is found in this time, before anything was played, the drill did not cause."""
_CULPRIT_S = 3.0
"""A finding that has opened may take this long to find out whom to blame."""
_MOUNT_S = 20.0
_INTERVAL_S = 1.0


class FaultGrade(Struct, frozen=True):
    """How one fault was dealt with."""

    kind: str
    found: bool
    """A finding of its kind opened, or one that blames it."""
    seconds: float | None
    """From its onset."""
    right_kind: bool
    right_culprit: bool
    """The first to be blamed is one of its processes."""
    named_in_analysis: bool
    grounding: Grounding
    within_s: float
    said: str = ""
    """The finding's sentence."""
    others: tuple[str, ...] = ()
    """Kinds that opened besides."""


class ControlGrade(Struct, frozen=True):
    """What was found though nothing was wrong."""

    name: str
    false_alarms: int
    said: tuple[str, ...] = ()
    """Their sentences."""


class Skipped(Struct, frozen=True):
    """A fault that cannot be made on this node."""

    kind: str
    reason: str


class Grades(Struct, frozen=True):
    """The whole drill."""

    faults: tuple[FaultGrade, ...]
    controls: tuple[ControlGrade, ...]
    skipped: tuple[Skipped, ...] = ()

    @property
    def passed(self) -> bool:
        """Every fault in time, of the right kind, rightly blamed and named; nothing wrong was said, no false alarm."""
        return all(map(good, self.faults)) and not any(control.false_alarms for control in self.controls)


def good(fault: FaultGrade) -> bool:
    """Whether it was dealt with as it should be."""
    in_time = fault.seconds is not None and fault.seconds <= fault.within_s
    said_right = fault.named_in_analysis and not fault.grounding.wrong
    return fault.found and in_time and fault.right_kind and fault.right_culprit and said_right


class Eyes:
    """telltop's own sampling, as it runs in the dashboard, on an event loop."""

    def __init__(self, interval_s: float = _INTERVAL_S) -> None:
        loop = asyncio.get_running_loop()
        self._taken: asyncio.Queue[Snapshot] = asyncio.Queue()

        def take(snapshot: Snapshot) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._taken.put_nowait, snapshot)

        self.history = History()
        self._sampler = SamplerThread(take, interval=interval_s)

    def __enter__(self) -> Self:
        self._sampler.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._sampler.stop()

    async def look(self, watch: Watch | None = None) -> Snapshot:
        """Wait for the next sample, and have ``watch`` judge it."""
        snapshot = await self._taken.get()
        self.history.append(snapshot)
        if watch is not None:
            watch.update(self.history)
        return snapshot

    async def rest(self) -> None:
        """Let the node calm down."""
        for _ in range(_CALM_SAMPLES):
            await self.look()


async def drill(
    faults: Sequence[Act],
    controls: Sequence[Act],
    backend: Backend,
    *,
    control_s: float,
    tell: Callable[[str], None] = lambda _: None,
) -> Grades:
    """Play the controls, ``control_s`` seconds each, then the faults one after the other, and grade what was said.

    ``tell`` is told what happens, a sentence at a time. Cancelled, it leaves nothing behind. Raises TelemetryError.
    """
    graded: list[FaultGrade] = []
    quiet: list[ControlGrade] = []
    skipped: list[Skipped] = []
    with Eyes() as eyes:
        before = await _before(eyes, min(_BEFORE_S, control_s)) if controls else frozenset()
        for act in controls:
            tell(f"control {act.kind}: {control_s:.0f} s in which nothing is wrong")
            quiet.append(await _control(act, eyes, before, control_s))
        for act in faults:
            tell(f"fault {act.kind}: it must be found within {act.within_s:.0f} s")
            await eyes.rest()
            try:
                graded.append(await _fault(act, eyes, backend))
            except NotHereError as error:
                skipped.append(Skipped(act.kind, str(error)))
                tell(f"fault {act.kind}: skipped. {error}")
    return Grades(tuple(graded), tuple(quiet), tuple(skipped))


async def _before(eyes: Eyes, seconds: float) -> frozenset[str]:
    """Kinds that are found without the drill."""
    watch, until = Watch(), time.monotonic() + seconds
    while time.monotonic() < until:
        await eyes.look(watch)
    return frozenset(finding.kind for finding in watch.open)


async def _control(act: Act, eyes: Eyes, before: frozenset[str], seconds: float) -> ControlGrade:
    found: dict[str, Finding] = {}
    async with played(act) as playing:
        watch, until = Watch(), time.monotonic() + seconds
        playing.go()
        while time.monotonic() < until:
            await eyes.look(watch)
            found |= {finding.id: finding for finding in watch.open if finding.kind not in before}
    return ControlGrade(act.kind, len(found), tuple(finding.sentence for finding in found.values()))


async def _fault(act: Act, eyes: Eyes, backend: Backend) -> FaultGrade:
    async with played(act) as playing:
        await _seen(playing, eyes)
        watch = Watch()
        begun = time.monotonic()
        playing.go()
        finding: Finding | None = None
        seconds = 0.0
        while time.monotonic() - begun < act.within_s + (_CULPRIT_S if finding else 0.0):
            snapshot = await eyes.look(watch)
            best = _best(watch.open, act.kind, playing.pids)
            if best and (finding is None or best.kind == act.kind != finding.kind):
                seconds = round(time.monotonic() - begun, 1)
            finding = best or finding
            if finding and finding.kind == act.kind and _blamed_first(finding, playing.pids):
                break
        written = await _written(backend, snapshot, watch.open) if finding else None
        others = sorted({other.kind for other in watch.open} - {act.kind})
    grounding = written.grounding if written else Grounding()
    return FaultGrade(
        kind=act.kind,
        found=finding is not None,
        seconds=seconds if finding else None,
        right_kind=finding is not None and finding.kind == act.kind,
        right_culprit=finding is not None and _blamed_first(finding, playing.pids),
        named_in_analysis=any(m.pid in playing.pids for m in grounding.mentions if m.status == "grounded"),
        grounding=grounding,
        within_s=act.within_s,
        said=finding.sentence if finding else "",
        others=tuple(others),
    )


async def _seen(playing: Playing, eyes: Eyes) -> None:
    """Wait until what was prepared is part of the node as telltop knows it: a new mount is looked for at intervals."""
    until = time.monotonic() + _MOUNT_S
    while playing.mount and time.monotonic() < until:
        snapshot = await eyes.look()
        if any(system.mount == playing.mount for system in snapshot.filesystems):
            return


def _best(found: Sequence[Finding], kind: str, pids: frozenset[int]) -> Finding | None:
    """The finding that is most likely meant: of the kind and blaming the fault, of the kind, or blaming it."""
    blaming = [finding for finding in found if any(culprit.pid in pids for culprit in finding.culprits)]
    ranked = [f for f in blaming if f.kind == kind] + [f for f in found if f.kind == kind] + blaming
    return ranked[0] if ranked else None


def _blamed_first(finding: Finding, pids: frozenset[int]) -> bool:
    return bool(finding.culprits) and finding.culprits[0].pid in pids


async def _written(backend: Backend, snapshot: Snapshot, found: tuple[Finding, ...]) -> Analysis:
    briefing = Briefing(snapshot, found, "full")
    return await Analyst().analyse(
        backend, briefing, identity="a1", trigger="finding", degraded=False, emit=lambda _: None
    )
