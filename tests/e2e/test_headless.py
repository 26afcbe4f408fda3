"""The commands without a screen, as scripts run them: real processes, real samples, a real model."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Run, Start
from tests.e2e.screen import PATIENCE_S, REPOSITORY, TELLTOP, Terminal
from tests.tiny_gguf import write_tiny_gguf

ESCAPE = b"\x1b"


def objects(output: bytes) -> list[Any]:
    assert output.endswith(b"\n")
    return [json.loads(line) for line in output.splitlines()]


# -- snapshot


def test_snapshot_as_json(telltop: Run) -> None:
    done = telltop("snapshot", "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    (taken,) = objects(done.stdout)
    assert datetime.fromisoformat(taken["time"]).tzinfo is not None
    assert 0.4 < taken["interval_s"] < PATIENCE_S
    assert taken["memory"]["total_bytes"] > taken["memory"]["available_bytes"] > 0
    processes = {process["pid"]: process for process in taken["processes"]}
    assert processes[os.getpid()]["rss_bytes"] > 1 << 20
    assert "snapshot" in processes[taken["self"]["pid"]]["command"]


def test_snapshot_in_words(telltop: Run) -> None:
    done = telltop("snapshot")
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    assert os.uname().nodename in lines[0]
    labels = [line.split(" ")[0] for line in lines]
    assert {"cpu", "memory", "telltop"} <= set(labels)
    assert sum(line.split() == ["PID", "USER", "CPU%", "MEM", "S", "COMMAND"] for line in lines) == 2
    assert ESCAPE not in done.stdout


def test_hostile_process_names_are_inert_in_words_and_whole_in_json(telltop: Run, tmp_path: Path) -> None:
    odd = b"\x1b[2J\x1b]0;owned\x07[bold]\n\xff"
    command: list[str | bytes] = [
        "perl",
        "-e",
        "$0 = $ARGV[0]; $_ = 'x' x (64 << 20); $| = 1; print 'up'; sleep 600",
        odd,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.read(2) == b"up"
            words, shape = telltop("snapshot"), telltop("snapshot", "--json")
        finally:
            process.kill()
    assert ESCAPE not in words.stdout
    assert all(line.isprintable() for line in words.stdout.decode().splitlines())
    (taken,) = objects(shape.stdout)
    found = next(entry for entry in taken["processes"] if entry["pid"] == process.pid)
    assert "\\x1b[2J" in found["command"]
    assert "[bold]" in found["command"]


# -- analyze and ask


def test_analyze_by_rules(telltop: Run) -> None:
    done = telltop("analyze")
    assert (done.returncode, done.stderr) == (0, b"")
    text, _, colophon = done.stdout.decode().rstrip("\n").rpartition("\n\n")
    assert text
    assert colophon.startswith("[rules")
    assert ESCAPE not in done.stdout


def test_analyze_in_one_line(telltop: Run) -> None:
    done = telltop("analyze", "--short")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"\n") == 1
    assert b"[rules" in done.stdout


def test_analyze_as_json(telltop: Run) -> None:
    done = telltop("analyze", "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    (written,) = objects(done.stdout)
    assert (written["event"], written["source"], written["model"], written["degraded"]) == (
        "analysis",
        "rules",
        "rules",
        False,
    )
    assert (written["trigger"], written["outcome"]) == ("demand", "stop")
    assert written["grounding"]["claims"] == written["grounding"]["grounded"] > 0


def test_analyze_by_a_model(telltop: Run, tiny_gguf: Path) -> None:
    words = telltop("analyze", "--model", tiny_gguf, "--max-tokens", "12", "--seed", "1")
    assert (words.returncode, words.stderr) == (0, b"")
    assert words.stdout.endswith(b"cut off at 12 tokens]\n")
    shape = telltop("analyze", "--model", tiny_gguf, "--max-tokens", "12", "--json")
    assert (shape.returncode, shape.stderr) == (0, b"")
    (written,) = objects(shape.stdout)
    assert (written["source"], written["outcome"], written["degraded"]) == ("model", "length", False)
    assert written["timings"]["completion_tokens"] == 12
    assert written["timings"]["prompt_tokens"] > 100


def test_ask(telltop: Run) -> None:
    done = telltop("ask", "why", "is", "load", "high?", "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    (written,) = objects(done.stdout)
    assert (written["event"], written["question"], written["source"]) == ("answer", "why is load high?", "rules")
    assert "load" in written["text"].lower()


def test_ask_a_model_in_words(telltop: Run, tiny_gguf: Path) -> None:
    done = telltop("--model", tiny_gguf, "ask", "why?", "--max-tokens=5")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.endswith(b"[model tiny; cut off at 5 tokens]\n")


def test_output_to_a_file_is_whole_or_not_at_all(telltop: Run, tmp_path: Path, tiny_gguf: Path) -> None:
    target = tmp_path / "analysis.txt"
    target.write_text("old")
    target.chmod(0o640)
    failed = telltop("analyze", "--output", target, "--model", tmp_path / "none.gguf")
    assert failed.returncode == 3
    assert target.read_text() == "old"
    done = telltop("analyze", "--output", target)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert "[rules" in target.read_text()
    assert target.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] in ([], [".cache"])


def test_output_to_standard_output_by_name(telltop: Run) -> None:
    done = telltop("analyze", "--short", "--output", "/dev/stdout")
    assert done.returncode == 0
    assert b"[rules" in done.stdout


@pytest.mark.parametrize("place", ["missing/file", "", "/dev/full"])
def test_output_that_cannot_be_written(place: str, telltop: Run, tmp_path: Path) -> None:
    done = telltop("analyze", "--output", tmp_path / place)
    assert (done.returncode, done.stdout) == (6, b"")
    assert done.stderr.startswith(f"telltop: {tmp_path / place} cannot be written: ".encode())
    assert done.stderr.count(b"\n") == 1


# -- watch


def test_watch_tells_of_every_sample_and_ends_in_time(telltop: Run) -> None:
    done = telltop("watch", "--json", "--seconds", "3", "--interval", "0.5", "--analysis-every", "0")
    assert (done.returncode, done.stderr) == (0, b"")
    said = objects(done.stdout)
    samples = [event for event in said if event["event"] == "snapshot"]
    assert len(samples) >= 2
    assert [event["sequence"] for event in samples] == sorted({event["sequence"] for event in samples})
    assert {event["event"] for event in said} <= {"snapshot", "analysis", "finding_opened", "finding_closed"}


ZOMBIES = """
import os, sys
for _ in range(12):
    if os.fork() == 0:
        os._exit(0)
