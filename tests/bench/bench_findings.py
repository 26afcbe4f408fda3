"""What findings, the digest and grounding cost: ``python -m tests.bench.bench_findings``."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

from engine.analysis.digest import digest, tokens
from engine.analysis.grounding import ground
from engine.findings.watch import Watch
from engine.inference.narrator import narrate
from engine.inference.protocol import Briefing
from engine.snapshot import Pressure, Snapshot
from engine.telemetry.history import History
from tests.engine.factory import (
    GIB,
    MIB,
    OWN_PID,
    at,
    make_cpu,
    make_disk,
    make_filesystem,
    make_memory,
    make_process,
    make_snapshot,
    make_stall,
)

SECONDS = 90


def quiet(count: int) -> Callable[[int], Snapshot]:
    """A node on which nothing is wrong, with ``count`` processes."""
    rest = tuple(make_process(1000 + n, f"worker-{n % 400}", rss_bytes=(n % 300) * MIB) for n in range(count))
    processes = (*rest, make_process(OWN_PID, "telltop"))
    return lambda _: make_snapshot(processes=processes)


def troubled(count: int) -> Callable[[int], Snapshot]:
    """A node on which nearly everything is wrong at once."""
    base = tuple(make_process(1000 + n, f"worker-{n % 400}", rss_bytes=(n % 300) * MIB) for n in range(count))

    def at_second(second: int) -> Snapshot:
        bad = (
            *(make_process(10 + n, "spin", cpu_percent=99.0) for n in range(8)),
            *(make_process(30 + n, "dd", state="D", write_bytes_s=50.0 * MIB) for n in range(8)),
            *(make_process(50 + n, "child", state="Z", ppid=10) for n in range(8)),
            make_process(70, "leaky", rss_bytes=GIB + second * 20 * MIB),
            make_process(OWN_PID, "telltop"),
        )
        return make_snapshot(
            processes=base + bad,
            cpu=make_cpu(88.0, iowait=30.0, steal=12.0, runnable=12),
            memory=make_memory(0.93, 0.95, swap_in_bytes_s=4.0 * MIB, swap_out_bytes_s=4.0 * MIB),
            pressure=Pressure(make_stall(60.0), make_stall(30.0), make_stall(80.0, 70.0)),
            disks=(make_disk(busy=99.0, write=400.0 * MIB),),
            filesystems=(make_filesystem("/", 0.9 + second / 2000, 10 * GIB),),
        )

    return at_second


def main() -> None:
    """Print milliseconds for each, median and worst."""
    print(
        f"{'processes':>9} {'node':>9} {'update ms':>16} {'digest ms':>16} {'ground ms':>10} {'tokens':>6} {'open':>4}"
    )
    for count in (100, 2_000, 10_000):
        for name, scene in (("quiet", quiet(count)), ("troubled", troubled(count))):
            print(f"{count:9} {name:>9} {_measure(scene)}")


def _measure(scene: Callable[[int], Snapshot]) -> str:
    updates, digests = [], []
    history, watch = History(), Watch()
    for second in range(SECONDS):
        snapshot = at(second, scene(second))
        history.append(snapshot)
        updates.append(_timed(partial(watch.update, history)))
        digests.append(_timed(partial(digest, snapshot, watch.open)))
    text = "".join(narrate(Briefing(snapshot, watch.open, "full")))
    grounds = [_timed(partial(ground, text, snapshot, watch.open)) for _ in range(9)]
    size = tokens(digest(snapshot, watch.open).text)
    return (
        f"{_figures(updates):>16} {_figures(digests):>16} {statistics.median(grounds):10.2f} {size:6} "
        f"{len(watch.open):4}"
    )


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)


def _figures(values: list[float]) -> str:
    late = values[len(values) // 2 :]
    return f"{statistics.median(late):.2f} / {max(late):.2f}"


if __name__ == "__main__":
    main()
