"""Processes that multiply: storms of children that stay, floods of children that end at once."""

from __future__ import annotations

from collections import Counter

from engine.finding import Culprit
from engine.findings.blame import culprit
from engine.findings.condition import Condition, number, numbered
from engine.findings.naming import quoted, who
from engine.findings.settings import Settings
from engine.snapshot import Process, ShortLived, Snapshot
from engine.telemetry.history import History

_YOUNG_S = 12.0
_CORES_OF_A_SMALL_NODE = 8
_FLOOD_S = 4.0


def fork_storm(history: History, settings: Settings) -> list[Condition]:
    """``fork_storm``: more young processes of one name than a node of this size starts to do its work.

    A fork bomb's processes have one name but many parents, so that they are counted by name.
    """
    now = history.latest
    if now is None:
        return []
    own, since = now.self_use.pid, now.uptime_s - _YOUNG_S
    young = [p for p in now.processes if p.started >= since and not p.kernel and p.state != "Z" and p.ppid != own]
    least = settings.storm.clear
    if len(young) < least:
        return []
    (name, count), *_ = Counter([p.name for p in young]).most_common(1)
    cores = max(1, now.host.cores)
    grade = settings.storm.grade(count / max(1.0, cores / _CORES_OF_A_SMALL_NODE))
    if grade is None:
        return []
    parent = _ancestor([p for p in young if p.name == name], now)
    led = f"; {who(parent)} starts them" if parent else ""
    return [
        Condition(
            "fork_storm",
            "",
            grade,
            settings.storm,
            f"Processes multiply: {count} processes named {quoted(name)} are younger than {_YOUNG_S:.0f} s{led}.",
            (culprit(parent, count / len(young)),) if parent else (),
            numbered((f"young processes named {quoted(name)}", count, ""), ("young processes in all", len(young), "")),
            "Stop the parent first (kill -STOP, then kill -KILL), or its children come back; limit it with TasksMax= "
            "or ulimit -u.",
        )
    ]


def _ancestor(young: list[Process], now: Snapshot) -> Process | None:
    """Who started most of them: the commonest parent, or, of a family that breeds by itself, its eldest."""
    by_pid = {process.pid: process for process in now.processes}
    parent, children = Counter([process.ppid for process in young]).most_common(1)[0]
    if children >= len(young) / 2 and parent > 1:
        return by_pid.get(parent)
    name = young[0].name
    return min((p for p in now.processes if p.name == name), key=lambda p: p.started)


def short_job_flood(history: History, settings: Settings) -> list[Condition]:
    """``short_job_flood``: a hundred and more processes a second that end as soon as they have begun, of one name."""
    now = history.latest
    turnover = now.turnover if now else None
    if now is None or turnover is None or turnover.births_s < settings.flood.clear:
        return []
    window = [s for s in history.recent(_FLOOD_S) if s.turnover]
    jobs: Counter[str] = Counter()
    last: dict[str, ShortLived] = {}
    for snapshot in window:
        for job in snapshot.turnover.short_lived if snapshot.turnover else ():
            jobs[job.name] += job.count
            last[job.name] = job
    seconds = sum(snapshot.interval_s for snapshot in window)
    if not jobs or seconds <= 0:
        return []
    name, count = jobs.most_common(1)[0]
    pace = count / seconds if turnover.source == "events" else min(turnover.births_s, turnover.deaths_s)
    grade = settings.flood.grade(pace)
    if grade is None or last[name].parent == now.self_use.pid:
        return []
    culprits = _starter(last[name], now)
    led = f", started by {quoted(culprits[0].name)} ({culprits[0].pid})" if culprits else ""
    return [
        Condition(
            "short_job_flood",
            "",
            grade,
            settings.flood,
            f"{number(round(pace), 'process', 'processes')} named {quoted(name)} begin and end every second{led}.",
            culprits,
            numbered(("short-lived processes a second", round(pace), ""), ("births a second", turnover.births_s, "")),
            "A loop that starts a program for each item costs more than its work: look at the script of the parent, or "
            "at a service that crashes and is restarted.",
        )
    ]


def _starter(job: ShortLived, now: Snapshot) -> tuple[Culprit, ...]:
    parents = [p for p in now.processes if p.pid == job.parent and p.pid > 1]
    return tuple(culprit(parent, 1.0) for parent in parents)
