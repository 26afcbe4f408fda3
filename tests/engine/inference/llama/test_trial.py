"""A file that makes llama.cpp abort costs a child process and a sentence, once."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.events import ModelChanged
from engine.inference.gguf import read_header
from engine.inference.llama import LlamaEngine, trial
from engine.inference.llama.trial import try_out
from tests.tiny_gguf import write_tiny_gguf

from .conftest import into, settled

MUTATED = 1000
TRIED = 16
"""Of those that our own reader lets through; a child takes a tenth of a second."""


def aborting(path: Path) -> Path:
    """A tiny model that lacks the token of one byte: its header holds together, and llama.cpp throws at it."""
    raw = write_tiny_gguf(path).read_bytes()
    token = b"\x02" + bytes(7) + "Ĳ".encode()
    assert raw.count(token) == 1
    path.write_bytes(raw.replace(token, b"\x02" + bytes(7) + "İ".encode()))
    return path


def yes() -> bool:
    return True


def remembered(folder: Path) -> list[Path]:
    return sorted((folder / "trials").glob("*"))


def test_a_good_file_is_tried_once(tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = read_header(tiny_gguf)
    assert try_out(header, tmp_path, yes)
    (known,) = remembered(tmp_path)
    monkeypatch.setattr(trial, "_CHILD", "import os; os.abort()")  # would be the end of whoever tries again
    assert try_out(header, tmp_path, yes)
    assert remembered(tmp_path) == [known]


def test_another_version_of_the_file_is_tried_again(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "m.gguf")
    assert try_out(read_header(path), tmp_path, yes)
    os.utime(path, ns=(1, 1))
    assert try_out(read_header(path), tmp_path, yes)
    write_tiny_gguf(path, name="tinx")
    os.utime(path, ns=(1, 1))
    assert try_out(read_header(path), tmp_path, yes)
    assert len(remembered(tmp_path)) == 3


async def test_a_file_that_ends_the_process_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = aborting(tmp_path / "bad.gguf")
    states: asyncio.Queue[ModelChanged] = asyncio.Queue()
    engine = LlamaEngine(path, cache=tmp_path, on_state=into(states))
    engine.start()
    state = await settled(engine, states)
    await asyncio.to_thread(engine.close)
    assert state.state == "failed"
    assert "bad.gguf crashes llama.cpp" in state.detail
    monkeypatch.setattr(trial, "_CHILD", "")  # a child that does not look would find it safe
    with pytest.raises(ModelError, match=r"crashes llama\.cpp"):
        try_out(read_header(path), tmp_path, yes)


def test_a_child_that_is_killed_says_nothing_of_the_file(
    tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_CHILD", "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(ModelError, match="SIGKILL"):
        try_out(read_header(tiny_gguf), tmp_path, yes)
    assert remembered(tmp_path) == []


def test_a_child_that_hangs_is_ended(tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_CHILD", "import signal; signal.pause()")
    asked = iter([True, True, False, False])
    assert not try_out(read_header(tiny_gguf), tmp_path, lambda: next(asked))
    monkeypatch.setattr(trial, "_PATIENCE_S", 0.01)
    with pytest.raises(ModelError, match=r"takes llama\.cpp more than"):
        try_out(read_header(tiny_gguf), tmp_path, yes)
    assert remembered(tmp_path) == []


def test_a_folder_that_cannot_be_written_only_means_another_try(tiny_gguf: Path, tmp_path: Path) -> None:
    (tmp_path / "trials").write_text("in the way")
    assert try_out(read_header(tiny_gguf), tmp_path, yes)


def test_a_thousand_mutated_files_are_a_header_or_a_sentence_and_never_a_crash(tiny_gguf: Path, tmp_path: Path) -> None:
    whole = tiny_gguf.read_bytes()
    length = read_header(tiny_gguf).header_bytes
    dice = random.Random(4)
    path = tmp_path / "mutated.gguf"
    refused = passed = tried = 0
    for _ in range(MUTATED):
        raw = bytearray(whole)
        for _ in range(dice.choice((1, 1, 2, 8))):
            raw[dice.randrange(length)] = dice.choice((0, 1, 127, 128, 255, dice.randrange(256)))
        if dice.random() < 0.1:
            del raw[dice.randrange(len(raw)) :]
        path.write_bytes(raw)
        try:
            header = read_header(path)
        except ModelError:
            refused += 1
            continue
        passed += 1
        if passed % 16 == 0 and tried < TRIED:
            tried += 1
            try:
                try_out(header, tmp_path, yes)
            except ModelError as error:
                assert "mutated.gguf" in str(error)  # noqa: PT017 - both outcomes are right
    assert refused > 200
    assert passed > 200
    assert tried == TRIED
