"""File systems that take no more files, that have become read-only, or that do not answer."""

from __future__ import annotations

from engine.findings.condition import Condition, numbered
from engine.findings.naming import PATH_LIMIT, quoted
from engine.findings.settings import Settings
from engine.telemetry.history import History
from engine.units import percent, span

_CHANGE_S = 60.0


def inodes_full(history: History, settings: Settings) -> list[Condition]:
    """``inodes_full``: hardly any more files can be made on a file system, whatever space it has."""
    now, found = history.latest, []
    for system in now.filesystems if now else ():
        taken = system.inode_percent
        grade = settings.inodes.grade(taken) if taken is not None and not system.read_only else None
        if taken is None or grade is None:
            continue
        found.append(
            Condition(
                "inodes_full",
                system.mount,
                grade,
                settings.inodes,
                f"{quoted(system.mount, PATH_LIMIT)} has {percent(taken)} of its inodes in use: soon no more files can "
                "be made there.",
                (),
                numbered(
                    (f"inodes in use on {quoted(system.mount, PATH_LIMIT)}", taken, "%"),
                    ("inodes free", system.inodes_free or 0, ""),
                ),
                "Find the folder with the many small files (du --inodes -x), most often sessions, caches or mail.",
            )
        )
    return found


def filesystem_read_only(history: History, settings: Settings) -> list[Condition]:
    """``filesystem_read_only``: a file system that could be written within the last minute cannot any more."""
    now, recent = history.latest, history.recent(_CHANGE_S)
    locked = [system for system in now.filesystems if system.read_only] if now else []
    if not locked:
        return []
    writable = {s.mount for snapshot in recent for s in snapshot.filesystems if not s.read_only}
    return [
        Condition(
            "filesystem_read_only",
            system.mount,
            "critical",
            settings.event,
            f"{quoted(system.mount, PATH_LIMIT)} has become read-only.",
            (),
            numbered((f"{quoted(system.mount, PATH_LIMIT)} is read-only", 1, "")),
            "The kernel does this when a disk fails it: see dmesg, save what matters, then check it (fsck).",
        )
        for system in locked
        if system.mount in writable
    ]


def mount_hung(history: History, settings: Settings) -> list[Condition]:
    """``mount_hung``: a file system has not answered for seconds; who touches it hangs too."""
    now, found = history.latest, []
    for system in now.filesystems if now else ():
        grade = settings.silence.grade(system.silent_s) if system.silent_s is not None else None
        if grade is None or system.silent_s is None:
            continue
        found.append(
            Condition(
                "mount_hung",
                system.mount,
                grade,
                settings.silence,
                f"{quoted(system.mount, PATH_LIMIT)} has not answered for {span(system.silent_s)}.",
                (),
                numbered((f"silence of {quoted(system.mount, PATH_LIMIT)}", system.silent_s, "s")),
                "Most often a file server that is gone: check it and the network; umount -l frees what waits for it.",
            )
        )
    return found
