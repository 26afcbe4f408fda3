"""How the dashboard looks, compared picture by picture; ``pytest --snapshot-update`` accepts a new look."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from textual.pilot import Pilot

from engine.config import Config
from tests.tui.family import FamilyNode
from tests.tui.recorded import RecordedNode
from tui.app import TelltopApp

SIZES = {"200x50": (200, 50), "120x40": (120, 40), "80x24": (80, 24)}


@pytest.fixture(autouse=True)
def _greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times are shown in the zone of the node: here it has to be the same everywhere."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def busy(*, ascii_only: bool = False) -> TelltopApp:
    return TelltopApp(RecordedNode(60, model="qwen2.5-0.5b-instruct"), Config(ascii=ascii_only))


def family(*, ascii_only: bool = False) -> TelltopApp:
    return TelltopApp(FamilyNode(), Config(ascii=ascii_only))


@pytest.mark.parametrize("size", SIZES)
def test_busy(snap_compare: Callable[..., bool], size: str) -> None:
    assert snap_compare(busy(), terminal_size=SIZES[size])


@pytest.mark.parametrize("size", SIZES)
def test_quiet_without_gpu_or_model(snap_compare: Callable[..., bool], size: str) -> None:
    assert snap_compare(TelltopApp(RecordedNode(2, with_findings=False), Config()), terminal_size=SIZES[size])


@pytest.mark.parametrize("size", SIZES)
def test_asked(snap_compare: Callable[..., bool], size: str) -> None:
    async def ask(pilot: Pilot[int]) -> None:
        await pilot.press("i", *"why is load high?", "enter")
        await pilot.pause()

    assert snap_compare(busy(), terminal_size=SIZES[size], run_before=ask)


def test_filtered(snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(busy(), terminal_size=(120, 40), press=["slash", *"redis"])


def test_zoomed(snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(busy(), terminal_size=(120, 40), press=["1"])


def test_help(snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(busy(), terminal_size=(120, 40), press=["f1"])


def test_ascii(snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(busy(ascii_only=True), terminal_size=(120, 40))


def test_very_small(snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(busy(), terminal_size=(40, 10))


@pytest.mark.parametrize("ascii_only", [False, True])
def test_tree(snap_compare: Callable[..., bool], ascii_only: bool) -> None:
    keys = ["t", "M", "home", "down", "down", "minus", "down", "down", "space"]
    assert snap_compare(family(ascii_only=ascii_only), terminal_size=(120, 40), press=keys)


def test_tree_in_a_small_terminal(snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(family(), terminal_size=(80, 24), press=["t", "slash", *"user=www-data and cpu>"])


def test_programs(snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(family(), terminal_size=(120, 40), press=["b"])


def test_columns(snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(family(), terminal_size=(120, 40), press=["f2", "down"])


def test_every_column(snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(family(), terminal_size=(200, 50), press=["7"])
