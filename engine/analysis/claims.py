"""Finding what a text claims: numbers with their units, pids, and names of processes, mounts and devices."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Literal

from msgspec import Struct

from engine.analysis.evidence import Dimension, Evidence
from engine.findings.naming import ORDINARY_WORDS


class Claim(Struct, frozen=True):
    """A stretch of a text that says something that can be checked."""

    start: int
    end: int
    kind: Literal["name", "place", "pid", "number"]
    pid: int | None = None
    """The process that it names; a number that no process may have."""
    values: tuple[float, ...] = ()
    """A number in the unit of its dimension; two where its unit can be read in two ways (GB)."""
    step: float = 0.0
    """Half of what its last digit stands for."""
    dimension: Dimension = ""
    """Empty for a number without a unit."""
    place: str = ""
    """The mount, device or interface."""
    belied: bool = False
    """A pid behind the name of another process."""


_UNITS = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_NUMBER = re.compile(
    r"(?<![\w.,:/-])(?P<whole>\d{1,3}(?:,\d{3})+|\d{1,15})(?P<part>\.\d{1,6})?"
    r"(?:[ \u00a0]?(?P<percent>%|percent\b|per cent\b)"
    r"|[ \u00a0]?(?P<size>[kKMGTP]i?[bB]?|[bB]ytes?|B)(?P<rate>/s|ps|[ ]per second)?(?![\w/])"
    r"|[ \u00a0](?P<count>(?:\w+ )?(?:cores?|tasks?|process(?:es)?|threads?|zombies?|GPUs?)\b)"
    r"|[ \u00a0]?(?P<degrees>°C|degrees)"
    r"|[ \u00a0]?(?P<watts>W|watts?)\b"
    r"|[ \u00a0]?(?P<hertz>[MG]Hz)\b"
    r"|(?P<time>[ \u00a0-]?(?:ms|s|sec|secs|seconds?|min|mins|minutes?|h|hours?|d|days?|weeks?)\b))?"
    r"(?![\w%]|\.\d|:\d)"
)
_SECONDS = {
    "ms": 0.001,
    "s": 1.0,
    "se": 1.0,
    "mi": 60.0,
    "h": 3600.0,
    "ho": 3600.0,
    "d": 86400.0,
    "da": 86400.0,
    "we": 604800.0,
}
"""Of a unit of time by its first two letters."""
_ORDINAL = re.compile(r"(?m)^[ \t>*-]*\d{1,3}[.)](?=\s)|\d{1,4}[-:]\d{2}(?:[-:]\d{2})?(?!\d)")
"""List numbers at the beginning of a line; dates and times of day."""
_INDEX = re.compile(
    r"(?:\b(?:GPU|CPU|core|user|nice|fact|step|top|signal|SIG\w*)|(?<!\S)-[ns]|#|\bf)[ ]?$", re.IGNORECASE
)
"""What stands before a number that counts nothing: GPU 0, core 3, top 10, renice -n 10."""
_PID_BEFORE = re.compile(
    r"(?:\b(?:pids?|process(?:es)?|kill(?: -\w+)?|renice\b[^.;\n]*|id)[ :#=]{1,2}|-p ?)$", re.IGNORECASE
)
_LOAD_BEFORE = re.compile(r"\bload(?:s|ed)?\b[^.;\n]{0,40}$|\bload\b[^;\n]{0,70}\d\.\d\d[^;\n]{0,12}$", re.IGNORECASE)
_PARENTHESIS = re.compile(r"[ ]?`?\*{0,2}[\"'\u201d\u2019]?[ ]?\((?:pid[ :]*)?(\d{1,10})\)", re.IGNORECASE)
_CODE_SPAN = re.compile(r"(`+)(?!`)[^\n]*?(?<!`)\1(?!`)")
_WORD = re.compile(r"[^\s`\"'\u201c\u201d\u2018\u2019()\[\]<>,;*=]+")


def claims(text: str, evidence: Evidence) -> list[Claim]:
    """Every claim in ``text``, in order, none overlapping another."""
    found = _names(text, evidence)
    taken = _Taken([(claim.start, claim.end) for claim in found])
    for pattern in (_ORDINAL, _labels(evidence)):
        for skipped in pattern.finditer(text):
            taken.add(skipped.start(), skipped.end())
    spans = _Taken([(span.start(), span.end()) for span in _CODE_SPAN.finditer(text)])
    for match in _NUMBER.finditer(text):
        if taken.overlaps(match.start(), match.end()):
            continue
        claim = _number(match, text, evidence)
        # A code span holds a name or a command: of the numbers in it only pids say anything.
        if claim and (claim.kind == "pid" or not spans.overlaps(match.start(), match.end())):
            found.append(claim)
    return sorted(found, key=lambda claim: claim.start)


def _labels(evidence: Evidence) -> re.Pattern[str]:
    """Names of the host and of GPUs, which may hold numbers that claim nothing."""
    host = evidence.snapshot.host
    labels = {host.name, host.system, *(gpu.name for gpu in evidence.snapshot.gpus)}
    telling = [re.escape(label) for label in labels if any(char.isalpha() for char in label)]
    return re.compile("|".join(sorted(telling, key=len, reverse=True)) or r"(?!)")


class _Taken:
    """Stretches that are spoken for."""

    def __init__(self, stretches: list[tuple[int, int]]) -> None:
        self._stretches = sorted(stretches)

    def add(self, start: int, end: int) -> None:
        self._stretches.insert(bisect_right(self._stretches, (start, end)), (start, end))

    def overlaps(self, start: int, end: int) -> bool:
        """Whether any of them shares a character with ``start..end``."""
        place = bisect_right(self._stretches, (start, end))
        near = self._stretches[max(0, place - 1) : place + 1]
        return any(begin < end and start < finish for begin, finish in near)


def _names(text: str, evidence: Evidence) -> list[Claim]:
    """Names of processes and places, and the pid in parentheses behind a name."""
    found: list[Claim] = []
    taken = _Taken([])
    forms = evidence.forms()
    for form in sorted((form for form in forms if not _WORD.fullmatch(form)), key=len, reverse=True):
        for at in [match.start() for match in re.finditer(re.escape(form), text)]:
            end = at + len(form)
            if not taken.overlaps(at, end) and (_is_marked(text, at) or _stands_alone(text, at, end)):
                taken.add(at, end)
                found += _named(at, end, forms[form], text, evidence)
    for match in _WORD.finditer(text):
        word = match[0].rstrip(".:!?…")
        end = match.start() + len(word)
        if word and not taken.overlaps(match.start(), end):
            found += _word(word, match.start(), end, text, evidence)
    return found


def _is_marked(text: str, at: int) -> bool:
    """Whether quotation marks, backquotes or bold type begin right before ``at``."""
    return text[at - 1 : at] in set("`\"'\u201c\u2018") or text[max(0, at - 2) : at] == "**"


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a pid follows, and the stretch begins and ends with whole words: a process may be called ``)``."""
    edges = text[start].isalnum() and text[end - 1].isalnum() and not text[start - 1 : start].isalnum()
    return edges and _PARENTHESIS.match(text, end) is not None


