"""What one pass over all processes costs, against psutil in the same run.

Run it from the repository: ``python -m tests.bench.bench_sample [COUNT ...]`` (100 and 1000 sleeping children unless
told otherwise; 10000 needs about 2 GiB and a process limit that allows it). A line for each count:

- ``pass``: a pass of ours in its steady state, microseconds of each process (median of the passes);
- ``anew``: the same where every file is opened anew, as beyond the bound of those that are kept open;
- ``bare``: open, read and close with nothing around them: what the kernel alone takes for that;
- ``first``: the first pass, which also reads user and command line of everything;
- ``psutil``: ``process_iter`` with the attributes that the portable reader takes;
- ``sample``: a whole sample of the node, milliseconds;
- ``slab``: kernel memory that the files kept open take, KiB of each process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from engine.telemetry.procfs.kept import bound
from engine.telemetry.procfs.memory import meminfo
from engine.telemetry.procfs.processes import ProcessReader
from engine.telemetry.roots import Roots
from engine.telemetry.sampler import Sampler

PASSES = 9
ATTRIBUTES = ["ppid", "name", "username", "status", "cpu_times", "memory_info", "num_threads", "nice", "create_time"]
SLEEPERS = """
import os, signal, sys
children = []
for _ in range(int(sys.argv[1])):
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
    children.append(child)
print("ready", flush=True)
sys.stdin.read()
for child in children:
    os.kill(child, signal.SIGKILL)
for child in children:
    os.waitpid(child, 0)
"""


@contextmanager
def sleepers(count: int) -> Iterator[None]:
    """So many sleeping processes; they end with the block, and with this program."""
    with subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", SLEEPERS, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        if parent.stdout is None or parent.stdout.readline() != b"ready\n":
            raise SystemExit(f"{count} processes could not be started; see ulimit -u")
        try:
            yield
        finally:
            parent.communicate()


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def bare(folder: int) -> None:
    """The system calls of a pass."""
    for name in os.listdir(folder):
        if name.isdecimal():
            with suppress(FileNotFoundError, ProcessLookupError):  # somebody else's, which has just ended
                descriptor = os.open(f"{name}/stat", os.O_RDONLY, dir_fd=folder)
                try:
                    os.read(descriptor, 1024)
                finally:
                    os.close(descriptor)


def slab_kib() -> int:
    """What the kernel's own objects take, ``Slab`` of ``/proc/meminfo``."""
    return meminfo(Path("/proc/meminfo").read_bytes())[b"Slab"] // 1024


def measure(count: int) -> str:
    """One line of the table."""
    with sleepers(count):
        time.sleep(1.2)  # they have settled, as a node at rest has
        memory = meminfo(Path("/proc/meminfo").read_bytes())[b"MemTotal"]
        anew, reader = ProcessReader(Roots()), ProcessReader(Roots(), keep=bound(memory))
        anew.read(time.monotonic())
        opened = statistics.median(seconds(lambda: anew.read(time.monotonic())) for _ in range(PASSES))
        slab = slab_kib()
        first = seconds(lambda: reader.read(time.monotonic()))
        everything = len(reader.read(time.monotonic()))
        slab = slab_kib() - slab
        ours = statistics.median(seconds(lambda: reader.read(time.monotonic())) for _ in range(PASSES))
        folder = os.open("/proc", os.O_RDONLY)
        kernel = statistics.median(seconds(lambda: bare(folder)) for _ in range(PASSES))
        os.close(folder)
        theirs = statistics.median(seconds(lambda: list(psutil.process_iter(ATTRIBUTES))) for _ in range(3))
        reader.close()  # both together might be more files than this process may have
        sampler = Sampler()
        sampler.sample()
        sampler.settle(10.0)  # the search for who holds the listening sockets is over
        sampler.sample()
        whole = statistics.median(seconds(sampler.sample) for _ in range(PASSES))
        sampler.close()
    each = [1e6 * figure / everything for figure in (ours, opened, kernel, first, theirs)]
    return "".join(
        (
            f"{everything:>9}",
            *(f"{figure:>9.1f}" for figure in each),
            f"{theirs / ours:>8.1f}x",
            f"{whole * 1e3:>9.1f}",
            f"{slab / everything:>9.1f}",
        )
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="what one pass over all processes costs")
    parser.add_argument("counts", nargs="*", type=int, default=[100, 1000], metavar="COUNT")
    print("processes  pass us  anew us  bare us first us psutilus   ratio sample ms  slab KiB")
    for count in parser.parse_args().counts:
        print(measure(count), flush=True)


if __name__ == "__main__":
    main()
