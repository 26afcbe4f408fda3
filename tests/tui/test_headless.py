"""The parts of the commands without a screen that their end-to-end tests cannot corner."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.analyst import Analyst
from engine.config import ColorChoice, Config
from engine.errors import OutputError
from engine.events import AnalysisDelta, Event, FindingOpened, Notice, SnapshotTaken
from engine.finding import Finding
from engine.inference.protocol import Briefing, Delta, Failed, Generation, Request, Started
from engine.node import Listener
from engine.report import Source
from engine.snapshot import Gpu, Pressure, Snapshot
from engine.telemetry.sampler import sample_once
from engine.text import inert
from tui.headless.output import WholeFile, colored
from tui.headless.report import report
from tui.headless.watch import Mailbox
from tui.headless.writing import put

SAMPLE = sample_once(0.2)


def taken(number: int) -> SnapshotTaken:
    return SnapshotTaken(msgspec.structs.replace(SAMPLE, sequence=number), ())


# -- the mailbox of watch


async def test_a_slow_reader_finds_the_newest_snapshot_and_every_other_event() -> None:
    mailbox = Mailbox()
    said: list[Event] = [taken(1), Notice("a"), taken(2), Notice("b"), taken(3)]
    await asyncio.to_thread(lambda: [*map(mailbox, said)])
    assert await mailbox.take() == [said[4], said[1], said[3]]
    mailbox(said[0])
    assert await mailbox.take() == [said[0]]


async def test_a_mailbox_may_outlive_its_reader() -> None:
    boxes: list[Mailbox] = []

    async def make() -> None:
        boxes.append(Mailbox())

    await asyncio.to_thread(asyncio.run, make())
    boxes[0](Notice("nobody listens"))


# -- files


def test_a_file_is_replaced_whole_and_only_when_written(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_text("old")
    unused = WholeFile(target)
    assert target.read_text() == "old"
    unused.close()
    assert (target.read_text(), list(tmp_path.iterdir())) == ("old", [target])
    used = WholeFile(target)
    used.write(b"new")
    used.close()
    assert (target.read_text(), list(tmp_path.iterdir())) == ("new", [target])


def test_a_new_file_has_the_usual_permissions_and_a_link_stays_one(tmp_path: Path) -> None:
    target, link = tmp_path / "out", tmp_path / "link"
    link.symlink_to(target)
    file = WholeFile(link)
    file.write(b"x")
    file.close()
    (tmp_path / "usual").touch()
    assert link.is_symlink()
    assert target.stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    file = WholeFile(fifo)
    file.write(b"through")
    file.close()
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert fifo.is_fifo()


def test_a_file_that_cannot_be_written_is_found_at_once(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none" / "file"):
        with pytest.raises(OutputError, match="cannot be written"):
            WholeFile(place)


# -- words


@pytest.mark.parametrize(("choice", "expected"), [("always", True), ("never", False), ("auto", False)])
def test_colour_as_asked_for_and_else_for_terminals(
    choice: ColorChoice, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert colored(Config(color=choice)) is expected


def test_a_report_without_colour_has_no_escape_and_with_colour_says_the_same() -> None:
    plain, bright = report(SAMPLE, width=200, color=False), report(SAMPLE, width=200, color=True)
    assert "\x1b" not in plain
    for code in ("\x1b[0m", "\x1b[1m", "\x1b[36m"):
        assert code in bright
        bright = bright.replace(code, "")
    assert bright == plain


@given(width=st.integers(10, 300), odd=st.text(max_size=40), share=st.floats(0, 1e6))
def test_a_report_keeps_its_width_whatever_the_node_is_like(width: int, odd: str, share: float) -> None:
    name = inert(odd)
    seen = msgspec.structs.replace(
        SAMPLE,
        host=msgspec.structs.replace(SAMPLE.host, name=name),
        cpu=msgspec.structs.replace(SAMPLE.cpu, percent=share),
        pressure=Pressure(),
        gpus=(Gpu(0, name, "x"), Gpu(1, name, "x", share, 1, 2, share, share)),
        processes=tuple(
            msgspec.structs.replace(p, user=name, command=name, cpu_percent=share) for p in SAMPLE.processes
        ),
        notes=(name,),
    )
    lines = report(seen, width=width, color=False).splitlines()
    assert all(len(line) <= max(width, 10) and (line.isprintable() or not line) for line in lines)
    assert not any(line.startswith("pressure") for line in lines)


def test_an_empty_node_has_a_report() -> None:
    empty: Snapshot = msgspec.structs.replace(
        SAMPLE, processes=(), disks=(), filesystems=(), interfaces=(), gpus=(), notes=("The disks cannot be read.",)
    )
    text = report(empty, width=80, color=False)
    assert "0 processes" in text
    assert "The disks cannot be read." in text


# -- texts


class Unlucky:
    """A backend that fails after a few words."""

    source: Source = "model"
    model = "unlucky"

    async def generate(self, request: Request) -> AsyncGenerator[Generation, None]:
        yield Started(1, 0)
        yield Delta("Some words")
        yield Failed("The model ran out of luck.")


async def test_a_text_that_is_not_whole_comes_with_the_reason() -> None:
    said: list[bytes] = []

    async def write(content: bytes) -> None:
        said.append(content)

    async def work(emit: Listener) -> None:
        await Analyst().analyse(
            Unlucky(), Briefing(SAMPLE, (), "full"), identity="a1", trigger="demand", degraded=False, emit=emit
        )

    text, failure = await put(write, work)
    assert b"".join(said) == b"Some words"
    assert (text.text, text.outcome, failure) == ("Some words", "failed", "The model ran out of luck.")


async def test_a_writer_that_breaks_stops_the_work_and_what_the_work_raises_is_raised() -> None:
    ended = asyncio.Event()

    async def broken(content: bytes) -> None:
        raise BrokenPipeError

    async def endless(emit: Listener) -> None:
        try:
            while True:
                emit(AnalysisDelta("a1", "x"))
                await asyncio.sleep(0)
        finally:
            ended.set()

    with pytest.raises(BrokenPipeError):
        await put(broken, endless)
    await asyncio.wait_for(ended.wait(), 30)

    async def failing(emit: Listener) -> None:
        emit(FindingOpened(0.0, Finding("x", "x", "warning", 0.0, "x")))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await put(None, failing)
