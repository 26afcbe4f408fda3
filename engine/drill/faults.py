"""Faults of processors, processes, memory and sockets. Each runs in a process of its own, confined and guarded."""

from __future__ import annotations

import gc
import mmap
import os
import resource
import signal
import socket
import threading
import time
from contextlib import suppress

from engine.drill.stage import MIB, Stage

_ZOMBIES = 16
_STORM_ALIVE, _STORM_BATCH, _STORM_LIFE_S = 160, 16, 6.0
_FLOOD_BATCH, _FLOOD_PAUSE_S = 12, 0.03
_THREADS = 700
_STACK = 64 * 1024
_SOCKETS = 600
_STUCK = 6
_LEAK_STEP_S = 0.25
_LEAK_HOUR = 0.7
"""It would fill what memory is free in this part of an hour."""
_LEAK_MOST = 480 * MIB


def cpu_spin(stage: Stage) -> None:
    """One process that computes and never rests."""
    stage.ready()
    while True:
        pass


def cpu_saturated(stage: Stage) -> None:
    """Four processes for each core that all want to compute."""
    reader, writer = os.pipe()

    def burn() -> None:
        os.close(writer)
        os.read(reader, 1)  # until the writing end is closed
        while True:
            pass

    pids = [stage.spawn(burn) for _ in range(4 * (os.cpu_count() or 1))]
    stage.ready(*pids)
    os.close(writer)
    stage.forever()


def fork_storm(stage: Stage) -> None:
    """A process that makes children far faster than they end; never more than a fixed number at a time."""
    gc.freeze()
    stage.ready()
    alive = 0
    while True:
        for _ in range(min(_STORM_BATCH, _STORM_ALIVE - alive)):
            stage.spawn(lambda: time.sleep(_STORM_LIFE_S))
            alive += 1
        time.sleep(0.1)
        alive -= _collected()


def short_job_flood(stage: Stage) -> None:
    """A process whose children do nothing and end at once, some hundred and more a second."""
    gc.freeze()
    stage.ready()
    while True:
        for _ in range(_FLOOD_BATCH):
            if not os.fork():
                os._exit(0)
        with suppress(ChildProcessError):
            while True:
                os.wait()
        time.sleep(_FLOOD_PAUSE_S)


def _collected() -> int:
    count = 0
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            count += 1
    return count


def zombies(stage: Stage) -> None:
    """A parent that does not collect its dead children."""
    stage.ready()
    for _ in range(_ZOMBIES):
        if not os.fork():
            os._exit(0)
    stage.forever()


def memory_leak(stage: Stage) -> None:
    """Memory that is taken evenly and never given back, so fast that the node would be full within the hour."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    step = int(free / (3600 * _LEAK_HOUR) * _LEAK_STEP_S)
    held: list[mmap.mmap] = []
    stage.ready()
    while True:
        if (len(held) + 1) * step < _LEAK_MOST:
            block = mmap.mmap(-1, step)
            for page in range(0, step, mmap.PAGESIZE):
                block[page] = 1
            held.append(block)
        time.sleep(_LEAK_STEP_S)


def fd_exhaustion(stage: Stage) -> None:
    """A process that opens files until hardly any more are allowed to it."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    stage.ready()
    held = []
    with suppress(OSError):
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    while True:  # it goes on trying, as such programs do
        time.sleep(0.1)
        with suppress(OSError):
            os.open(os.devnull, os.O_RDONLY)


def thread_explosion(stage: Stage) -> None:
    """A process that starts hundreds of threads which do nothing."""
    threading.stack_size(_STACK)
    stage.ready()
    for _ in range(_THREADS):
        threading.Thread(target=signal.pause, daemon=True).start()
    stage.forever()


def connection_flood(stage: Stage) -> None:
    """A client that opens connections to a listener of its own on the loopback interface, and keeps them."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        address = server.getsockname()
        accepted: list[socket.socket] = []

        def accept() -> None:
            with suppress(OSError):
                while True:
                    accepted.append(server.accept()[0])

        listener = stage.spawn(accept)
        stage.ready(os.getpid(), listener)
        held: list[socket.socket] = []
        while True:
            for _ in range(20):
                if len(held) >= _SOCKETS:
                    break
                held.append(socket.create_connection(address))
            time.sleep(0.05)


def load_high(stage: Stage) -> None:
    """Processes in uninterruptible sleep: the parent of a vfork that has not gone on yet.

    What they start waits for a writer of a FIFO, and until it has one the kernel holds the parent in state D.
    """
    fifo = os.path.join(stage.folder, "never")  # noqa: PTH118 - text, as posix_spawn takes it
    os.mkfifo(fifo)

    def stick() -> None:
        waits = [(os.POSIX_SPAWN_OPEN, 0, fifo, os.O_RDONLY, 0)]
        os.posix_spawn("/bin/true", ["true"], {}, file_actions=waits)

    reader, writer = os.pipe()

    def wait() -> None:
        os.close(writer)
        os.read(reader, 1)
        stick()

    pids = [stage.spawn(wait) for _ in range(_STUCK)]
    stage.ready(*pids)
    os.close(writer)
    stage.forever()
