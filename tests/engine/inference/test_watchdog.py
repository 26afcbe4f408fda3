"""The model goes after three readings over the threshold and comes back after three with room for it."""

from __future__ import annotations

from queue import Queue

from engine.inference.watchdog import Watchdog, ram_in_use

GIB = 1 << 30


class Recorded:
    """What a watchdog did and said."""

    def __init__(self, threshold: int = 10 * GIB) -> None:
        self.done: list[str] = []
        self.told: Queue[str] = Queue()
        self.watchdog = Watchdog(
            self,
            threshold=threshold,
            needs=lambda: 2 * GIB,
            tell=self.told.put,
            read=lambda: 11 * GIB,
            interval_s=0.001,
        )

    def unload(self, reason: str, *, hold: bool = False) -> None:
        self.done.append(f"unload {hold}")

    def load(self) -> None:
        self.done.append("load")

    def see(self, *readings: float) -> list[str]:
        for each in readings:
            self.watchdog.observe(int(each * GIB))
        done, self.done = self.done, []
        return done


def test_three_readings_in_a_row_unload_and_three_with_room_load() -> None:
    one = Recorded()
    assert one.see(11, 11, 9, 11, 11, 10, 11, 11) == []
    assert one.see(10.5) == ["unload True"]
    assert one.told.get_nowait() == (
        "10.5 GiB of memory are in use, more than the 10.0 GiB that are allowed: "
        "the model has been unloaded until there is room."
    )
    assert one.see(9, 9, 9, 9, 8, 8, 8.5) == []  # below the threshold, but not with the model in it
    assert one.see(8, 8, 8) == ["load"]
    assert "room for the model again" in one.told.get_nowait()
    assert one.see(11, 11, 11) == ["unload True"]


def test_the_thread_reads_and_ends() -> None:
    one = Recorded()
    one.watchdog.start()
    one.watchdog.start()
    assert "more than" in one.told.get(timeout=30)
    one.watchdog.stop()
    one.watchdog.stop()
    assert one.done == ["unload True"]


def test_memory_in_use_is_a_part_of_all() -> None:
    assert ram_in_use() > 0
