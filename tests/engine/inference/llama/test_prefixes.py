"""The beginning of a prompt outlives the process, if it is worth it and nobody has touched it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from engine.inference.llama import cache as files
from engine.inference.llama import prefixes
from engine.inference.llama.slots import Slots

from .conftest import collect, request, running

SYSTEM = "You explain what a node is doing. " * 8
SHARED = 1 + len(SYSTEM) + 1 + 1  # the system message between its marks, and the mark of the user


@pytest.fixture(autouse=True)
def kept_once(monkeypatch: pytest.MonkeyPatch) -> Queue[bool]:
    """Everything is worth a file; each time that one was written or not is told."""
    told: Queue[bool] = Queue()
    init, keep = prefixes.Prefixes.__init__, prefixes.Prefixes.keep

    def tell(self: prefixes.Prefixes, tokens: list[int], slots: Slots) -> bool:
        told.put(keep(self, tokens, slots))
        return True

    monkeypatch.setattr(prefixes.Prefixes, "__init__", lambda *a, **named: init(*a, **{**named, "worth_s": 0.0}))
    monkeypatch.setattr(prefixes.Prefixes, "keep", tell)
    return told


Told = Queue[bool]


async def first(path: Path, folder: Path, text: str, told: Told, **options: Any) -> tuple[int, str]:
    """Tokens that were not read, and the text, of a new engine's first request; what can be kept is kept after it."""
    async with running(path, cache=folder, **options) as engine:
        written = await collect(engine, request(text, system=SYSTEM, tokens=20))
        assert written.started is not None
        await asyncio.to_thread(told.get)
        return written.started.cached_tokens, written.text


def found(folder: Path) -> list[Path]:
    return sorted((folder / "prefixes").glob("*"))


async def test_a_restart_does_not_read_the_instructions_again(tiny_gguf: Path, tmp_path: Path, kept_once: Told) -> None:
    cold = await first(tiny_gguf, tmp_path, "one", kept_once)
    assert cold[0] == 0
    assert len(found(tmp_path)) == 1
    warm = await first(tiny_gguf, tmp_path, "one", kept_once)
    assert warm == (SHARED, cold[1])
    other = await first(tiny_gguf, tmp_path, "two", kept_once)
    assert other[0] == SHARED
    assert other[1] == (await first(tiny_gguf, tmp_path / "empty", "two", kept_once))[1]
    assert len(found(tmp_path)) == 1


async def test_what_is_damaged_is_removed_and_read_anew(tiny_gguf: Path, tmp_path: Path, kept_once: Told) -> None:
    cold = await first(tiny_gguf, tmp_path, "one", kept_once)
    (path,) = found(tmp_path)
    whole = path.read_bytes()
    for damaged in (
        b"",
        whole[:40],
        whole[:-1],
        whole + b"x",
        whole[:200] + bytes([whole[200] ^ 1]) + whole[201:],
        b"X" + whole[1:],
    ):
        path.write_bytes(damaged)
        assert await first(tiny_gguf, tmp_path, "one", kept_once) == cold
        assert found(tmp_path) == [path]
        assert path.read_bytes() == whole


async def test_another_number_format_does_not_share(tiny_gguf: Path, tmp_path: Path, kept_once: Told) -> None:
    await first(tiny_gguf, tmp_path, "one", kept_once)
    assert (await first(tiny_gguf, tmp_path, "one", kept_once, cache_type="f16"))[0] == 0
    assert len(found(tmp_path)) == 2


async def test_what_is_read_in_no_time_is_not_kept(
    tiny_gguf: Path, tmp_path: Path, kept_once: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    await first(tiny_gguf, tmp_path, "one", kept_once)
    monkeypatch.undo()
    async with running(tiny_gguf, cache=tmp_path) as engine:
        await collect(engine, request("x", system="y" * 100, tokens=5))
        await collect(engine, request("x", tokens=1))
    assert len(found(tmp_path)) == 1


async def test_files_are_bounded(
    tiny_gguf: Path, tmp_path: Path, kept_once: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    await first(tiny_gguf, tmp_path, "one", kept_once)
    size = found(tmp_path)[0].stat().st_size
    monkeypatch.setattr(prefixes, "MOST_BYTES", size * 5 // 2)
    async with running(tiny_gguf, cache=tmp_path) as engine:
        for number in range(4):
            await collect(engine, request("x", system=f"{number}" * len(SYSTEM), tokens=1))
            assert await asyncio.to_thread(kept_once.get)
    assert len(found(tmp_path)) == 2


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    assert files.write(tmp_path / "a" / "b", b"1", b"2")
    assert (tmp_path / "a" / "b").read_bytes() == b"12"
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o600
    assert not files.write(tmp_path / "a" / "b" / "c", b"1")
    assert [each.name for each in (tmp_path / "a").iterdir()] == ["b"]
