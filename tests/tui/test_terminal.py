"""Who may write to the terminal. Each test is a process, for descriptors are a thing of the process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

BEGIN = """
import os, subprocess, sys
from pathlib import Path
from tui.terminal import guarded, private_streams
log = Path(sys.argv[1])
"""


def run(script: str, log: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BEGIN + script, str(log)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


NATIVE = """
print("before")
with private_streams(log):
    print("python out")
    print("python err", file=sys.stderr)
    os.write(1, b"native out\\n")
    os.write(2, b"native err\\n")
    subprocess.run(["sh", "-c", "echo child out; echo child err >&2"])
    sys.__stdout__.write("original out\\n")
    sys.__stderr__.write("original err\\n")
print("after")
os.write(2, b"native after\\n")
"""


def test_only_what_python_writes_gets_through(tmp_path: Path) -> None:
    log = tmp_path / "state" / "telltop.log"
    done = run(NATIVE, log)
    assert done.returncode == 0
    assert done.stdout == "before\npython out\noriginal out\nafter\n"
    assert done.stderr == "python err\noriginal err\nnative after\n"
    assert log.read_text() == "native out\nnative err\nchild out\nchild err\n"


def test_for_a_dashboard_errors_go_where_the_output_goes(tmp_path: Path) -> None:
    done = run(NATIVE.replace("private_streams(log)", "private_streams(log, errors_too=True)"), tmp_path / "log")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "before"
    assert set(done.stdout.splitlines()[1:-1]) == {"python out", "python err", "original out", "original err"}
    assert done.stderr == "native after\n"


def test_without_a_log_native_words_go_nowhere(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run(NATIVE, tmp_path / "file" / "log")
    assert done.returncode == 0
    assert "native out" not in done.stdout
    assert done.stderr == "python err\noriginal err\nnative after\n"


def test_a_crash_in_native_code_leaves_its_stack_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    done = run("def culprit():\n    os.abort()\nwith private_streams(log):\n    culprit()\n", log)
    assert done.returncode < 0
    assert done.stderr == ""
    assert "in culprit" in log.read_text()


def test_all_is_undone_also_after_an_error_and_no_descriptor_is_left(tmp_path: Path) -> None:
    script = """
before = sorted(os.listdir("/dev/fd"))
streams = sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__
try:
    with private_streams(log):
        raise ValueError
except ValueError:
    pass
assert (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__) == streams
assert sorted(os.listdir("/dev/fd")) == before
print("fine")
"""
    done = run(script, tmp_path / "log")
    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")


def test_a_reader_that_has_gone_is_no_trouble_at_the_end(tmp_path: Path) -> None:
    script = f"""
import os, sys
sys.argv = ["-", {str(tmp_path / "log")!r}]
{BEGIN}
with private_streams(log):
    print("x" * 100)
"""
    command = '"$1" -c "$2" | true; echo "${PIPESTATUS[0]}"'
    done = subprocess.run(
        ["bash", "-c", command, "bash", sys.executable, script],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_without_a_terminal_there_is_no_guard(tmp_path: Path) -> None:
    script = """
import subprocess
with guarded(1):
    children = subprocess.run(["ps", "--ppid", str(os.getpid()), "-o", "args="], capture_output=True, text=True).stdout
assert "telltop-guard" not in children
print("fine")
"""
    done = run(script, tmp_path / "log")
    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")
