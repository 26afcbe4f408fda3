"""``telltop snapshot``: one sample of the node."""

from __future__ import annotations

import shutil
import sys

from engine import wire
from engine.config import Config
from engine.telemetry.sampler import sample_once
from tui.headless.output import colored, print_all
from tui.headless.report import report


def run(config: Config, *, json: bool) -> int:
    """Print it, in words or as JSON; returns the exit code. Raises TelemetryError, OutputError, BrokenPipeError."""
    taken = sample_once()
    if json:
        print_all(wire.encode(wire.snapshot(taken)))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 200
        print_all(report(taken, width=width, color=colored(config)).encode("utf-8", "backslashreplace"))
    return 0
