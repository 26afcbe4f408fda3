import threading

import pytest

from engine.telemetry.apart import PATIENCE_S, Apart

DEADLINE = 10.0


class Driver:
    """A reader that answers when it is let, counts, and can fail."""

    def __init__(self) -> None:
        self.notes: tuple[str, ...] = ()
        self.gate = threading.Event()
        self.gate.set()
        self.readings = 0
        self.error: Exception | None = None

    def read(self, now: float) -> int:
        assert self.gate.wait(DEADLINE)
        self.readings += 1
        if self.error:
            raise self.error
        return self.readings


@pytest.fixture
def driver() -> Driver:
    return Driver()


def fresh(apart: Apart[int], now: float) -> int:
    """Read until the answer to this very reading is in; the courtesy may be too short on a busy machine."""
    apart.read(now)
    assert apart._idle.wait(DEADLINE)
    return apart._value


def test_the_first_reading_waits_for_nothing(driver: Driver) -> None:
    driver.gate.clear()
    apart = Apart("The driver", driver, 0)
    assert apart.read(0.0) == 0
    driver.gate.set()
    assert apart.settle(DEADLINE)
    assert apart.read(1.0) >= 1
    apart.close()


def test_a_driver_that_hangs_costs_a_note_and_keeps_its_last_figures(driver: Driver) -> None:
    apart = Apart("The driver", driver, 0)
    assert fresh(apart, 0.0) == 1
    driver.gate.clear()
    assert apart.read(10.0) == 1
    assert apart.read(10.0 + PATIENCE_S / 2) == 1
    assert not apart.notes
    for now in (11.0 + PATIENCE_S, 600.0):
        assert apart.read(now) == 1
        assert len(apart.notes) == 1
        assert "has not answered" in apart.notes[0]
    assert driver.readings == 1  # it is not asked again while it hangs
    driver.gate.set()
    assert apart._idle.wait(DEADLINE)
    assert fresh(apart, 601.0) == 3
    assert not apart.notes
    apart.close()


def test_a_reading_that_fails_costs_a_note_until_the_next_that_does_not(driver: Driver) -> None:
    apart = Apart("The driver", driver, 0)
    fresh(apart, 0.0)
    driver.error = ValueError("garbage\x1b")
    fresh(apart, 1.0)
    driver.error = None
    driver.gate.clear()
    assert apart.read(2.0) == 1
    (note,) = list(apart.notes)
    assert note == "The driver could not be read: its source is not understood (ValueError: garbage\\x1b)."
    driver.gate.set()
    assert apart._idle.wait(DEADLINE)
    assert fresh(apart, 3.0) == 4
    apart.read(4.0)
    assert not apart.notes
    apart.close()


def test_its_thread_ends_when_it_is_closed(driver: Driver) -> None:
    apart = Apart("The driver", driver, 0)
    fresh(apart, 0.0)
    thread = apart._thread
    assert thread is not None
    apart.close()
    thread.join(DEADLINE)
    assert not thread.is_alive()
