"""The log: private, bounded, and never on the terminal. Each test is a process: logging is a thing of the process."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

from engine.logs import LIMIT_BYTES

REPOSITORY = Path(__file__).parents[2]


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_what_is_logged_goes_to_a_private_file_and_nowhere_else(tmp_path: Path) -> None:
    log = tmp_path / "new" / "folder" / "telltop.log"
    script = """
import logging, sys, threading, warnings, pathlib
from engine.logs import set_up, where
log = pathlib.Path(sys.argv[1])
assert where() is None
assert set_up(log, "info") is None
assert where() == log
logging.getLogger("a").info("said so")
logging.getLogger("a").debug("not this")
warnings.warn("a warning", stacklevel=1)
thread = threading.Thread(target=lambda: 1 / 0, name="unlucky")
thread.start()
thread.join()
class Bad:
    def __del__(self): raise KeyError("unraisable")
Bad()
threading.Thread(target=sys.exit).start()
logging.getLogger("a").error("odd \\udcff text")
"""
    done = run(script, log)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700
    content = log.read_text()
    for words in ("INFO MainThread a: said so", "a warning", "thread unlucky died", "ZeroDivisionError", "KeyError"):
        assert words in content
    assert "odd \\udcff text" in content
    assert "not this" not in content
    assert "SystemExit" not in content


def test_a_full_log_is_kept_once_and_begun_anew_while_others_still_append(tmp_path: Path) -> None:
    log = tmp_path / "telltop.log"
    log.write_bytes(b"old\n" * (LIMIT_BYTES // 4 + 1))
    script = """
import logging, os, pathlib, sys
from engine.logs import open_private, set_up
log = pathlib.Path(sys.argv[1])
other = open_private(log)
set_up(log)
logging.warning("new")
os.write(other, b"native\\n")
logging.warning("newer")
"""
    assert run(script, log).returncode == 0
    kept = log.with_name("telltop.log.1")
    assert kept.stat().st_size > LIMIT_BYTES
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    lines = log.read_text().splitlines()
    assert [line.split()[-1] for line in lines] == ["new", "native", "newer"]


def test_a_log_that_cannot_be_written_is_a_sentence_and_the_program_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    script = """
import logging, pathlib, sys
from engine.logs import set_up, where
print(set_up(pathlib.Path(sys.argv[1])), where())
logging.error("to nowhere")
"""
    for bad in (tmp_path / "file" / "log", tmp_path, fifo):
        done = run(script, bad)
        assert done.returncode == 0
        assert done.stderr == ""
        assert done.stdout.startswith(f"Nothing is logged: {bad} cannot be written (")
        assert done.stdout.endswith("None\n")


def test_a_device_as_log_file() -> None:
    done = run("import logging, pathlib; from engine.logs import set_up; print(set_up(pathlib.Path('/dev/full')));"
               "logging.error('x')")  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "None\n", "")
