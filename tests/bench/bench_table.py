"""What the process table costs, from 100 to 10,000 processes.

Run it from the repository: ``python -m tests.bench.bench_table [COUNT ...]``. The real application, without a
terminal, at 200x50. A line for each count and mode:

- ``show``: one sample taken in by the table: filtered, sorted, drawn and compared with what is seen, milliseconds;
- ``move``: the cursor down by one row, milliseconds;
- ``frame``: the changed cells made into what goes to the terminal, milliseconds, and how many bytes that is;
- ``filter``: one letter typed into a filter, milliseconds.

Figures are medians. In each sample one process in fifty did something, and the busiest twenty are other ones.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from engine.config import Config
from engine.snapshot import Process, Snapshot
from tests.engine.factory import MIB, make_process, make_snapshot
from tests.tui.recorded import RecordedNode
from tui.app import TelltopApp
from tui.widgets.process_listing import Mode
from tui.widgets.processes import ProcessTable

SAMPLES = 15
MODES: tuple[Mode, ...] = ("flat", "tree", "programs")


def born(count: int) -> list[Process]:
    """That many processes, one in eight the child of another than init."""
    chance = random.Random(count)
    return [
        make_process(
            pid,
            f"worker-{pid % 200}",
            ppid=1 if pid % 8 else max(1, pid // 2),
            user=f"user{pid % 9}",
            started=float(pid),
            command=f"/usr/lib/service-{pid % 200}/worker-{pid % 200} --slot {pid} --state /var/lib/{pid}",
            rss_bytes=chance.randrange(1, 900) * MIB,
        )
        for pid in range(1, count + 1)
    ]


def samples(count: int) -> list[Snapshot]:
    """One after another; what did nothing stays the same object, as the reader keeps it."""
    chance, processes, made = random.Random(7), born(count), []
    busy: list[int] = []
    for _ in range(SAMPLES):
        for at in busy:
            processes[at] = msgspec.structs.replace(processes[at], cpu_percent=0.0)
        busy = chance.sample(range(count), max(20, count // 50))
        for at in busy:
            one = processes[at]
            processes[at] = msgspec.structs.replace(
                one, cpu_percent=chance.uniform(0.1, 90), cpu_seconds=one.cpu_seconds + 0.5
            )
        made.append(make_snapshot(processes=tuple(processes)))
    return made


class Meter:
    """Times the table of one application."""

    def __init__(self, app: TelltopApp) -> None:
        self.app = app
        self.table: ProcessTable = app.dashboard.processes
        self.frames: list[float] = []
        self.sizes: list[int] = []

    def times(self, works: Sequence[Callable[[], object]]) -> float:
        """Median milliseconds of each; the frame that follows is timed apart."""
        found = []
        for work in works:
            begun = time.perf_counter()
            work()
            found.append(time.perf_counter() - begun)
            self._frame()
        return 1e3 * statistics.median(found)

    def _frame(self) -> None:
        screen = self.app.dashboard
        begun = time.perf_counter()
        screen._compositor.update_widgets({self.table})
        update = screen._compositor.render_partial_update()
        written = update.render_segments(self.app.console) if update is not None else ""
        self.frames.append(time.perf_counter() - begun)
        self.sizes.append(len(written.encode()))


async def measure(count: int) -> None:
    """Print the lines of one count."""
    app = TelltopApp(RecordedNode(), Config())
    async with app.run_test(size=(200, 50)) as pilot:
        await pilot.pause()
        taken = samples(count)
        for mode in MODES:
            meter = Meter(app)
            table = meter.table
            table.listing.set_mode(mode)
            table.show(taken[0])
            meter._frame()
            show = meter.times([partial(table.show, one) for one in taken[1:]])
            frame, size = 1e3 * statistics.median(meter.frames[1:]), statistics.median(meter.sizes[1:])
            move = meter.times([partial(table.move, 1)] * 30)
            typed = "/var/lib/1"
            letters = [typed[: end + 1] for end in range(len(typed))]
            filtered = meter.times([partial(table.set_filter, text) for text in letters])
            table.set_filter("")
            print(
                f"{count:>9} {mode:<9}{show:>8.2f}{move:>9.2f}{frame:>10.2f}{size:>9.0f}{filtered:>11.2f}", flush=True
            )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="what the process table costs")
    parser.add_argument("counts", nargs="*", type=int, default=[100, 1000, 10000], metavar="COUNT")
    print("processes mode      show ms  move ms  frame ms    bytes  filter ms")
    for count in parser.parse_args().counts:
        asyncio.run(measure(count))


if __name__ == "__main__":
    main()
