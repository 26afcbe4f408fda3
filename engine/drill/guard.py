"""The guard of one fault: starts it, and cleans up after it when told, when its time is over, or when telltop has gone.

Run as ``python -m engine.drill.guard KIND FOLDER``. Its standard input is a pipe that telltop holds open: whatever ends
telltop, also a signal that cannot be caught, closes it. Its standard output tells, in lines of JSON, that the fault is
ready, or why it cannot be.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from engine.drill.plan import ACTS, Act
from engine.drill.stage import Stage, adopt_orphans, confine, die_with_parent, rename
from engine.drill.storage import NotHereError, enter

_GOING_S = 5.0
"""How long processes are waited for that have been killed."""


def main() -> None:
    """Guard one fault until it is over."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # telltop's end is noticed by its pipe, and in order
    rename("telltop-guard")
    adopt_orphans()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        try:
            extras = stack.enter_context(ACTS[kind].prepare(folder))
        except NotHereError as error:
            _say({"ready": False, "reason": str(error)})
            return
        stack.callback(end_all)
        _guard(ACTS[kind], folder, extras)


def _guard(act: Act, folder: Path, extras: dict[str, str]) -> None:
    deadline = time.monotonic() + act.bounds.seconds
    orders, go = os.pipe()
    child = os.fork()
    if not child:
        os.close(go)
        _play(act, Stage(act.bounds, 1, orders, str(folder), extras))
    os.close(orders)
    while (left := deadline - time.monotonic()) > 0 and select.select([0], [], [], left)[0]:
        if os.read(0, 64) != b"go\n":  # nothing at all: telltop has gone, or wants no more of it
            break
        os.write(go, b"g")


def _play(act: Act, stage: Stage) -> None:
    """What the child of the guard does, to its end."""
    try:
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.setpgid(0, 0)
        os.close(0)
        die_with_parent()
        if "group" in stage.extras:
            enter(stage.extras["group"])
        confine(act.bounds)
        rename(f"drill-{act.kind}")
        act.play(stage)
    except OSError as error:
        _say({"ready": False, "reason": f"The fault could not be made: {error}."})
    finally:
        os._exit(0)


def _say(told: dict[str, object]) -> None:
    with suppress(OSError):
        os.write(1, json.dumps(told).encode() + b"\n")


def end_all() -> None:
    """Kill every process below this one, and wait for them: orphans have become its children."""
    until = time.monotonic() + _GOING_S
    while time.monotonic() < until:
        for pid in below(os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


def below(root: int) -> list[int]:
    """The pids of all processes that ``root`` and its children started."""
    import psutil

    try:
        return [process.pid for process in psutil.Process(root).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


if __name__ == "__main__":
    main()
