"""What end-to-end tests share: a home of their own and the real command."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.e2e.screen import PATIENCE_S, REPOSITORY, TELLTOP

Run = Callable[..., subprocess.CompletedProcess[bytes]]
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Variables under which nobody's settings count, and nothing is written outside of the test's folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TELLTOP_", "NO_COLOR", "XDG_"))}
    folders = {"HOME": tmp_path, "XDG_CONFIG_HOME": tmp_path / "config", "XDG_STATE_HOME": tmp_path / "state"}
    return kept | {name: str(folder) for name, folder in folders.items()} | {"PYTHONPATH": str(REPOSITORY)}


@pytest.fixture
def telltop(environment: dict[str, str]) -> Run:
    """Run ``telltop`` to its end, without a terminal."""

    def run(*arguments: object, **variables: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*TELLTOP, *map(str, arguments)],
            cwd=REPOSITORY,
            env=environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )

    return run


@pytest.fixture
def started(environment: dict[str, str]) -> Iterator[Start]:
    """Start ``telltop``, or another ``program``, without a terminal; it is ended with the test."""
    with contextlib.ExitStack() as stack:

        def start(
            *arguments: object, program: Sequence[str] = TELLTOP, stdout: int = subprocess.PIPE
        ) -> subprocess.Popen[bytes]:
            process = stack.enter_context(
                subprocess.Popen(
                    [*program, *map(str, arguments)],
                    cwd=REPOSITORY,
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=stdout,
                    stderr=subprocess.PIPE,
                )
            )
            stack.callback(process.kill)
            return process

        yield start
