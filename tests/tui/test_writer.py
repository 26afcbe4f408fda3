"""The writer against real pipes: one that is read, one that is not, one whose reader has gone."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator

import pytest

from tui.writer import MANY_BYTES, Writer

PATIENCE_S = 30.0


class Pipe:
    """A pipe and a writer to it."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self.caught_up = threading.Event()
        self.writer = Writer(self.writing, str.encode, self.caught_up.set)
        self.writer.start()

    def read(self, size: int) -> bytes:
        content = b""
        while len(content) < size and (chunk := os.read(self.reading, size - len(content))):
            content += chunk
        return content


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    os.close(made.reading)  # a write that is under way ends by this
    made.writer.stop()
    os.close(made.writing)


def test_what_is_written_comes_in_order(pipe: Pipe) -> None:
    pieces = [f"{number} " for number in range(5000)]
    for piece in pieces:
        pipe.writer.write(piece)
    whole = "".join(pieces).encode()
    assert pipe.read(len(whole)) == whole


def test_a_pipe_that_nobody_reads_never_blocks_and_is_late_until_it_is_read(pipe: Pipe) -> None:
    late = [pipe.writer.late]
    size = 4 * MANY_BYTES
    pipe.writer.write("x" * size)
    late.append(pipe.writer.late)
    assert late == [False, True]
    assert pipe.writer.waiting_bytes == size
    pipe.writer.write("end")
    assert not pipe.caught_up.is_set()
    assert pipe.read(size + 3).endswith(b"xend")
    assert pipe.caught_up.wait(PATIENCE_S)
    assert [pipe.writer.late, pipe.writer.waiting_bytes] == [False, 0]


def test_nobody_is_told_who_did_not_ask(pipe: Pipe) -> None:
    pipe.writer.write("x" * 100)
    assert pipe.read(100) == b"x" * 100
    pipe.writer.stop()
    assert not pipe.writer.undelivered
    assert not pipe.caught_up.is_set()


def test_stopping_waits_for_what_is_read(pipe: Pipe) -> None:
    size = 3 * MANY_BYTES
    pipe.writer.write("x" * size)
    reader = threading.Thread(target=pipe.read, args=(size,))
    reader.start()
    pipe.writer.stop()
    reader.join()
    assert not pipe.writer.undelivered


def test_stopping_leaves_behind_what_nobody_reads(pipe: Pipe) -> None:
    pipe.writer.write("x" * MANY_BYTES)
    pipe.writer.stop()
    assert pipe.writer.undelivered


def test_a_reader_that_has_gone_ends_it_without_an_error(pipe: Pipe, caplog: pytest.LogCaptureFixture) -> None:
    os.close(pipe.reading)
    with caplog.at_level(logging.INFO):
        pipe.writer.write("x")
        pipe.writer.join(PATIENCE_S)
    assert [(record.levelname, record.exc_info) for record in caplog.records] == [("INFO", None)]
    assert "the terminal is gone" in caplog.text
    pipe.writer.write("y" * MANY_BYTES * 2)
    assert not pipe.writer.late
    pipe.writer.stop()
    assert not pipe.writer.undelivered
    pipe.reading = os.open(os.devnull, os.O_RDONLY)
