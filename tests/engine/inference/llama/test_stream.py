"""Text is the same wherever tokens cut it, and no stop string leaks."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from engine.inference.llama.stream import TextStream

ALPHABET = "ab<|>é語🦙"


def stream(pieces: list[bytes], stop: tuple[str, ...]) -> tuple[str, bool]:
    out = TextStream(stop)
    text = "".join(out.feed(piece) for piece in pieces)
    return text + out.rest(), out.stopped


def expected(text: str, stop: tuple[str, ...]) -> str:
    """The text up to the stop string that is complete first."""
    for end in range(1, len(text) + 1):
        starts = [end - len(each) for each in stop if text[:end].endswith(each)]
        if starts:
            return text[: min(starts)]
    return text


@given(
    text=st.text(ALPHABET, max_size=40),
    stop=st.lists(st.text(ALPHABET, min_size=1, max_size=5), max_size=3).map(tuple),
    cuts=st.lists(st.integers(0, 160), max_size=20),
)
@example(text="abcd", stop=("bc", "abcd"), cuts=[])
@example(text="abcd", stop=("bc", "abcd"), cuts=[1, 2, 3])
def test_cuts_change_nothing_and_no_stop_string_leaks(text: str, stop: tuple[str, ...], cuts: list[int]) -> None:
    raw = text.encode()
    places = sorted({min(cut, len(raw)) for cut in cuts} | {0, len(raw)})
    pieces = [raw[a:b] for a, b in pairwise(places)]
    result, stopped = stream(pieces, stop)
    assert result == expected(text, stop)
    assert stopped == (result != text)
    assert not any(each in result for each in stop)


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=10))
def test_any_bytes_become_the_same_text_however_they_are_cut(raw: bytes, cuts: list[int]) -> None:
    places = sorted({min(cut, len(raw)) for cut in cuts} | {0, len(raw)})
    pieces = [raw[a:b] for a, b in pairwise(places)]
    assert stream(pieces, ()) == stream([raw], ())


def test_what_could_become_a_stop_string_is_held_back_and_then_given() -> None:
    out = TextStream(("<end>",))
    assert out.feed(b"a<en") == "a"
    assert out.feed(b"x") == "<enx"
    assert out.feed(b"<e") == ""
    assert out.rest() == "<e"


def test_half_a_character_waits_and_is_dropped_at_the_end() -> None:
    out = TextStream()
    llama = "🦙".encode()
    assert out.feed(llama[:3]) == ""
    assert out.feed(llama[3:] + llama[:2]) == "🦙"
    assert out.rest() == ""


def test_nothing_follows_a_stop_string() -> None:
    out = TextStream(("b",))
    assert out.feed(b"abc") == "a"
    assert out.stopped
    assert out.feed(b"d") == ""
    assert out.rest() == ""
