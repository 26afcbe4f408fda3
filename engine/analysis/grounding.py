"""Holding a text against the facts: what the telemetry bears out, what it doesn't, and what it contradicts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.analysis.claims import Claim, claims
from engine.analysis.evidence import Evidence, Values, merged, of_place, of_process
from engine.finding import Finding
from engine.report import Grounding, Mention
from engine.snapshot import Snapshot

_ROUGH = 0.02
"""A size may be off by this share: it has been rounded once in the digest and once by the writer."""
_ABOUT = re.compile(
    r"(?:about|around|roughly|approximately|nearly|almost|some|over|under|~|≈|circa)[ ]?$", re.IGNORECASE
)
_ABOUT_SHARE = 0.05
_ABSENT = re.compile(r"\bno process (?:with|has) (?:the )?pid $", re.IGNORECASE)
_LINE = re.compile(r"[^\n]+")

_ROUGHLY = r"(?:\s+(?:about|around|only|just|roughly|nearly|currently|now))*"
_FILLER = rf"(?:\s+(?:usage|use|utili[sz]ation))?(?:\s+(?:is|at|stands at|runs at|is at))?{_ROUGHLY}[\s:=]*$"
_WHOSE = r"^\W*(?:(?:the|total|overall|node(?:'s)?|system)\s+)*"
_SAYS_CPU = re.compile(rf"{_WHOSE}(?:cpu|processors?){_FILLER}", re.IGNORECASE)
_SAYS_MEMORY = re.compile(rf"{_WHOSE}(?:memory|ram){_FILLER}", re.IGNORECASE)
_SAYS_SWAP = re.compile(rf"{_WHOSE}swap{_FILLER}", re.IGNORECASE)
_SAYS_LOAD = re.compile(
    rf"{_WHOSE}load(?:\s+averages?)?(?:\s+(?:is|at|of|stands at))?{_ROUGHLY}[\s:=]*$", re.IGNORECASE
)
_SAYS_TAKES = re.compile(
    rf"^[`\"'*)]*\s+(?:is\s+)?(?:using|uses|takes|taking|consumes|consuming){_ROUGHLY}\s*$", re.IGNORECASE
)
_OF_CPU = re.compile(r"\s*(?:of\s+)?(?:(?:a|one|the|1)\s+)?(?:core|cpu)\b", re.IGNORECASE)
_SAYS_FULL = re.compile(rf"^[`\"'*)]*\s+(?:is|is at|at|stands at){_ROUGHLY}\s*$", re.IGNORECASE)
_OF_SPACE = re.compile(r"\s*(?:full|used)\b", re.IGNORECASE)
_ANOTHER_FIGURE = re.compile(
    r"\s*(?:of\s+(?:one|a|1|its|their)\b|user|system|io|idle|free|available|left|remain|unused|more|less|higher|lower|"
    r"pressure|stall|spare|ago)",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[;,(]|[.!?]\s|\band\b|\bwhile\b|\bbut\b|\bwith\b")
_FAR_PERCENT = 15.0
"""Percentage points from which a figure of the node contradicts the fact."""


def ground(text: str, snapshot: Snapshot, findings: Sequence[Finding]) -> Grounding:
    """Every claim of ``text`` held against the facts; the same text and facts give the same result.

    Within the rounding in which it is written a number is grounded by a figure of the node, of a finding, or of a
    process that its line names. It is wrong only where the line says plainly of what it speaks and the figure is far
    off; a pid is wrong where another process has it. All else is unverified.
    """
    evidence = Evidence(snapshot, findings)
    found = claims(text, evidence)
    mentions: list[Mention] = []
    for line in _LINE.finditer(text):
        inside = [claim for claim in found if line.start() <= claim.start < line.end()]
        named = [evidence.by_pid[claim.pid] for claim in inside if claim.pid in evidence.by_pid]
        places = {claim.place for claim in inside if claim.place}
        told = [of_process(process, snapshot) for process in dict.fromkeys(named)]
        values = merged([evidence.node, *told, *(of_place(place, snapshot) for place in sorted(places))])
        judged = [_judged(claim, line, inside, values, evidence) for claim in inside]
        # A duration says something where a fact is the same; most others ("in the last 10 s") claim nothing.
        mentions += [m for m, c in zip(judged, inside, strict=True) if c.dimension != "s" or m.status == "grounded"]
    return Grounding(
        grounded=sum(mention.status == "grounded" for mention in mentions),
        claims=len(mentions),
        unverified=_texts(text, mentions, "unverified"),
        wrong=_texts(text, mentions, "wrong"),
        mentions=tuple(mentions),
    )


def _texts(text: str, mentions: Sequence[Mention], status: str) -> tuple[str, ...]:
    """What was written of this status, each once."""
    return tuple(dict.fromkeys(text[m.start : m.end] for m in mentions if m.status == status))


def _judged(claim: Claim, line: re.Match[str], inside: list[Claim], values: Values, evidence: Evidence) -> Mention:
    if claim.kind in {"name", "place"}:
        return Mention(claim.start, claim.end, "grounded", claim.pid)
    before = line[0][: claim.start - line.start()]
    after = line[0][claim.end - line.start() :]
    if claim.kind == "pid":
        return _pid(claim, before, evidence)
    if _borne_out(claim, before, values):
        return Mention(claim.start, claim.end, "grounded", fact=_fact(claim, before, evidence))
    wrong = _contradicted(claim, before, after, inside, evidence)
    return Mention(claim.start, claim.end, "wrong" if wrong else "unverified")


def _pid(claim: Claim, before: str, evidence: Evidence) -> Mention:
    if claim.belied:
        return Mention(claim.start, claim.end, "wrong", claim.pid)
    if claim.pid in evidence.name_of:
        return Mention(claim.start, claim.end, "grounded", claim.pid)
    absent = _ABSENT.search(before)
    return Mention(claim.start, claim.end, "grounded" if absent else "unverified")


def _borne_out(claim: Claim, before: str, values: Values) -> bool:
    """Whether a fact is what the number says, within the rounding in which it is written."""
    facts = values.get(claim.dimension, []) if claim.dimension else [v for some in values.values() for v in some]
    slack = _ROUGH if claim.dimension in {"B", "B/s"} else 0.0
    if _ABOUT.search(before):
        slack = _ABOUT_SHARE
    return any(
        abs(value - fact) <= max(claim.step, slack * abs(value)) + 1e-6 * max(1.0, abs(fact))
        for value in claim.values
        for fact in facts
    )


def _fact(claim: Claim, before: str, evidence: Evidence) -> str:
    """The first fact of a finding that says the same; the gravest finding comes first."""
    for finding in evidence.findings:
        for fact in finding.facts:
            if fact.value is not None and _borne_out(claim, before, {fact.unit or "count": [fact.value]}):
                return f"{finding.id}/{fact.id}"
    return ""


def _contradicted(claim: Claim, before: str, after: str, inside: list[Claim], evidence: Evidence) -> bool:
    """Whether the line says in so many words of what the number is, and the fact is far from it."""
    value, snapshot = claim.values[0], evidence.snapshot
    clause = _CLAUSE.split(before)[-1]
    if claim.dimension == "load":
        return bool(_SAYS_LOAD.search(clause)) and all(_far_load(value, fact) for fact in snapshot.cpu.load)
    if claim.dimension != "%" or _ANOTHER_FIGURE.match(after):
        return _takes_other(claim, before, after, inside, evidence)
    for pattern, fact in (
        (_SAYS_CPU, snapshot.cpu.percent),
        (_SAYS_MEMORY, snapshot.memory.percent),
        (_SAYS_SWAP, snapshot.memory.swap_percent),
    ):
        if pattern.search(clause):
            return abs(value - fact) > _FAR_PERCENT
    return _takes_other(claim, before, after, inside, evidence)


def _far_load(value: float, fact: float) -> bool:
    return abs(value - fact) > max(1.0, 0.5 * max(value, fact))


def _takes_other(claim: Claim, before: str, after: str, inside: list[Claim], evidence: Evidence) -> bool:
    """``python3 (4121) uses 20 % of a core`` and ``/data is 20 % full``, where the figure is another."""
    subject = next((other for other in reversed(inside) if other.end <= claim.start), None)
    if subject is None or claim.dimension != "%":
        return False
    between = before[len(before) - (claim.start - subject.end) :]
    value = claim.values[0]
    process = evidence.by_pid.get(subject.pid) if subject.pid is not None and not subject.belied else None
    of_cpu = _OF_CPU.match(after)
    if process and of_cpu and _SAYS_TAKES.search(between):
        readings = [process.cpu_percent]
        if "core" not in of_cpu[0].lower():  # it may be meant of all cores
            readings.append(process.cpu_percent / max(1, evidence.snapshot.host.cores))
        return all(abs(value - fact) > max(25.0, 0.5 * fact) for fact in readings)
    if subject.kind == "place" and _SAYS_FULL.search(between) and _OF_SPACE.match(after):
        facts = [system.percent for system in evidence.snapshot.filesystems if system.mount == subject.place]
        return bool(facts) and all(abs(value - fact) > 10 for fact in facts)
    return False
