from __future__ import annotations

import threading

from textual.message import Message

from engine.events import AnalysisDelta, Event, SnapshotTaken
from tests.tui.recorded import snapshot
from tui.bridge import Bridge


class Box:
    def __init__(self) -> None:
        self.posted = 0
        self.bridge = Bridge(self.post)

    def post(self, message: Message) -> bool:
        self.posted += 1
        return True


def test_a_slow_screen_finds_the_newest_snapshot_and_every_other_event() -> None:
    box = Box()
    for number in range(10):
        box.bridge(SnapshotTaken(snapshot(number), ()))
        box.bridge(AnalysisDelta("a1", str(number)))
    assert box.posted == 1
    first, *rest = box.bridge.drain()
    assert isinstance(first, SnapshotTaken)
    assert first.snapshot.sequence == 9
    assert [event.text for event in rest if isinstance(event, AnalysisDelta)] == list("0123456789")
    assert box.bridge.skipped == 9
    assert box.bridge.drain() == []


def test_after_a_drain_the_next_event_wakes_the_screen_again() -> None:
    box = Box()
    box.bridge(AnalysisDelta("a1", "x"))
    box.bridge.drain()
    box.bridge(AnalysisDelta("a1", "y"))
    assert box.posted == 2


def test_many_threads_lose_no_event() -> None:
    box = Box()
    got: list[Event] = []

    def speak(name: str) -> None:
        for number in range(500):
            box.bridge(AnalysisDelta(name, str(number)))

    threads = [threading.Thread(target=speak, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        got += box.bridge.drain()
    got += box.bridge.drain()
    for name in "abcd":
        texts = [event.text for event in got if isinstance(event, AnalysisDelta) and event.id == name]
        assert texts == [str(number) for number in range(500)]
