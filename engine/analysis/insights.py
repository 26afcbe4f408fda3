"""An analysis for programs: by a schema, each part of it checked against the facts, whoever wrote it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from engine.analysis.digest import Digest
from engine.analysis.grounding import ground
from engine.finding import Fact, Finding
from engine.report import Analysis, Grounding
from engine.snapshot import Snapshot

HEALTHY = "healthy"
_MOST_FACTS = 5
_LONGEST = 400
"""Characters of a sentence that are kept."""
_NOTHING_TO_DO = "Nothing needs doing."


class Primary(Struct, frozen=True):
    """The process that matters most."""

    pid: int
    name: str


class Insights(Struct, frozen=True):
    """What a program may act on; every field is checked, whatever a model wrote."""

    summary: str
    reason_code: str
    """The kind of the finding that it is about, or ``healthy``."""
    confidence: float
    """0..1: the share of its claims that the telemetry bears out, at most what the writer claims."""
    primary_process: Primary | None
    supporting_facts: tuple[Fact, ...]
    """Of those that the model was given, or of the finding's own."""
    next_step: str
    grounding: Grounding = Grounding()


class _Written(Struct):
    """What a model is asked for; anything may be missing."""

    summary: str = ""
    reason_code: str = ""
    confidence: float = 0.5
    primary_pid: int | None = None
    supporting_facts: list[str] = []
    next_step: str = ""


def insights(written: Analysis, facts: Digest, snapshot: Snapshot, findings: Sequence[Finding]) -> Insights:
    """What ``written``, of the form ``insights``, amounts to.

    What a model leaves out, or invents, is filled in by the rules: a reason that is no open finding, a pid that no
    process has, the number of a fact that there is not. The rules narrator's is of the rules alone.
    """
    by_rules = _by_rules(written.text, snapshot, findings)
    said = _read(written.text) if written.source != "rules" else None
    if said is None:
        return by_rules
    open_kinds = {finding.kind for finding in findings} or {HEALTHY}
    reason = said.reason_code if said.reason_code in open_kinds else by_rules.reason_code
    names = {process.pid: process.name for process in snapshot.processes}
    pid = said.primary_pid
    known = {fact.id: fact for fact in facts.facts}
    cited = tuple(known[one] for one in dict.fromkeys(said.supporting_facts) if one in known)[:_MOST_FACTS]
    summary = _sentence(said.summary) or by_rules.summary
    next_step = _sentence(said.next_step) or by_rules.next_step
    grounding = ground(f"{summary}\n{next_step}", snapshot, findings)
    return Insights(
        summary=summary,
        reason_code=reason,
        confidence=round(min(max(said.confidence, 0.0), 1.0, _borne_out(grounding)), 2),
        primary_process=Primary(pid, names[pid]) if pid in names else by_rules.primary_process,
        supporting_facts=cited or by_rules.supporting_facts,
        next_step=next_step,
        grounding=grounding,
    )


def _by_rules(text: str, snapshot: Snapshot, findings: Sequence[Finding]) -> Insights:
    worst = findings[0] if findings else None
    first = worst.culprits[0] if worst and worst.culprits else None
    summary = worst.sentence if worst else _sentence(text)
    next_step = worst.advice if worst else _NOTHING_TO_DO
    grounding = ground(f"{summary}\n{next_step}", snapshot, findings)
    return Insights(
        summary=summary,
        reason_code=worst.kind if worst else HEALTHY,
        confidence=round(_borne_out(grounding), 2),
        primary_process=Primary(first.pid, first.name) if first else None,
        supporting_facts=worst.facts if worst else (),
        next_step=next_step,
        grounding=grounding,
    )


def _borne_out(grounding: Grounding) -> float:
    return grounding.grounded / grounding.claims if grounding.claims else 1.0


def _sentence(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]


def _read(text: str) -> _Written | None:
    """The first JSON object in the text, as far as it has the right types; ``None`` where there is none."""
    start = text.find("{")
    if start < 0:
        return None
    try:
        found = json.JSONDecoder().raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        return None
    return _lenient(found) if isinstance(found, dict) else None


def _lenient(found: dict[str, Any]) -> _Written:
    """Each field on its own: one of a wrong type is as good as missing."""
    kept: dict[str, Any] = {}
    for field in msgspec.structs.fields(_Written):
        if field.name in found:
            try:
                kept[field.name] = msgspec.convert(found[field.name], type=field.type)
            except msgspec.ValidationError:
                continue
    return _Written(**kept)
