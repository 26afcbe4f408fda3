"""Processes with names made to do harm, on this very node: none gets through to the terminal, the words or the log."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Run
from tests.e2e.screen import REPOSITORY
from tests.engine.hostile import RAW_NAMES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names are set by procfs")

CROWD = """
import os, sys
from pathlib import Path
from tests.engine.hostile import RAW_NAMES
children = []
for name in RAW_NAMES:
    pid = os.fork()
    if not pid:
        os.close(1)
        raw = name.encode("utf-8", "surrogateescape").replace(b"\\0", b"?")[:15]
        Path("/proc/self/comm").write_bytes(raw or b"?")
        data = b"x" * (8 << 20)
        sys.stdin.read()
        os._exit(0)
print(len(RAW_NAMES), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def crowd() -> Iterator[None]:
    """One process of each name, each large enough to be told of."""
    process = subprocess.Popen(
        [sys.executable, "-c", CROWD], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == len(RAW_NAMES)
        yield
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.usefixtures("crowd")
def test_none_of_them_is_more_than_a_name(telltop: Run, tmp_path: Path) -> None:
    log = tmp_path / "telltop.log"
    words = (
        ("analyze", "--facts"),
        ("snapshot",),
        ("ask", "which processes use the most memory?"),
        ("analyze", "--short"),
    )
    for arguments in words:
        done = telltop(*arguments, "--log-file", log)
        assert (done.returncode, done.stderr) == (0, b"")
        assert all(line.isprintable() for line in done.stdout.decode().splitlines())
    for arguments in (("analyze", "--json"), ("analyze", "--insights"), ("snapshot", "--json")):
        done = telltop(*arguments, "--log-file", log)
        assert (done.returncode, done.stderr) == (0, b"")
        told = json.loads(done.stdout)
        assert told.get("grounding", {}).get("wrong", []) == []
    assert not log.exists() or all(line.isprintable() for line in log.read_text().splitlines())
