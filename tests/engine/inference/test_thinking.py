"""What is thought aloud is told from the answer wherever the text is cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.inference.thinking import Harmony, Part, Thinking

Splitter = Thinking | Harmony


def told(splitter: Splitter, pieces: list[str]) -> list[Part]:
    """The parts, neighbours of the same channel joined."""
    parts = [part for piece in pieces for part in splitter.feed(piece)] + splitter.rest()
    out: list[Part] = []
    for voice, text in parts:
        if out and out[-1][0] == voice:
            out[-1] = (voice, out[-1][1] + text)
        else:
            out.append((voice, text))
    return out


THINK = [
    ("Hello <think>x</think>", [("answer", "Hello <think>x</think>")]),
    ("<think>a\nb</think>\n\nHello", [("thinking", "a\nb"), ("answer", "\n\nHello")]),
    (" \n<think>a</thin", [("thinking", "a</thin")]),
    ("<think></think>x", [("answer", "x")]),
    ("<thi", [("answer", "<thi")]),
    ("<think>never </ ends", [("thinking", "never </ ends")]),
    ("", []),
]
HARMONY = [
    (
        "<|channel|>analysis<|message|>Let me see.<|end|><|start|>assistant<|channel|>final<|message|>It is.<|return|>",
        [("thinking", "Let me see."), ("answer", "It is.")],
    ),
    ("no header <| at all", [("answer", "no header <| at all")]),
    ("<|channel|>commentary to=f<|message|>x", [("thinking", "x")]),
    ("<|channel|>final <|constrain|>json<|message|>{}", [("answer", "{}")]),
    ("<|channel|>analysis", []),
    ("<|channel|>analysis<|message|>a<|mess", [("thinking", "a<|mess")]),
]


@pytest.mark.parametrize(("text", "parts"), THINK)
def test_a_think_block_before_the_answer(text: str, parts: list[Part]) -> None:
    assert told(Thinking(), [text]) == parts
    assert told(Thinking(), list(text)) == parts


@pytest.mark.parametrize(("text", "parts"), HARMONY)
def test_channels(text: str, parts: list[Part]) -> None:
    assert told(Harmony(), [text]) == parts
    assert told(Harmony(), list(text)) == parts


def test_a_prompt_that_opens_the_block() -> None:
    assert told(Thinking(begun=True), ["a</thi", "nk>b"]) == [("thinking", "a"), ("answer", "b")]


def test_a_header_without_end_is_text_after_all() -> None:
    text = "<|channel|>" + "x" * 5000
    assert "".join(part for _, part in told(Harmony(), [text])) == "x" * 5000


MARKED = st.lists(
    st.sampled_from(
        ["<think>", "</think>", "<|channel|>", "<|message|>", "<|end|>", "<|start|>", "final", "a", "<", "|"]
    ),
    max_size=12,
).map("".join)


@given(MARKED, st.lists(st.integers(0, 80), max_size=8), st.sampled_from([Thinking, Harmony]))
def test_the_cuts_do_not_matter(text: str, cuts: list[int], kind: type[Splitter]) -> None:
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    assert told(kind(), [text[a:b] for a, b in pairwise(places)]) == told(kind(), [text])
