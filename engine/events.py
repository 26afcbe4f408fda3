"""What the engine says to a front end. Every event is frozen and may be handed across threads."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from engine.finding import Finding
from engine.report import Analysis, Answer, Source, Trigger
from engine.snapshot import Snapshot

ModelState = Literal["none", "loading", "ready", "idle", "failed"]
"""``idle``: unloaded to save memory; a request loads the model again, unless its detail says otherwise."""


class SnapshotTaken(Struct, frozen=True, eq=False):
    """A new sample, with the findings that are open after it. A front end may skip to the newest."""

    snapshot: Snapshot
    findings: tuple[Finding, ...]


class FindingOpened(Struct, frozen=True):
    """Something has gone wrong. Never skipped."""

    time: float
    finding: Finding


class FindingClosed(Struct, frozen=True):
    """It is well again. Never skipped."""

    time: float
    finding: Finding


class AnalysisStarted(Struct, frozen=True):
    """An analysis begins to be written."""

    id: str
    time: float
    trigger: Trigger
    source: Source
    model: str


class AnalysisDelta(Struct, frozen=True):
    """More text of the analysis ``id``."""

    id: str
    text: str


class AnalysisFinished(Struct, frozen=True):
    """The analysis is whole, was cancelled, or failed: see its outcome."""

    analysis: Analysis


class AnswerStarted(Struct, frozen=True):
    """An answer to ``question`` begins to be written."""

    id: str
    time: float
    question: str
    source: Source
    model: str


class AnswerDelta(Struct, frozen=True):
    """More text of the answer ``id``."""

    id: str
    text: str


class AnswerFinished(Struct, frozen=True):
    """The answer is whole, was cancelled, or failed: see its outcome."""

    answer: Answer


class ModelChanged(Struct, frozen=True):
    """The model's state, for the status line."""

    state: ModelState
    name: str
    """The model's name, or empty."""
    detail: str = ""
    """While loading the progress, after a failure the sentence that says what to do."""
    progress: float = 0.0
    """Share loaded, 0..1."""


class Notice(Struct, frozen=True):
    """A sentence for the operator that belongs to no panel."""

    text: str
    severity: Literal["information", "warning", "error"] = "information"


Event = (
    SnapshotTaken
    | FindingOpened
    | FindingClosed
    | AnalysisStarted
    | AnalysisDelta
    | AnalysisFinished
    | AnswerStarted
    | AnswerDelta
    | AnswerFinished
    | ModelChanged
    | Notice
)
