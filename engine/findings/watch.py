"""From conditions to findings: what lasts opens one, what has gone for long enough closes it, nothing flaps."""

from __future__ import annotations

import re
from collections import deque

import msgspec

from engine.events import FindingClosed, FindingOpened
from engine.finding import Finding, Severity
from engine.findings.budget import Budget
from engine.findings.condition import Condition
from engine.findings.detectors import DETECTORS, KINDS
from engine.findings.settings import Limits, Settings
from engine.snapshot import Snapshot
from engine.telemetry.history import History

_NEEDED = 0.8
"""Share of the samples of ``fire_s`` that must be at the level: one dip in seven does not start it over."""
_LEAST_SAMPLES = 3
_RANK = {"hold": 0, "warning": 1, "critical": 2}
_NOTICEABLE_SHARE = 0.1
_NOTICEABLE = {"%": 4.0, "B": 8 * 1024 * 1024, "B/s": 256 * 1024, "s": 5.0}
"""A figure has moved noticeably when it did by more than a tenth and by more than this, by its unit (else 0.5)."""


class Watch:
    """Runs the detectors and keeps what is open. Owned by the sampler thread.

    A finding keeps its id for as long as it is open. When it worsens or eases, no event is sent: the severity in
    :attr:`open` changes (worse after ``fire_s`` at the critical level, better after ``clear_s`` below it).
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._tracks: dict[tuple[str, str], _Track] = {}
        self._opened = 0
        self._open: tuple[Finding, ...] = ()
        self._budget = Budget(self._settings.most_per_hour)

    @property
    def open(self) -> tuple[Finding, ...]:
        """What is wrong now, the gravest first: by severity, then by kind, then the oldest.

        A finding is the same object as long as its severity and culprits are the same and its figures have not
        moved noticeably.
        """
        return self._open

    def update(self, history: History) -> tuple[FindingOpened | FindingClosed, ...]:
        """Look at the newest snapshot; what has opened and closed by it. Call it once for each snapshot."""
        now = history.latest
        if now is None:
            return ()
        seen = {(c.kind, c.subject): c for detect in DETECTORS for c in detect(history, self._settings)}
        for key, condition in seen.items():
            if key not in self._tracks and condition.grade != "hold":
                self._tracks[key] = _Track(condition.limits)
        events: list[FindingOpened | FindingClosed] = []
        for key, track in list(self._tracks.items()):
            track.note(now, seen.get(key))
            if track.finding is None:
                if track.ripe() and self._has_room(key[0]) and self._budget.allows(key, seen[key], now):
                    self._opened += 1
                    opened = track.open(_identity(key, self._opened), seen[key], now)
                    events.append(FindingOpened(now.time, opened))
                elif track.idle:
                    del self._tracks[key]
            elif track.over(now):
                events.append(FindingClosed(now.time, track.finding))
                del self._tracks[key]
            else:
                track.renew(seen.get(key), now, self._settings.refresh_s)
        found = [track.finding for track in self._tracks.values() if track.finding]
        found.sort(key=lambda f: (-_RANK[f.severity], KINDS.index(f.kind), f.since, f.id))
        self._open = (*found, *self._budget.folded(now, events))
        return tuple(events)

    def _has_room(self, kind: str) -> bool:
        if kind == "unusual" and any(track.finding for key, track in self._tracks.items() if key[0] != kind):
            return False  # what is wrong is known already
        held = sum(1 for key, track in self._tracks.items() if key[0] == kind and track.finding)
        return held < self._settings.most_per_kind


def _identity(key: tuple[str, str], count: int) -> str:
    kind, subject = key
    label = re.sub(r"[^A-Za-z0-9]+", "_", subject.partition("@")[0]).strip("_")[:24]
    return "-".join(filter(None, (kind, label, str(count))))


class _Track:
    """One condition over time: the ranks of its last samples, and its finding while it is open."""

    def __init__(self, limits: Limits) -> None:
        self.finding: Finding | None = None
        self._limits = limits
        self._samples: deque[tuple[float, float, int]] = deque()  # monotonic, wall clock, rank
        self._held = 0.0
        self._critical = 0.0
        self._renewed = 0.0

    def note(self, now: Snapshot, condition: Condition | None) -> None:
        rank = _RANK[condition.grade] if condition else 0
        if condition:
            self._limits = condition.limits
            self._held = now.monotonic
        if rank == 2:
            self._critical = now.monotonic
        self._samples.append((now.monotonic, now.time, rank))
        # One sample from before the window stays: without it the rest would not span the whole of it.
        while len(self._samples) > 1 and now.monotonic - self._samples[1][0] >= self._limits.fire_s:
            self._samples.popleft()

    def ripe(self, rank: int = 1) -> bool:
        """Whether the level ``rank`` has lasted ``fire_s``, and is reached now."""
        oldest, newest = self._samples[0], self._samples[-1]
        if newest[2] < rank or newest[0] - oldest[0] < self._limits.fire_s or len(self._samples) < _LEAST_SAMPLES:
            return False
        return sum(sample[2] >= rank for sample in self._samples) >= _NEEDED * len(self._samples)

    @property
    def idle(self) -> bool:
        """Nothing in the window is at a level."""
        return not any(rank for _, _, rank in self._samples)

    def over(self, now: Snapshot) -> bool:
        return now.monotonic - self._held >= self._limits.clear_s

    def open(self, identity: str, condition: Condition, now: Snapshot) -> Finding:
        since = next(time for _, time, rank in self._samples if rank)
        self.finding = _finding(identity, self._severity(now, "warning"), since, condition)
        self._renewed = now.monotonic
        return self.finding

    def renew(self, condition: Condition | None, now: Snapshot, refresh_s: float) -> None:
        """Bring the finding up to date, but keep the object while it would say the same."""
        old = self.finding
        if old is None:
            return
        severity = self._severity(now, old.severity)
        if condition is None:
            if severity != old.severity:
                self.finding = msgspec.structs.replace(old, severity=severity)
            return
        new = _finding(old.id, severity, old.since, condition)
        if severity != old.severity or (now.monotonic - self._renewed >= refresh_s and _differs(old, new)):
            self.finding = new
            self._renewed = now.monotonic

    def _severity(self, now: Snapshot, before: Severity) -> Severity:
        if self.ripe(rank=2):
            return "critical"
        eased = now.monotonic - self._critical >= self._limits.clear_s
        return "critical" if before == "critical" and not eased else "warning"


def _finding(identity: str, severity: Severity, since: float, condition: Condition) -> Finding:
    return Finding(
        identity,
        condition.kind,
        severity,
        since,
        condition.sentence,
        condition.culprits,
        condition.facts,
        condition.advice,
    )


def _differs(old: Finding, new: Finding) -> bool:
    if {c.pid for c in old.culprits} != {c.pid for c in new.culprits} or len(old.facts) != len(new.facts):
        return True
    for before, after in zip(old.facts, new.facts, strict=True):
        was, is_now = before.value or 0.0, after.value or 0.0
        if abs(is_now - was) > max(_NOTICEABLE_SHARE * abs(was), _NOTICEABLE.get(after.unit, 0.5)):
            return True
    return False
