from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.cleaning import Cleaner, clean
from tests.engine.hostile import RAW_NAMES


@given(st.text())
def test_nothing_that_acts_is_left_and_lines_stay(text: str) -> None:
    cleaned = clean(text)
    assert all(
        char == "\n" or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for char in cleaned
    )
    assert clean(cleaned) == cleaned
    kept = [char for char in text if char == "\n" or char.isprintable()]
    assert [char for char in kept if char not in cleaned] == []


@pytest.mark.parametrize("text", ["plain", "two\nlines", "**bold** \u00b0C \u2026 \u00fc", "| a | b |"])
def test_ordinary_text_is_not_touched(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize("text", RAW_NAMES)
def test_hostile_text_is_made_harmless(text: str) -> None:
    assert all(line.isprintable() for line in clean(text).split("\n"))


def test_tabs_and_separators_become_what_they_look_like() -> None:
    assert clean("a\tb\u2028c\r\nd") == "a b\nc\nd"


def feed(*pieces: str) -> str:
    cleaner = Cleaner()
    return "".join(cleaner.feed(piece) for piece in pieces)


@given(st.text(max_size=40), st.lists(st.integers(0, 40), max_size=6))
def test_the_pieces_do_not_matter(text: str, cuts: list[int]) -> None:
    ends = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    pieces = [text[start:end] for start, end in pairwise(ends)]
    assert feed(*pieces) == feed(text)


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (("\n\n  Hello", " you"), "Hello you"),
        ((" \n", "\n"), ""),
        ((" ", "\u200b", "  x", " y"), "x y"),
    ],
)
def test_white_space_before_the_text_is_dropped(pieces: tuple[str, ...], text: str) -> None:
    assert feed(*pieces) == text
