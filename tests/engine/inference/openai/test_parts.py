"""The parts that read what a server sends: any bytes, cut anywhere."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.config import load
from engine.errors import ModelError, UsageError
from engine.inference.openai.address import Address
from engine.inference.openai.chunks import Chunk, Counts, NotUnderstoodError, chunk, harmless, said
from engine.inference.openai.outbox import Outbox
from engine.inference.openai.sse import EventParser, TooLongError
from engine.inference.protocol import Delta, Failed, Finished, Generation, Started
from engine.report import Timings


def events(*pieces: bytes) -> list[str]:
    parser = EventParser()
    return [event for piece in pieces for event in parser.feed(piece)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_events(end: bytes) -> None:
    lines = [b"\xef\xbb\xbfdata: a", b"", b": no", b"data:b", b"data", b"data:  c", b"id: 7", b"", b"", b"data: cut"]
    assert events(end.join(lines)) == ["a", "b\n\n c"]


@given(
    stream=st.lists(st.sampled_from([b"data: ", b"data", b":", b"\n", b"\r", b"\r\n", b"\n\n", b"x", "€😀".encode()]))
    .map(b"".join)
    .filter(bool),
    cuts=st.lists(st.integers(0, 200), max_size=12),
)
@example(stream=b"data: x\r\n\r\n", cuts=[8, 9, 10])
def test_where_the_bytes_are_cut_makes_no_difference(stream: bytes, cuts: list[int]) -> None:
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    pieces = [stream[start:end] for start, end in pairwise(places)]
    assert events(*pieces) == events(stream)


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_bytes_are_read(pieces: list[bytes]) -> None:
    assert all(isinstance(event, str) for event in events(*pieces))


@pytest.mark.parametrize("piece", [b"x", b"data: x\n", "data: €\n".encode(), b"\xff"])
def test_no_event_grows_without_limit(piece: bytes) -> None:
    parser = EventParser(most=1000)
    fed = 0
    with suppress(TooLongError):
        while fed <= 1000:
            parser.feed(piece)
            fed += 1
    assert fed <= 1000


def test_many_small_events_are_no_long_one() -> None:
    parser = EventParser(most=20)
    assert sum(len(parser.feed(b"data: 123456\n\n")) for _ in range(1000)) == 1000


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "message",
                    "content",
                    "finish_reason",
                    "usage",
                    "prompt_tokens",
                    "error",
                    "timings",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(st.binary(max_size=80) | _json.map(lambda value: json.dumps(value).encode()))
@example(b'{"choices":[{"delta":{"content":"\\ud800"}}]}')
@example(b'{"choices":[null]}')
@example(b"[" * 5000)
def test_whatever_comes_is_read_or_not_understood(data: bytes) -> None:
    try:
        found = chunk(data)
    except NotUnderstoodError:
        return
    assert isinstance(found, Chunk)
    found.text.encode()
    assert found.error is None or found.error.isprintable()


@given(st.binary(max_size=400) | _json.map(lambda value: json.dumps(value).encode()))
def test_what_an_error_says_is_one_short_line(body: bytes) -> None:
    sentence = said(body)
    assert sentence.isprintable()
    assert len(sentence) <= 200


@given(st.text(max_size=50))
def test_text_is_made_harmless(text: str) -> None:
    out = harmless(text)
    assert all(char in "\n\t" or char.isprintable() for char in out)
    assert out == harmless(out)


def test_counts_are_kept_where_nothing_new_is_said() -> None:
    assert Counts(completion_tokens=5).over(Counts(prompt_tokens=3, completion_tokens=1)) == Counts(3, None, 5)


@given(st.text(max_size=30) | st.text(max_size=20).map(lambda text: f"http://{text}"))
@example("http://[::1]:8080")
@example("http://h:99999")
@example("http://\u2603.example/")
@example("http://xn--/")
def test_any_address_is_used_or_refused_in_a_sentence(text: str) -> None:
    told: list[str] = []
    address = None
    try:
        config = load({"--endpoint": text}, {})
        address = Address(config.endpoint or "")
    except UsageError as error:
        told = error.problems
    except ModelError as error:
        told = [str(error)]
    assert bool(told) == (address is None)
    assert all(sentence.isprintable() for sentence in told)
    assert address is None or address.shown.isprintable()
    assert address is None or str(address.chat).endswith("/chat/completions")


@pytest.mark.parametrize(
    ("given_as", "base"),
    [
        ("http://h:8080", "http://h:8080/v1"),
        ("https://h/openai/v1/", "https://h/openai/v1"),
        ("https://h/v1beta/openai", "https://h/v1beta/openai"),
        ("http://h/ollama", "http://h/ollama/v1"),
        ("http://u:p@h/v1/chat/completions", "http://h/v1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
    ],
)
def test_addresses(given_as: str, base: str) -> None:
    assert Address(given_as).shown == base


async def test_an_outbox_keeps_the_order_and_puts_words_together() -> None:
    outbox = Outbox()
    said_events: list[Generation] = [
        Started(1, 0),
        Delta("a", "thinking"),
        Delta("b", "thinking"),
        Delta("c"),
        Delta("d"),
    ]
    for event in said_events:
        outbox.put(event)
    done = Finished("stop", Timings())
    outbox.put(done)
    outbox.close("too late")
    assert [event async for event in outbox.events()] == [Started(1, 0), Delta("ab", "thinking"), Delta("cd"), done]
    other = Outbox()
    other.close("closed")
    assert [event async for event in other.events()] == [Failed("closed")]
