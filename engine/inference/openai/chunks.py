"""What a server says in one event of a stream, or in a whole answer: its words, why it ended, what it counted."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from engine.text import inert

_Kind = TypeVar("_Kind")


class NotUnderstoodError(Exception):
    """What the server sent is not what the protocol knows."""


class Counts(Struct, frozen=True):
    """What a server counted and measured; ``None`` where it did not say."""

    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    prefill_tokens_s: float | None = None
    decode_tokens_s: float | None = None

    def over(self, former: Counts) -> Counts:
        """What is said here, and for the rest what was said before."""
        return Counts(
            *(
                new if new is not None else old
                for new, old in zip(msgspec.structs.astuple(self), msgspec.structs.astuple(former), strict=True)
            )
        )


class Chunk(Struct, frozen=True):
    """One piece of an answer."""

    text: str = ""
    thought: str = ""
    """What the model thinks aloud, where the server tells it from the answer."""
    reason: str | None = None
    """Why it ended, if it did: ``stop``, ``length``, ..."""
    counts: Counts = Counts()
    error: str | None = None
    """The server's own words about what went wrong."""


class _Text(Struct):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None  # llama-server, vLLM, DeepSeek
    reasoning: str | None = None  # Ollama, OpenRouter


class _Choice(Struct):
    delta: _Text | None = None
    message: _Text | None = None
    finish_reason: str | None = None


class _Body(Struct):
    choices: list[_Choice] | None = None
    usage: Raw = Raw(b"null")
    timings: Raw = Raw(b"null")
    error: Raw = Raw(b"null")


class _Details(Struct):
    cached_tokens: int | None = None


class _Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None


class _Speeds(Struct):
    """Of llama-server, which says them with the last event."""

    prompt_n: int | None = None
    cache_n: int | None = None
    predicted_n: int | None = None
    prompt_per_second: float | None = None
    predicted_per_second: float | None = None


def chunk(data: str | bytes) -> Chunk:
    """Read the data of one event, or a whole answer. Raises NotUnderstoodError."""
    try:
        body = msgspec.json.decode(data, type=_Body)
    except (ValueError, RecursionError):  # DecodeError and UnicodeError are ValueErrors
        raise NotUnderstoodError from None
    if bytes(body.error) != b"null":
        return Chunk(error=said(bytes(body.error)))
    counts = _counts(body)
    if not body.choices:
        return Chunk(counts=counts)
    first = body.choices[0]
    text = first.delta or first.message or _Text()
    return Chunk(
        text=harmless(text.content or text.refusal or ""),
        thought=harmless(text.reasoning_content or text.reasoning or ""),
        reason=first.finish_reason,
        counts=counts,
    )


def _counts(body: _Body) -> Counts:
    usage = _lenient(body.usage, _Usage) or _Usage()
    speeds = _lenient(body.timings, _Speeds) or _Speeds()
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else None
    read = None if speeds.prompt_n is None else speeds.prompt_n + (speeds.cache_n or 0)
    return Counts(
        prompt_tokens=_count(usage.prompt_tokens, read),
        cached_tokens=_count(cached, speeds.cache_n),
        completion_tokens=_count(usage.completion_tokens, speeds.predicted_n),
        prefill_tokens_s=_speed(speeds.prompt_per_second),
        decode_tokens_s=_speed(speeds.predicted_per_second),
    )


def _lenient(raw: Raw, kind: type[_Kind]) -> _Kind | None:
    """Numbers on the side: where they are odd the text counts all the same."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (ValueError, RecursionError):  # also for null
        return None


def _count(*told: int | None) -> int | None:
    return next((number for number in told if number is not None and 0 <= number < 1 << 40), None)


def _speed(told: float | None) -> float | None:
    return told if told is not None and 0 < told < 1e9 else None


def harmless(text: str) -> str:
    """``text`` with its lines and tabs, and nothing else that acts on a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char in "\n\t" or char.isprintable() else inert(char) for char in text)


def said(body: bytes) -> str:
    """The sentence in the body of an error, whichever shape it has; at most 200 characters, inert."""
    try:
        found = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        found = body.decode("utf-8", "replace")
        if found.lstrip().startswith("<"):  # a page of some proxy
            found = ""
    for _ in range(3):
        if not isinstance(found, dict):
            break
        found = next((found[key] for key in ("error", "message", "detail", "object") if found.get(key)), "")
    return inert(" ".join(found.split()), 200).rstrip(".") if isinstance(found, str) else ""
