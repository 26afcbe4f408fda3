"""What a process may have only so many of: open files and threads; and connections, of which the node has many."""

from __future__ import annotations

from engine.finding import Culprit
from engine.findings.blame import blame, culprit, named
from engine.findings.census import census
from engine.findings.condition import Condition, numbered
from engine.findings.naming import who
from engine.findings.settings import Settings
from engine.snapshot import Process, Snapshot
from engine.telemetry.history import History
from engine.units import percent

_GROWN_S = 60.0


def fd_exhaustion(history: History, settings: Settings) -> list[Condition]:
    """``fd_exhaustion``: a process has nearly as many files open as it may."""
    now = history.latest
    near = [o for o in now.open_files if o.percent >= settings.descriptors.clear] if now else []
    if now is None or not near:
        return []
    by_pid = {process.pid: process for process in now.processes}
    found = []
    for files in near:
        process, grade = by_pid.get(files.pid), settings.descriptors.grade(files.percent)
        if process is None or grade is None or process.pid == now.self_use.pid:
            continue
        found.append(
            Condition(
                "fd_exhaustion",
                f"{process.pid}@{process.started:.2f}",
                grade,
                settings.descriptors,
                f"{who(process)} has {files.count} files open of the {files.limit} that it may: "
                f"{percent(files.percent)}.",
                (culprit(process, files.percent / 100),),
                numbered(
                    (f"open files of {who(process)}", files.percent, "%"),
                    ("files open", files.count, ""),
                    ("files allowed", files.limit or 0, ""),
                ),
                f"See what it keeps open (ls -l /proc/{process.pid}/fd); if it leaks them restart it, else raise "
                "LimitNOFILE= or ulimit -n.",
            )
        )
    return found


def thread_explosion(history: History, settings: Settings) -> list[Condition]:
    """``thread_explosion``: a process has started hundreds of threads within a minute."""
    now = history.latest
    if now is None:
        return []
    many = [p for p in census(now).threaded if p.threads >= settings.threads.clear and p.pid != now.self_use.pid]
    if not many:
        return []
    recent = history.recent(_GROWN_S)
    return [c for c in (_exploding(process, recent[0], settings) for process in many) if c]


def _exploding(process: Process, earlier: Snapshot, settings: Settings) -> Condition | None:
    before = next((p for p in earlier.processes if p.pid == process.pid and p.started == process.started), None)
    born = process.started > earlier.uptime_s
    if before is None and not born:
        return None
    grown = process.threads - (before.threads if before else 0)
    grade = settings.threads.grade(grown)
    if grade is None:
        return None
    return Condition(
        "thread_explosion",
        f"{process.pid}@{process.started:.2f}",
        grade,
        settings.threads,
        f"{who(process)} has {process.threads} threads, {grown} threads more than a minute ago.",
        (culprit(process, 1.0),),
        numbered((f"threads of {who(process)}", process.threads, ""), ("threads more than before", grown, "")),
        "A thread for each request without a bound, or threads that wait on one another: look at its stacks (py-spy, "
        "jstack, gdb), and bound its pool.",
    )


def connection_flood(history: History, settings: Settings) -> list[Condition]:
    """``connection_flood``: the number of TCP connections has doubled and more within a minute."""
    now = history.latest
    if now is None or now.tcp is None or now.tcp.established < settings.connections.clear:
        return []
    recent = history.recent(_GROWN_S)
    fewest = min(s.tcp.established for s in recent if s.tcp)
    grown = now.tcp.established - fewest
    grade = settings.connections.grade(grown)
    if grade is None or now.tcp.established < 2 * fewest:
        return []
    culprits = _openers(recent[0], now)
    led = f"; {named(culprits, 1)} has opened the most" if culprits else ""
    return [
        Condition(
            "connection_flood",
            "",
            grade,
            settings.connections,
            f"{now.tcp.established} TCP connections, {grown} more than a minute ago{led}.",
            culprits,
            numbered(
                ("TCP connections established", now.tcp.established, ""),
                ("more than a minute ago", grown, ""),
                ("connections accepted a second", now.tcp.accepted_s, ""),
            ),
            "See who connects (ss -tnp state established); limit it by address, or bound the client's pool.",
        )
    ]


def _openers(earlier: Snapshot, now: Snapshot) -> tuple[Culprit, ...]:
    """Who has more files open than before: connections are open files."""
    before = {files.pid: files.count for files in earlier.open_files}
    grown = {files.pid: files.count - before.get(files.pid, 0) for files in now.open_files}
    grown.pop(now.self_use.pid, None)
    return blame((float(grown[p.pid]), p) for p in now.processes if grown.get(p.pid, 0) >= 64)
