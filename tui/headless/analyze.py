"""``telltop analyze``: what the node is doing and which process is to blame."""

from __future__ import annotations

from pathlib import Path

from engine.config import Config
from engine.inference.protocol import Form
from tui.headless.output import STANDARD_OUTPUT, WholeFile
from tui.headless.running import run as run_loop
from tui.headless.telling import tell


def run(config: Config, *, short: bool, json: bool, output: str | None) -> int:
    """Write one analysis to standard output, or to the file ``output``; returns the exit code.

    Raises OutputError, ModelError, TelemetryError, GenerationError, BrokenPipeError.
    """
    form: Form = "short" if short else "full"
    if output is None or output in STANDARD_OUTPUT:
        return run_loop(lambda: tell(config, form, json=json))
    file = WholeFile(Path(output))
    try:
        return run_loop(lambda: tell(config, form, json=json, file=file))
    finally:
        file.close()
