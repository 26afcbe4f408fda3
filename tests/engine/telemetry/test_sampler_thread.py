import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.snapshot import Snapshot
from engine.telemetry.sampler import LONGEST_S, SHORTEST_S, Sampler, SamplerThread, newest_deadline

DEADLINE = 20.0


class Listener:
    """Keeps what is published and in which thread."""

    def __init__(self) -> None:
        self.snapshots: SimpleQueue[Snapshot] = SimpleQueue()
        self.threads: set[str] = set()

    def __call__(self, snapshot: Snapshot) -> None:
        self.threads.add(threading.current_thread().name)
        self.snapshots.put(snapshot)

    def next(self) -> Snapshot:
        return self.snapshots.get(timeout=DEADLINE)


@contextmanager
def running(listener: Listener, interval: float) -> Iterator[SamplerThread]:
    thread = SamplerThread(listener, interval=interval)
    thread.start()
    try:
        yield thread
    finally:
        thread.stop()


def test_the_first_that_is_published_has_real_rates_and_comes_soon_whatever_the_interval() -> None:
    listener = Listener()
    with running(listener, LONGEST_S):
        first = listener.next()
    assert first.sequence == 2
    assert 0 < first.interval_s < LONGEST_S
    assert listener.threads == {"telltop-sampler"}


def test_it_goes_on_steadily_and_stops_for_good() -> None:
    listener = Listener()
    with running(listener, SHORTEST_S) as thread:
        sequences = [listener.next().sequence for _ in range(3)]
    assert sequences == [2, 3, 4]
    assert not any(t.name == "telltop-sampler" for t in threading.enumerate())
    while not listener.snapshots.empty():
        listener.next()
    thread.sample_now()
    with pytest.raises(Empty):
        listener.snapshots.get_nowait()
    thread.stop()  # once more does no harm


def test_a_new_interval_takes_effect_at_once() -> None:
    listener = Listener()
    with running(listener, LONGEST_S) as thread:
        begun = listener.next().monotonic
        thread.interval = SHORTEST_S
        assert thread.interval == SHORTEST_S
        assert listener.next().monotonic - begun < LONGEST_S
        listener.next()


def test_a_sample_can_be_had_now() -> None:
    listener = Listener()
    with running(listener, LONGEST_S) as thread:
        before = listener.next()
        thread.sample_now()
        after = listener.next()
    assert after.sequence == before.sequence + 1
    assert 0 < after.interval_s < LONGEST_S


def test_stopping_does_not_wait_for_the_interval() -> None:
    listener = Listener()
    begun = time.monotonic()
    with running(listener, LONGEST_S):
        listener.next()
    assert time.monotonic() - begun < LONGEST_S


def test_it_may_be_stopped_from_its_own_listener() -> None:
    ended = threading.Event()

    def listener(snapshot: Snapshot) -> None:
        thread.stop()
        ended.set()

    thread = SamplerThread(listener, sampler=Sampler())
    thread.start()
    assert ended.wait(DEADLINE)
    thread.stop()


def test_one_that_never_ran_can_be_stopped() -> None:
    SamplerThread(Listener()).stop()


@pytest.mark.parametrize("interval", [0.0, 0.19, 61.0, -1.0, float("nan")])
def test_an_interval_out_of_bounds_is_refused(interval: float) -> None:
    with pytest.raises(ValueError, match="interval"):
        SamplerThread(Listener(), interval=interval)
    thread = SamplerThread(Listener())
    with pytest.raises(ValueError, match="interval"):
        thread.interval = interval
    assert thread.interval == 1.0


@given(met=st.floats(0, 1e6), late=st.floats(0, 1e4), interval=st.floats(SHORTEST_S, LONGEST_S))
def test_missed_deadlines_are_skipped_and_the_grid_is_kept(met: float, late: float, interval: float) -> None:
    newest = newest_deadline(met, met + late, interval)
    steps = (newest - met) / interval
    assert steps == pytest.approx(round(steps), abs=1e-4)
    assert newest <= met + late + 1e-6
    assert newest + interval > met + late - 1e-6


def test_a_sample_taken_early_moves_the_grid() -> None:
    assert newest_deadline(10.0, 9.5, 1.0) == 10.0
