"""``telltop analyze``: what the node is doing and which process is to blame."""

from __future__ import annotations

from pathlib import Path

from engine.config import Config
from engine.findings.detectors import KINDS
from engine.inference.protocol import Form
from engine.text import inert
from tui.headless.output import STANDARD_OUTPUT, WholeFile
from tui.headless.running import run as run_loop
from tui.headless.telling import tell


def run(
    config: Config,
    *,
    form: Form,
    json: bool,
    output: str | None,
    only: str = "",
    facts: bool = False,
    stream: bool = False,
) -> int:
    """Write one analysis to standard output, or to the file ``output``; returns the exit code.

    With ``stream`` one follows whenever findings change, until it is interrupted.
    Raises OutputError, ModelError, TelemetryError, GenerationError, BrokenPipeError.
    """
    if stream:
        from tui.headless.following import follow

        return run_loop(lambda: follow(config, form, json=json, only=only))
    if output is None or output in STANDARD_OUTPUT:
        return run_loop(lambda: tell(config, form, json=json, only=only, facts=facts))
    file = WholeFile(Path(output))
    try:
        return run_loop(lambda: tell(config, form, json=json, file=file, only=only, facts=facts))
    finally:
        file.close()


def wrong_tag(tag: str) -> list[str]:
    """A sentence about a tag by which nothing can be filtered."""
    resources = sorted({kind.partition("_")[0] for kind in KINDS if "_" in kind})
    if not tag or tag in {"warning", "critical", *KINDS, *resources}:
        return []
    return [f"--filter: {inert(tag, 80)} is no tag: there are warning, critical, {', '.join((*KINDS, *resources))}"]
