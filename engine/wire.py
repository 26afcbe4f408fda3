"""The engine's events and snapshots as JSON for programs; these shapes are kept.

Times are ISO 8601 with the offset of this node's time zone, sizes bytes, shares 0..1, percentages 0..100, rates per
second. Numbers are rounded to three decimals; what a node does not tell, and what is not a number, is ``null``. Keys
may be added; none is renamed or takes on another meaning. One object is one line.

``telltop watch --json`` prints the objects of :func:`event`, a line each::

    {"event": "snapshot", "time", "sequence", "cpu_percent", "memory_percent", "swap_percent", "load": [1, 5, 15 min],
     "pressure": {"cpu" | "memory" | "io": STALL | null}, "processes": how many, "findings": [ids of the open ones],
     "self": {"pid", "cpu_percent", "rss_bytes"}}
    {"event": "finding_opened" | "finding_closed", "time", "finding": FINDING}
    {"event": "analysis", ...}

    STALL     {"some_avg10", "some_avg60", "full_avg10", "full_avg60", "some_percent"}
    FINDING   {"id", "kind", "severity": "warning" | "critical", "since", "sentence", "advice",
               "culprits": [{"pid", "name", "started", "share"}], "facts": [{"id", "text", "value", "unit"}]}

``telltop analyze --json`` prints :func:`analysis`, ``telltop ask --json`` prints :func:`answer`, which is the same
with ``"event": "answer"`` and the question::

    {"event": "analysis", "id", "time", "trigger": "demand" | "finding" | "interval", "text",
     "source": "model" | "rules" | "remote", "model", "degraded": bool,
     "outcome": "stop" | "length" | "cancelled" | "failed",
     "grounding": {"grounded", "claims", "unverified": [texts], "wrong": [texts]},
     "timings": {"prompt_tokens", "cached_tokens", "completion_tokens", "first_token_s", "prefill_tokens_s",
                 "decode_tokens_s"},
     "snapshot": sequence number}

``telltop analyze --insights`` prints :func:`insights`::

    {"event": "insights", "summary", "reason_code": kind of a finding | "healthy", "confidence": 0..1,
     "primary_process": {"pid", "name"} | null, "supporting_facts": [{"id", "text", "value", "unit"}], "next_step",
     "grounding": as above, and who wrote it: "id", "time", "source", "model", ...}

``telltop snapshot --json`` prints :func:`snapshot`: the fields of :class:`engine.snapshot.Snapshot` under their names,
but for ``self_use``, which is ``self``, and ``monotonic``, which means nothing outside of this process; ``memory`` and
each file system also have their ``percent``, and ``memory`` its ``swap_percent``. What is renewed seldom
(``listeners``, ``tcp.states``, ``failed_units``) may be empty or ``null`` in the first snapshot of a program.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from engine.analysis.insights import Insights
from engine.events import AnalysisFinished, Event, FindingClosed, FindingOpened, SnapshotTaken
from engine.finding import Finding
from engine.report import Analysis, Answer
from engine.snapshot import Snapshot

Json = dict[str, Any]


def encode(message: Json) -> bytes:
    """One line of JSON with its newline. A lone surrogate, which UTF-8 cannot hold, becomes its escape."""
    try:
        return msgspec.json.encode(message) + b"\n"
    except UnicodeEncodeError:
        return msgspec.json.encode(_each(message, _without_surrogates)) + b"\n"


def event(said: Event) -> Json | None:
    """What a program is told of an event; ``None`` for those that only a screen needs."""
    match said:
        case SnapshotTaken():
            return _summary(said)
        case FindingOpened():
            return {"event": "finding_opened", "time": time(said.time), "finding": finding(said.finding)}
        case FindingClosed():
            return {"event": "finding_closed", "time": time(said.time), "finding": finding(said.finding)}
        case AnalysisFinished():
            return analysis(said.analysis)
        case _:
            return None


def time(seconds: float) -> str:
    """Seconds since the epoch in ISO 8601 with offset, to the millisecond."""
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="milliseconds")


def _summary(said: SnapshotTaken) -> Json:
    taken = said.snapshot
    return {
        "event": "snapshot",
        "time": time(taken.time),
        "sequence": taken.sequence,
        "cpu_percent": _round(taken.cpu.percent),
        "memory_percent": _round(taken.memory.percent),
        "swap_percent": _round(taken.memory.swap_percent),
        "load": [_round(load) for load in taken.cpu.load],
        "pressure": _plain(taken.pressure),
        "processes": len(taken.processes),
        "findings": [found.id for found in said.findings],
        "self": _plain(taken.self_use),
    }


def snapshot(taken: Snapshot) -> Json:
    """The whole snapshot."""
    plain: Json = _plain(taken)
    del plain["monotonic"]
    plain["time"] = time(taken.time)
    plain["self"] = plain.pop("self_use")
    plain["memory"] |= {"percent": _round(taken.memory.percent), "swap_percent": _round(taken.memory.swap_percent)}
    for shape, filesystem in zip(plain["filesystems"], taken.filesystems, strict=True):
        shape["percent"] = _round(filesystem.percent)
    return plain


def finding(found: Finding) -> Json:
    """A finding with its culprits and facts."""
    plain: Json = _plain(found)
    plain["since"] = time(found.since)
    return plain


def analysis(written: Analysis) -> Json:
    """A finished analysis."""
    return {"event": "analysis"} | _text(written)


def insights(written: Analysis, made: Insights) -> Json:
    """An analysis of the form ``insights``: by its schema, with who wrote it."""
    plain: Json = _plain(made)
    del plain["grounding"]["mentions"]
    about = {key: value for key, value in _text(written).items() if key in _ABOUT}
    return {"event": "insights"} | about | plain


_ABOUT = ("id", "time", "trigger", "source", "model", "degraded", "outcome", "timings", "snapshot")


def answer(written: Answer) -> Json:
    """A finished answer: the shape of an analysis that was asked for, with its question."""
    return {"event": "answer"} | _text(written) | {"trigger": "demand"}


def _text(written: Analysis | Answer) -> Json:
    plain: Json = _plain(written)
    plain["time"] = time(written.time)
    del plain["grounding"]["mentions"]  # offsets into the text as a screen draws it
    return plain


def _plain(value: msgspec.Struct) -> Json:
    plain: Json = _each(msgspec.to_builtins(value), _round)
    return plain


def _round(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


def _without_surrogates(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    """The same structure with every leaf changed."""
    if isinstance(value, dict):
        return {key: _each(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_each(inner, change) for inner in value]
    return change(value)
