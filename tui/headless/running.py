"""Running a command on an event loop that ends promptly when it is told to."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE_S = 2.0
"""What native code is given to stop, once telltop was told to."""


def run(command: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run the command; returns its exit code, or 128 and the number of the signal that ended it.

    The first signal cancels the command. If cleaning up takes longer than ``_PATIENCE_S``, or at a second signal, the
    process ends where it stands: everything that was written is out already.
    """
    return asyncio.run(_until_told(command))


async def _until_told(command: Callable[[], Coroutine[Any, Any, int]]) -> int:
    loop = asyncio.get_running_loop()
    task = loop.create_task(command())
    told: list[int] = []

    def end(number: int) -> None:
        if told:
            os._exit(128 + number)
        told.append(number)
        task.cancel()
        loop.call_later(_PATIENCE_S, os._exit, 128 + number)

    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, or a job in the background
            loop.add_signal_handler(number, end, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not told:
            raise
        return 128 + told[0]
