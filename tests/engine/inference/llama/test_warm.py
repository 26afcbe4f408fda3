"""A model on a slow disk is read with progress and can be given up."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.inference.llama import warm as module
from engine.inference.llama.warm import warm

SIZE = 40 << 20


@pytest.fixture
def cold(tmp_path: Path) -> Path:
    """A file that the page cache does not hold."""
    path = tmp_path / "cold"
    with path.open("wb") as out:
        out.write(os.urandom(1 << 20) * (SIZE >> 20))
        out.flush()
        os.fsync(out.fileno())
        if not hasattr(os, "RWF_NOWAIT"):
            pytest.skip("this system does not tell what is cached")
        os.posix_fadvise(out.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    with path.open("rb", buffering=0) as check:
        try:
            os.preadv(check.fileno(), [bytearray(1)], SIZE // 2, os.RWF_NOWAIT)
        except BlockingIOError:
            return path
        except OSError:
            pytest.skip("this file system does not tell what is cached")
    pytest.skip("this file system keeps everything cached")


def recorder(*, answer: bool = True) -> tuple[list[float], Callable[[float], bool]]:
    shares: list[float] = []

    def told(share: float) -> bool:
        shares.append(share)
        return answer

    return shares, told


def test_what_is_cold_is_read_once_with_progress(cold: Path) -> None:
    shares, go_on = recorder()
    assert warm(cold, go_on)
    assert shares
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] < 1
    again, go_on = recorder()
    assert warm(cold, go_on)
    assert again == []


def test_it_stops_when_told(cold: Path) -> None:
    shares, stop = recorder(answer=False)
    assert not warm(cold, stop)
    assert len(shares) == 1


def test_what_cannot_be_read_or_asked_is_left_to_llama(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert warm(tmp_path / "none", lambda _: False)
    monkeypatch.setattr(module, "_NOWAIT", None)
    assert warm(tmp_path, lambda _: False)
