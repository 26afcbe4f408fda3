"""The one protocol of everything that writes words, so that nobody above it knows which backend answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from enum import IntEnum
from typing import Literal, Protocol

from msgspec import Struct

from engine.finding import Finding
from engine.report import Source, Timings
from engine.snapshot import Snapshot

Form = Literal["full", "short", "answer", "insights"]
Voice = Literal["answer", "thinking"]
"""What a piece of text belongs to: what a reasoning model thinks aloud first is no part of its answer."""


class Message(Struct, frozen=True):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Sampling(Struct, frozen=True):
    """How the next token is chosen; the names and meanings are llama.cpp's."""

    temperature: float = 0.2
    """0 is greedy."""
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    seed: int | None = None
    max_tokens: int = 512
    """Of thinking and answer together."""
    stop: tuple[str, ...] = ()
    """They end the answer and are not in it; while the model thinks they count for nothing."""
    typical_p: float = 1.0
    """1 is off."""
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    penalty_window: int = 64
    """Tokens, of those written, that the three penalties look back on."""
    logit_bias: tuple[tuple[int, float], ...] = ()
    """Token and what is added to its logit; minus infinity forbids it."""
    grammar: str = ""
    """GBNF whose rule ``root`` the text obeys from its first character to its last, or the request fails."""
    json_schema: str = ""
    """JSON Schema, as JSON, for the text: it parses and validates, or the request fails. Not beside ``grammar``."""
    top_logprobs: int | None = None
    """Report each token's log-probability, before any sampling, and those of so many of the likeliest; at most 20."""


DEFAULT_SAMPLING = Sampling()


class Priority(IntEnum):
    """Who goes first when slots are short: the smaller number."""

    CONSOLE = 0
    ANALYSIS = 1
    CLIENT = 2


class Briefing(Struct, frozen=True, eq=False):
    """What a text is to be about, in types: what the rules narrator writes from, where a model reads the messages."""

    snapshot: Snapshot
    findings: tuple[Finding, ...]
    form: Form
    question: str = ""


class Request(Struct, frozen=True, eq=False):
    """One text to be written."""

    messages: tuple[Message, ...]
    briefing: Briefing
    sampling: Sampling = DEFAULT_SAMPLING
    priority: Priority = Priority.ANALYSIS


class Started(Struct, frozen=True):
    """The prompt has been read; the first words follow."""

    prompt_tokens: int
    cached_tokens: int
    dropped_turns: int = 0
    """Messages left out, the oldest first, because the conversation is longer than the context."""


class TokenLogprob(Struct, frozen=True):
    """How likely a token was, as the natural logarithm; before temperature, filters and grammar."""

    id: int
    text: bytes
    """Perhaps a part of a character; empty for one that ends the text."""
    logprob: float
    top: tuple[TokenLogprob, ...] = ()
    """The likeliest tokens at its place."""


class Delta(Struct, frozen=True):
    """More text. Never cut inside a character, never part of a stop string."""

    text: str
    channel: Voice = "answer"
    logprobs: tuple[TokenLogprob, ...] = ()
    """Of the tokens written since the delta before, where they were asked for; what is held back comes with them."""


class Finished(Struct, frozen=True):
    """The text is whole (``stop``) or ran into a limit (``length``)."""

    reason: Literal["stop", "length"]
    timings: Timings


class Failed(Struct, frozen=True):
    """The text could not be written to its end; ``sentence`` says why and what to do."""

    sentence: str


Generation = Started | Delta | Finished | Failed


class Backend(Protocol):
    """Something that writes texts."""

    @property
    def source(self) -> Source:
        """What kind of writer this is, as every text of its is marked."""

    @property
    def model(self) -> str:
        """The name of the model that answers."""

    def generate(self, request: Request) -> AsyncGenerator[Generation, None]:
        """Write one text: ``Started``, ``Delta`` ..., then ``Finished`` or ``Failed``.

        Closing the generator, or cancelling the task that reads it, cancels the work: within one token while it
        decodes, within one chunk while it reads the prompt. Deltas come at most 15 times a second.
        """