print("there", flush=True)
sys.stdin.read()
"""


def test_watch_reports_a_finding_and_its_culprit(started: Start) -> None:
    culprit = started("-c", ZOMBIES, program=[sys.executable])
    assert culprit.stdout is not None
    culprit.stdout.readline()
    watch = started("watch", "--interval", "0.5", "--seconds", PATIENCE_S)
    assert watch.stdout is not None
    events = map(json.loads, watch.stdout)
    opened = next(e for e in events if e["event"] == "finding_opened" and e["finding"]["kind"] == "zombies")
    assert opened["finding"]["severity"] in {"warning", "critical"}
    assert opened["finding"]["culprits"][0]["pid"] == culprit.pid
    assert opened["finding"]["facts"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_watch_ends_by_a_signal(number: signal.Signals, started: Start) -> None:
    process = started("watch")
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(number)
    rest, errors = process.communicate(timeout=PATIENCE_S)
    objects(first + rest)
    assert (process.returncode, errors) == (128 + number, b"")


def waits_to_write(pid: int) -> bool:
    """Whether a process waits, by epoll, for room in something that it writes to (Linux ``proc_pid_fdinfo(5)``)."""
    lines: list[str] = []
    for file in Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):  # closed since
            lines += file.read_text().splitlines()
    return any(line.startswith("tfd:") and int(line.split()[3], 16) & select.EPOLLOUT for line in lines)


def test_watch_ends_by_a_signal_though_nobody_reads(started: Start) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(writing, bytes(4096)):
            pass
    os.set_blocking(writing, True)
    process = started("watch", stdout=writing)
    os.close(writing)
    deadline = time.monotonic() + PATIENCE_S
    while not waits_to_write(process.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.terminate()
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, errors) == (143, b"")
    os.close(reading)


# -- what can go wrong


def bad_models(folder: Path) -> dict[str, tuple[Path, str]]:
    """Model files that cannot be used, and a word of the sentence that each gets."""
    whole = write_tiny_gguf(folder / "whole.gguf")
    cut, text = folder / "cut.gguf", folder / "text.gguf"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    text.write_text("no model at all")
    alien = write_tiny_gguf(folder / "alien.gguf", architecture="martian")
    return {
        "missing": (folder / "none.gguf", "no such file"),
        "directory": (folder, "directory"),
        "text": (text, "not a GGUF"),
        "cut": (cut, "cut off"),
        "unknown": (alien, "martian"),
    }


@pytest.mark.parametrize("kind", ["missing", "directory", "text", "cut", "unknown"])
def test_a_model_that_cannot_be_used(kind: str, telltop: Run, tmp_path: Path) -> None:
    path, word = bad_models(tmp_path)[kind]
    done = telltop("analyze", "--model", path)
    assert (done.returncode, done.stdout) == (3, b"")
    assert done.stderr.startswith(b"telltop: ")
    assert done.stderr.count(b"\n") == 1
    assert word.encode() in done.stderr


def test_wrong_flags_and_a_wrong_file_are_told_together(telltop: Run, tmp_path: Path) -> None:
    file = tmp_path / "config" / "telltop" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("interval = 0\n")
    done = telltop("snapshot", "--jsn", TELLTOP_SEED="x")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().splitlines() == [
        "telltop: --jsn is unknown: did you mean --json?",
        f"telltop: interval in {file} must be a number of seconds from 0.2 to 60, not 0",
        'telltop: TELLTOP_SEED must be a whole number from 0 to 4294967295, not "x"',
    ]


@pytest.mark.parametrize("command", [("snapshot",), ("analyze",), ("watch",), ("--help",)])
@pytest.mark.parametrize(("target", "code", "sentence"), [("true", 141, ""), ("full", 6, "No space left on device")])
def test_output_that_breaks(
    command: tuple[str, ...], target: str, code: int, sentence: str, environment: dict[str, str]
) -> None:
    script = '"$@" | true; exit ${PIPESTATUS[0]}' if target == "true" else '"$@" > /dev/full'
    done = subprocess.run(
        ["bash", "-c", script, "bash", *TELLTOP, *command],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    told = done.stderr.decode()
    if command == ("--help",) and target == "true" and done.returncode == 0:
        return  # it was all in the pipe before anybody could leave
    assert done.returncode == code
    assert told == (f"telltop: the output cannot be written: {sentence}\n" if sentence else "")


def test_a_log_that_cannot_be_written_is_said_and_nothing_else_changes(telltop: Run, tmp_path: Path) -> None:
    done = telltop("snapshot", "--json", "--log-file", tmp_path)
    assert done.returncode == 0
    objects(done.stdout)
    assert done.stderr.startswith(f"telltop: Nothing is logged: {tmp_path} cannot be written".encode())


def test_no_word_of_the_native_library_gets_out(telltop: Run, tiny_gguf: Path, tmp_path: Path) -> None:
    done = telltop("analyze", "--model", tiny_gguf, "--max-tokens", "3", "--log-level", "debug")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"llama" not in done.stdout
    assert b"llama" in (tmp_path / "state" / "telltop" / "telltop.log").read_bytes()


# -- being interrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_a_model_writes(number: signal.Signals, started: Start, tiny_gguf: Path) -> None:
    process = started("analyze", "--model", tiny_gguf, "--max-tokens", "3500")
    assert process.stdout is not None
    assert process.stdout.read(1)
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, errors) == (128 + number, b"")


def test_interrupted_while_a_model_loads(environment: dict[str, str], tmp_path: Path) -> None:
    large = write_tiny_gguf(tmp_path / "large.gguf", layers=24, width=768)
    with Terminal(
        [*TELLTOP, "analyze", "--model", str(large), "--max-tokens", "3500"], env=environment, columns=80, lines=24
    ) as terminal:
        terminal.wait_for("loading large.gguf")
        terminal.press("ctrl+c")
        assert terminal.wait() == 130
        assert "Traceback" not in terminal.text


# -- at a terminal


def test_progress_and_colour_are_for_terminals(environment: dict[str, str], tiny_gguf: Path) -> None:
    command = [*TELLTOP, "analyze", "--model", str(tiny_gguf), "--max-tokens", "5"]
    with Terminal(command, env=environment) as terminal:
        assert terminal.wait() == 0
        assert "telltop: loading tiny.gguf" in terminal.text
        assert "[model tiny; cut off at 5 tokens]" in terminal.text
        assert b"\x1b[2m" in terminal.raw
    for extra, variables in ((["--no-color"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"})):
        with Terminal([*TELLTOP, "snapshot", *extra], env=environment | variables) as terminal:
            assert terminal.wait() == 0
            assert ESCAPE not in terminal.raw
    with Terminal([*TELLTOP, "snapshot"], env=environment, columns=60) as terminal:
        assert terminal.wait() == 0
        assert b"\x1b[1m" in terminal.raw
        assert "COMMAND" in terminal.text


# -- analyses for programs


def test_insights_follow_their_schema(telltop: Run) -> None:
    done = telltop("analyze", "--insights", "--facts")
    assert (done.returncode, done.stderr) == (0, b"")
    (told,) = objects(done.stdout)
    assert told["event"] == "insights"
    assert told["source"] == "rules"
    assert 0 <= told["confidence"] <= 1
    assert told["summary"]
    assert told["next_step"]
    assert isinstance(told["reason_code"], str)
    assert told["primary_process"] is None or told["primary_process"]["pid"] > 0
    assert told["facts"][0]["id"] == "f1"


def test_facts_are_what_the_writer_was_given(telltop: Run) -> None:
    done = telltop("analyze", "--short", "--facts", "--filter", "steal_high")
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    assert lines[1].startswith("Node ")
    assert "f1 " in lines[2]


def test_a_stream_goes_on_until_it_is_interrupted(started: Start) -> None:
    running = started("analyze", "--stream", "--json")
    assert running.stdout is not None
    first = json.loads(running.stdout.readline())
    assert first["event"] == "analysis"
    assert running.poll() is None
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 130
