"""``telltop drill`` as it is run: real faults, the table, the JSON, the exit codes."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import Run, Start
from tests.e2e.screen import PATIENCE_S, TELLTOP, Terminal

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="faults are made by the means of Linux")


def test_as_json(telltop: Run) -> None:
    done = telltop("drill", "--kinds", "zombies", "--json")
    assert done.stderr == b""
    graded = json.loads(done.stdout)
    (fault,) = graded["faults"]
    assert fault["kind"] == "zombies"
    assert fault["found"] is fault["right_kind"] is fault["right_culprit"] is fault["named_in_analysis"] is True
    assert fault["seconds"] > 0
    assert fault["grounding"]["grounded"] == fault["grounding"]["claims"] > 0
    assert graded["controls"] == []
    assert graded["passed"] is (fault["seconds"] <= 10)
    assert done.returncode == (0 if graded["passed"] else 1)


def test_as_a_table(telltop: Run) -> None:
    done = telltop("drill", "--kinds", "idle", "--control", "1")
    lines = done.stdout.decode().splitlines()
    assert lines[0].split() == ["FAULT", "FOUND", "WITHIN", "KIND", "CULPRIT", "NAMED", "GROUNDED"]
    assert lines[-1] in {"passed", "below the bar"}
    assert b"\x1b" not in done.stdout


def test_an_unknown_kind(telltop: Run) -> None:
    done = telltop("drill", "--kinds", "zombies,\x1b[2J")
    assert done.returncode == 2
    assert done.stderr.decode().startswith("telltop: --kinds: \\x1b[2J is no fault: there are cpu_spin, ")


def test_ctrl_c_ends_the_fault(started: Start) -> None:
    running = started("drill", "--kinds", "memory_leak")
    me = psutil.Process(running.pid)
    faults: list[psutil.Process] = []
    while not faults:
        assert running.poll() is None
        faults = [process for process in me.children(recursive=True) if process.name().startswith("drill-")]
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 130
    assert psutil.wait_procs(faults, timeout=PATIENCE_S)[1] == []


def test_the_demonstration_shows_faults_in_the_dashboard_and_ends_them_with_it(tmp_path: Path) -> None:
    state = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    with Terminal((*TELLTOP, "demo"), columns=200, lines=50, env=state) as terminal:
        terminal.wait_for("drill-cpu_spin")
        faults = [p for p in psutil.Process(terminal.pid).children(recursive=True) if p.name().startswith("drill-")]
        assert faults
        terminal.press("q")
        assert terminal.wait() == 0
    assert psutil.wait_procs(faults, timeout=PATIENCE_S)[1] == []
