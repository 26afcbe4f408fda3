from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from engine.control import Control, Target
from engine.telemetry.procfs.processes import ProcessReader
from engine.telemetry.roots import Roots

Child = Callable[..., "subprocess.Popen[str]"]

TRAPPING = """
import os, signal, sys, threading
for name in sys.argv[1:]:
    signal.signal(getattr(signal, name), lambda number, _: print(signal.Signals(number).name, flush=True))
print("ready", flush=True)
while sys.stdin.read(1):
    pass
"""
"""Says which of the signals that were named has come; ends when its input does."""


@pytest.fixture
def child() -> Iterator[Child]:
    """Start a Python program that says ``ready``; whatever becomes of it, it is ended and waited for."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str = TRAPPING, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def control() -> Control:
    """As if another process were telltop: the children of the tests are not its own."""
    return Control(own=-1)


def seen(pid: int) -> Target:
    """The process as the table shows it."""
    found = {process.pid: process for process in ProcessReader(Roots()).read(0.0)}
    return Target.of(found[pid])
