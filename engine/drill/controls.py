"""Loads with which nothing is wrong: a finding that opens under one of them is a false alarm."""

from __future__ import annotations

import os
import time
from pathlib import Path

from engine.drill.stage import Stage

_SOURCE = "def f{0}(a, b=[{0}]):\n    return [x * {0} for x in b if x % 7] + [a, {{'k': {0}}}]\n"


def idle(stage: Stage) -> None:
    """Nothing at all."""
    stage.ready()
    stage.forever()


def busy(stage: Stage) -> None:
    """Compile-like: a job for each core, of which each computes for a second, writes its result and ends."""
    stage.ready()
    source = "".join(_SOURCE.format(number) for number in range(400))
    alive = 0
    while True:
        while alive < (os.cpu_count() or 1):
            stage.spawn(lambda: _job(source, stage.folder))
            alive += 1
        os.wait()
        alive -= 1


def _job(source: str, folder: str) -> None:
    begun = time.process_time()
    while time.process_time() - begun < 1.0:
        code = compile(source, "unit.py", "exec")
    result = Path(folder, f"{os.getpid()}.o")
    result.write_bytes(repr(code).encode() * 1000)
    result.unlink()
