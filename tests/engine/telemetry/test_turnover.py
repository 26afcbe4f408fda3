import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from engine.snapshot import ShortLived
from engine.telemetry.procfs import proc_events
from engine.telemetry.procfs.proc_events import Events, ProcEvents, Tally
from engine.telemetry.procfs.processes import ProcessReader
from engine.telemetry.procfs.turnover import TurnoverReader
from engine.telemetry.roots import Roots
from tests.engine.telemetry.conftest import STAT, Tree

FORK, EXEC, EXIT = 1, 2, 0x80000000
MS = 1_000_000


def message(what: int, at: int, *figures: int) -> bytes:
    """As cn_proc sends it: nlmsghdr and cn_msg, then struct proc_event."""
    return bytes(36) + struct.pack("=IIQ", what, 0, at) + struct.pack("=4I", *(figures + (0,) * 4)[:4]) + bytes(8)


def test_births_deaths_and_names(tree: Tree) -> None:
    tree.proc("50/comm", "sh\n")
    tree.proc("100/comm", "true\n")
    tally = Tally(str(tree.roots.proc))
    for event in (
        message(FORK, 1, 50, 50, 100, 100),
        message(EXEC, 1 * MS, 100, 100),
        message(EXIT, 5 * MS, 100, 100),
        message(FORK, 6 * MS, 50, 50, 101, 101),  # never execs: it is its parent's program
        message(FORK, 6 * MS, 50, 50, 102, 101),  # a thread
        message(EXIT, 7 * MS, 102, 101),
        message(EXIT, 8 * MS, 101, 101),
        message(FORK, 1, 50, 50, 103, 103),
        message(EXIT, 1500 * MS, 103, 103),  # long enough for a sample to see it
        message(EXIT, 9 * MS, 7, 7),  # born before anybody listened
        b"short",
    ):
        tally.add(event)
    tally.overrun()
    assert tally.take() == Events(
        births=3, deaths=4, lost=1, short_lived=(ShortLived("true", 1, 50), ShortLived("sh", 1, 50))
    )
    assert tally.take() == Events(0, 0, 0, ())


def test_memory_is_bounded_however_many_are_born(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proc_events, "_MOST_BORN", 100)
    tally = Tally(str(tree.roots.proc))
    for pid in range(1000, 1950):
        tally.add(message(FORK, 1, 1, 1, pid, pid))
    assert tally.take().births == 950
    assert len(tally._born) <= 100


@contextmanager
def listening() -> Iterator[ProcEvents]:
    try:
        events = ProcEvents()
    except OSError as error:
        pytest.skip(f"the proc connector does not serve here: {error}")
    try:
        yield events
    finally:
        events.close()


def collected(events: ProcEvents, births: int) -> tuple[int, int, int, dict[str, int]]:
    """All events until so many births and deaths have come, within ten seconds."""
    born = died = lost = 0
    names: dict[str, int] = {}
    deadline = time.monotonic() + 10
    while (born < births or died < births) and not lost and time.monotonic() < deadline:
        taken = events.take()
        born, died, lost = born + taken.births, died + taken.deaths, lost + taken.lost
        for short in taken.short_lived:
            names[short.name] = names.get(short.name, 0) + short.count
    return born, died, lost, names


def test_children_that_no_sample_sees_are_counted_and_named() -> None:
    with listening() as events:
        for _ in range(20):
            subprocess.run(["true"], check=True)
        born, died, lost, names = collected(events, 20)
    assert (born >= 20, died >= 20, lost) == (True, True, 0)
    assert names


STORM = """
import os, sys, time
begun = time.monotonic()
for child in range(1000):
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    time.sleep(max(0.0, begun + child / 333 - time.monotonic()))
"""


def test_twenty_thousand_born_and_dead_per_minute() -> None:
    """Three seconds at that rate: nothing is lost, no pass fails, and what is kept does not grow."""
    reader = ProcessReader(Roots(), keep=500)
    with listening() as events, subprocess.Popen([sys.executable, "-S", "-E", "-c", STORM]) as storm:
        born = died = lost = 0
        while storm.poll() is None:
            assert any(process.pid == os.getpid() for process in reader.read(time.monotonic()))
            taken = events.take()
            born, died, lost = born + taken.births, died + taken.deaths, lost + taken.lost
        more = collected(events, 1)
    known = len(reader.read(time.monotonic()))
    reader.close()
    assert storm.returncode == 0
    assert lost == 0
    assert born + more[0] >= 1000
    assert died + more[1] >= 999
    assert known < 1000
    assert not any("understood" in note for note in reader.notes)


def test_without_events_the_counters_tell(tree: Tree) -> None:
    tree.whole()
    now = [1000.0]
    processes = ProcessReader(tree.roots, since_boot=lambda: now[0], clock=lambda: now[0])
    reader = TurnoverReader(tree.roots, lambda: processes.ended)

    def sample(at: float) -> object:
        now[0] = at
        tree.proc("uptime", f"{at} 1\n")
        processes.read(at)
        return reader.read(at)

    assert sample(1000.0) is None
    tree.process(42, b"make", start=100_050)
    tree.proc("stat", STAT.replace("processes 123456", "processes 123466"))
    tree.proc("loadavg", "0.50 0.40 0.30 3/406 12345\n")
    first = sample(1001.0)
    assert (first.births_s, first.deaths_s, first.short_lived) == (10.0, 4.0, ())  # type: ignore[attr-defined]  # not None
    for file in (tree.roots.proc / "42").iterdir():
        file.unlink()
    (tree.roots.proc / "42").rmdir()
    second = sample(1002.0)
    assert second.source == "counters"  # type: ignore[attr-defined]  # not None
    assert second.short_lived == (ShortLived("make", 1, 1),)  # type: ignore[attr-defined]  # not None


def test_who_may_not_listen_gets_the_counters() -> None:
    def refuse(proc: str) -> ProcEvents:
        raise PermissionError(1, "Operation not permitted")

    reader = TurnoverReader(Roots(), tuple, refuse)
    assert reader.read(0.0) is None
    seen = [reader.read(1.0), reader.read(2.0)]
    assert [turnover.source for turnover in seen if turnover] == ["counters", "counters"]
    reader.close()


def test_events_are_used_from_the_second_reading_on() -> None:
    with listening():
        pass
    reader = TurnoverReader(Roots(), tuple)
    sources = [turnover.source if turnover else None for turnover in map(reader.read, (0.0, 1.0, 2.0))]
    reader.close()
    assert sources == [None, "counters", "events"]