def _word(word: str, start: int, end: int, text: str, evidence: Evidence) -> list[Claim]:
    if word in evidence.places:
        return [Claim(start, end, "place", place=word)]
    pid = evidence.pid_of.get(word)
    if pid is None:
        return []
    letters = any(char.isalpha() for char in word) and not _NUMBER.fullmatch(word)
    telling = letters and (not word.isalpha() or word in evidence.prominent) and word.casefold() not in ORDINARY_WORDS
    if telling or _is_marked(text, start) or _PARENTHESIS.match(text, end):
        return _named(start, end, pid, text, evidence)
    return []


def _named(start: int, end: int, pid: int, text: str, evidence: Evidence) -> list[Claim]:
    """The claim of a name, and of the pid behind it. A name that several processes have means the one of that pid."""
    behind = _PARENTHESIS.match(text, end)
    if not behind:
        return [Claim(start, end, "name", pid)]
    number = int(behind[1])
    if evidence.name_of.get(number) == evidence.name_of[pid]:
        pid = number
    contradicted = number in evidence.name_of and number != pid
    return [
        Claim(start, end, "name", pid),
        Claim(behind.start(1), behind.end(1), "pid", number, belied=contradicted),
    ]


def _number(match: re.Match[str], text: str, evidence: Evidence) -> Claim | None:
    digits = match["whole"].replace(",", "") + (match["part"] or "")
    value, step = float(digits), 0.5 * 10.0 ** -len((match["part"] or ".")[1:])
    if match["time"]:
        seconds = _SECONDS[match["time"].strip(" \u00a0-")[:2]]
        # Spans are cut, not rounded, to their unit.
        return Claim(match.start(), match.end(), "number", None, (value * seconds,), seconds, "s")
    before = text[max(0, match.start() - 100) : match.start()]
    dimension, scales = _measure(match)
    if not dimension:
        whole = int(value) if not match["part"] else -1
        alone = before.endswith("(") and text[match.end() : match.end() + 1] == ")" and whole in evidence.name_of
        if _INDEX.search(before):
            return None
        if whole >= 0 and (alone or _PID_BEFORE.search(before)):
            return Claim(match.start(), match.end(), "pid", whole)
        if _LOAD_BEFORE.search(before):
            dimension = "load"
        elif 0 <= whole <= 15:
            return None
    values = tuple(value * scale for scale in scales)
    return Claim(match.start(), match.end(), "number", None, values, step * max(scales), dimension)


def _measure(match: re.Match[str]) -> tuple[Dimension, tuple[float, ...]]:
    """What a number measures, and what its unit multiplies it by: two readings of a size in decimal units."""
    if match["percent"]:
        return "%", (1.0,)
    if match["size"]:
        power = _UNITS.get(match["size"][0].lower(), 0)
        binary = 1024.0**power
        scales = (binary,) if "i" in match["size"] or not power else (binary, 1000.0**power)
        return ("B/s" if match["rate"] else "B"), scales
    if match["hertz"]:
        return "MHz", (1000.0 if match["hertz"] == "GHz" else 1.0,)
    for group, dimension in (("count", "count"), ("degrees", "°C"), ("watts", "W")):
        if match[group]:
            return dimension, (1.0,)
    return "", (1.0,)
