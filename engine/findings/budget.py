"""The noise budget: a node on which much goes wrong and right again gets one finding that says so, not fifty."""

from __future__ import annotations

from collections import Counter, deque

from engine.events import FindingClosed, FindingOpened
from engine.finding import Finding
from engine.findings.condition import Condition, number, numbered
from engine.snapshot import Snapshot

_HOUR_S = 3600.0
_KEPT_S = 600.0
"""How long the finding that stands for the folded ones stays after the last of them."""
KIND = "restless"


class Budget:
    """Counts openings. Belongs to one :class:`~engine.findings.watch.Watch`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._openings: deque[tuple[float, str]] = deque()
        self._folded: dict[tuple[str, str], float] = {}
        """When each was last kept from opening, monotonic seconds."""
        self._finding: Finding | None = None
        self._number = 0

    def allows(self, key: tuple[str, str], condition: Condition, now: Snapshot) -> bool:
        """Whether a finding about ``key`` may open now; if not it is folded."""
        while self._openings and now.monotonic - self._openings[0][0] >= _HOUR_S:
            self._openings.popleft()
        known = {kind for _, kind in self._openings}
        # One of them is left for the finding that stands for the others.
        if len(self._openings) < self._most - 1 or (condition.grade == "critical" and key[0] not in known):
            self._openings.append((now.monotonic, key[0]))
            self._folded.pop(key, None)
            return True
        self._folded[key] = now.monotonic
        return False

    def folded(self, now: Snapshot, events: list[FindingOpened | FindingClosed]) -> tuple[Finding, ...]:
        """The finding that stands for what was folded; that it opens or closes is added to ``events``."""
        self._folded = {key: at for key, at in self._folded.items() if now.monotonic - at < _KEPT_S}
        if not self._folded:
            if self._finding:
                events.append(FindingClosed(now.time, self._finding))
            self._finding = None
            return ()
        kinds = Counter(kind for kind, _ in self._folded)
        told = ", ".join(f"{kind} ({count})" if count > 1 else kind for kind, count in kinds.most_common(5))
        opening = self._finding is None
        if opening:
            self._number += 1
        since = self._finding.since if self._finding else now.time
        self._finding = Finding(
            f"{KIND}-{self._number}",
            KIND,
            "warning",
            since,
            f"The node is restless: {number(len(self._folded), 'more finding', 'more findings')} within minutes are "
            f"folded together: {told}.",
            (),
            numbered(
                ("findings that are folded", len(self._folded), ""), *((kind, n, "") for kind, n in kinds.items())
            ),
            "Much goes wrong and right again: look at the findings that stay open first.",
        )
        if opening:
            events.append(FindingOpened(now.time, self._finding))
        return (self._finding,)
