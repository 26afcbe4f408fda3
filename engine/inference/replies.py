"""Answers of the rules narrator: keywords of a question in plain English, matched to the node's figures."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from engine.finding import Finding
from engine.findings.naming import ORDINARY_WORDS
from engine.inference import wording
from engine.snapshot import Process, Snapshot

HELP = (
    "I am the rules narrator, not a model. I can tell you about the CPU, memory, swap, load, pressure, disks, space, "
    "the network, GPUs, a process (by its name or pid), this host, who uses most, and whether anything is wrong."
)
MORE = "For free questions start telltop with a model: --model FILE.gguf."
NOT_UNDERSTOOD = "I did not understand that."

MOST_TOPICS = 3


class _Topic:
    """One thing that can be asked about: its words, its sentences, and the findings that belong to it."""

    def __init__(self, words: str, tell: Callable[[Snapshot], str], kinds: tuple[str, ...] = ()) -> None:
        self.pattern = re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
        self.tell = tell
        self.kinds = kinds


def _disks(snapshot: Snapshot) -> str:
    return f"{wording.disks(snapshot)} {wording.disk_users(snapshot)}".strip()


def _largest(snapshot: Snapshot) -> str:
    return f"{wording.cpu(snapshot)} {wording.memory(snapshot)}"


_MEMORY_KINDS = ("oom_risk", "memory_pressure", "swap_thrash", "memory_leak")
_TOPICS = (
    _Topic("load(?:s|ed)?(?: averages?)?", wording.load, ("load_high", "cpu_saturated", "iowait_high", "cpu_spin")),
    _Topic("swap\\w*|paging|thrash\\w*", wording.swap, ("swap_thrash",)),
    _Topic("gpus?|vram|cuda|graphics", wording.gpus, ("gpu_memory_full",)),
    _Topic("mem|memory|ram|oom|leak\\w*", wording.memory, _MEMORY_KINDS),
    _Topic("cpus?|processors?|cores?|busy|steal", wording.cpu, ("cpu_saturated", "cpu_spin", "steal_high")),
    _Topic("space|full|file ?systems?|mounts?|df|room", wording.space, ("disk_full",)),
    _Topic(
        "disks?|i/?o|iowait|storage|reads|reading|writes|writing|written", _disks, ("disk_saturated", "iowait_high")
    ),
    _Topic("net|network|interfaces?|bandwidth|traffic|packets?|download\\w*|upload\\w*", wording.network),
    _Topic("pressure|psi|stall\\w*|wait(?:s|ing)?", wording.pressure, ("memory_pressure", "iowait_high", "load_high")),
    _Topic("uptime|host|hostname|kernel|machine", wording.host),
)
_LARGEST = _Topic(
    "top|process(?:es)?|programs?|hungr\\w*|largest|biggest|uses|using|eats|eating|hogs?|to blame|culprits?",
    _largest,
    ("cpu_spin", "memory_leak", "zombies"),
)
"""Asked of no resource in particular."""
_WRONG = re.compile(
    r"\b(?:wrong|problems?|trouble|health\w*|ok|okay|fine|happening|going on|status|summary|matter|issues?|"
    r"slow\w*|why|zombies?|stuck|hang\w*|fix|(?:to|i|we) do|findings?|alerts?|warnings?|critical|advice)\b",
    re.IGNORECASE,
)
_HELP = re.compile(r"\b(?:help|what can you|who are you|what are you|commands?)\b|^\s*\??\s*$", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.])\d{1,10}(?![\w.%]|\.\d)")
_WORD = re.compile(r"[^\s?!,;\"'`()]+")


def reply(question: str, snapshot: Snapshot, findings: tuple[Finding, ...]) -> list[str]:
    """Sentences that answer ``question`` as far as figures and findings can; else what can be asked."""
    if _HELP.search(question):
        return [HELP, MORE]
    processes, missing = _processes(question, snapshot)
    if processes or missing:
        return [*missing, *_about(processes, snapshot, findings)]
    topics = [topic for topic in _TOPICS if topic.pattern.search(question)][:MOST_TOPICS]
    if not topics and _LARGEST.pattern.search(question):
        topics = [_LARGEST]
    if topics:
        kinds = {kind for topic in topics for kind in topic.kinds}
        related = [finding for finding in findings if finding.kind in kinds]
        told = [topic.tell(snapshot) for topic in topics]
        return [*_told_all(related), *told]
    if _WRONG.search(question):
        return _wrong(snapshot, findings)
    return [NOT_UNDERSTOOD, HELP, MORE]


def _told(finding: Finding) -> str:
    return f"{finding.sentence} {finding.advice}".strip()


def _told_all(findings: Sequence[Finding]) -> list[str]:
    """The first with its advice, two more without."""
    return [_told(finding) if place == 0 else finding.sentence for place, finding in enumerate(findings[:3])]


def _wrong(snapshot: Snapshot, findings: tuple[Finding, ...]) -> list[str]:
    if not findings:
        return ["Nothing is wrong.", wording.load(snapshot), wording.memory(snapshot)]
    first, rest = findings[0], findings[1:4]
    return [
        f"{first.severity.capitalize()}: {_told(first)}",
        *(f"{f.severity.capitalize()}: {f.sentence}" for f in rest),
    ]


def _processes(question: str, snapshot: Snapshot) -> tuple[list[Process], list[str]]:
    """Processes that the question names, three at most, and a sentence for each pid that is not there."""
    numbers = {int(number) for number in _NUMBER.findall(question)}
    words = {word.strip(".:").casefold() for word in _WORD.findall(question)} - ORDINARY_WORDS
    asked = re.search(r"\b(?:pid|process)\b", question, re.IGNORECASE)
    found = [p for p in snapshot.processes if p.pid in numbers]
    missing = sorted(numbers - {p.pid for p in found}) if asked else []
    if not found:
        found = [p for p in snapshot.processes if p.name.casefold() in words]
        found.sort(key=lambda p: (-p.cpu_percent, -p.rss_bytes, p.pid))
    return found[:3], [f"No process has pid {pid} now." for pid in missing[:3]]


def _about(processes: list[Process], snapshot: Snapshot, findings: tuple[Finding, ...]) -> list[str]:
    pids = {process.pid for process in processes}
    blamed = [finding for finding in findings if any(culprit.pid in pids for culprit in finding.culprits)]
    told = [wording.process(process, snapshot) for process in processes]
    if blamed:
        return [*told, *_told_all(blamed)]
    return [*told, "No open finding blames it." if len(told) == 1 else "No open finding blames them."] if told else []
