"""``telltop ask``: the answer to one question about the node."""

from __future__ import annotations

from engine.config import Config
from tui.headless.running import run as run_loop
from tui.headless.telling import tell


def run(config: Config, question: str, *, json: bool) -> int:
    """Write the answer to standard output; returns the exit code.

    Raises OutputError, ModelError, TelemetryError, GenerationError, BrokenPipeError.
    """
    return run_loop(lambda: tell(config, "answer", question, json=json))
