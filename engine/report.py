"""What was written about the node: analyses and answers, who wrote them, and how far the telemetry bears them out."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Source = Literal["model", "rules", "remote"]
Trigger = Literal["demand", "finding", "interval"]
Outcome = Literal["stop", "length", "cancelled", "failed"]


class Timings(Struct, frozen=True):
    """How long a generation took and how fast it was; rates are 0 where nothing was measured."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Prompt tokens that a kept prefix spared."""
    completion_tokens: int = 0
    first_token_s: float = 0.0
    """From the request to the first token."""
    prefill_tokens_s: float = 0.0
    decode_tokens_s: float = 0.0


class Mention(Struct, frozen=True):
    """A number, pid or process name in a text, and whether a fact bears it out."""

    start: int
    """Offset of its first character in the text."""
    end: int
    status: Literal["grounded", "unverified", "wrong"]
    pid: int | None = None
    """The process that it points at, when it names one."""
    fact: str = ""
    """The fact of a finding that bears the number out, as ``FINDING/f1``; empty where another figure does."""


class Grounding(Struct, frozen=True):
    """How many claims of a text the telemetry bears out."""

    grounded: int = 0
    claims: int = 0
    unverified: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    mentions: tuple[Mention, ...] = ()


class Analysis(Struct, frozen=True):
    """One finished analysis of the node."""

    id: str
    time: float
    """Wall-clock seconds since the epoch at which it was finished."""
    trigger: Trigger
    text: str
    source: Source
    model: str
    """The model's name, or ``rules``."""
    degraded: bool
    """A model was asked for and something lesser wrote this."""
    outcome: Outcome
    grounding: Grounding
    timings: Timings
    snapshot: int
    """Sequence number of the snapshot that it speaks of."""


class Answer(Struct, frozen=True):
    """One finished answer to a question at the console."""

    id: str
    time: float
    question: str
    text: str
    source: Source
    model: str
    degraded: bool
    outcome: Outcome
    grounding: Grounding
    timings: Timings
    snapshot: int
