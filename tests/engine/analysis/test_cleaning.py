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
    return "".join(cleaner.feed(piece) for piece in pieces) + cleaner.rest()


@given(st.text(max_size=40), st.lists(st.integers(0, 40), max_size=6), st.booleans())
def test_the_pieces_do_not_matter(text: str, cuts: list[int], thought: bool) -> None:
    whole = f"<think>first I think</think>\n\n{text}" if thought else text
    ends = sorted({min(cut, len(whole)) for cut in cuts} | {0, len(whole)})
    pieces = [whole[start:end] for start, end in pairwise(ends)]
    assert feed(*pieces) == feed(whole)
    if thought:
        assert "first I think" not in feed(*pieces)


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (("\n\n  Hello", " you"), "Hello you"),
        (("<thi", "nk>a\nb</thi", "nk>\n\nHello"), "Hello"),
        (("<think>never ends",), ""),
        (("<thi",), "<thi"),
        (("<think></think>", "x"), "x"),
        (("Hello <think>x</think>",), "Hello <think>x</think>"),
        ((" \n", "\n"), ""),
        ((*"<think>abc</think>yes",), "yes"),
    ],
)
def test_thinking_aloud_is_left_out(pieces: tuple[str, ...], text: str) -> None:
    assert feed(*pieces) == text
