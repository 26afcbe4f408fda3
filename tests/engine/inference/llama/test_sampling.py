"""How tokens are chosen: penalties, biases, grammars, schemas and log-probabilities, on a real, tiny model."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.inference.llama import LlamaEngine
from engine.inference.protocol import Delta, Message, Started, TokenLogprob
from tests.tiny_gguf import CHAT_TEMPLATE, SPECIAL, write_tiny_gguf

from .conftest import Start, collect, request

LOOSE: dict[str, Any] = {"temperature": 1.5, "top_k": 0, "top_p": 1.0, "min_p": 0.0}


def token(char: str) -> int:
    return len(SPECIAL) + ord(char)


CASES: list[tuple[Any, Callable[[Any], bool]]] = [
    (
        {
            "type": "object",
            "properties": {
                "a": {"type": "integer"},
                'b"\\é': {"enum": ['x"y', "\n", "é"]},
                "c": {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 3},
            },
            "required": ["c"],
        },
        lambda v: (
            v.keys() <= {"a", 'b"\\é', "c"}
            and len(v["c"]) in {2, 3}
            and all(isinstance(each, bool) for each in v["c"])
            and isinstance(v.get("a", 0), int)
            and v.get('b"\\é', "é") in {'x"y', "\n", "é"}
        ),
    ),
    ({"anyOf": [{"type": "null"}, {"type": "string", "maxLength": 5}]}, lambda v: v is None or len(v) <= 5),
    ({"type": "string", "minLength": 3, "maxLength": 6}, lambda v: 3 <= len(v) <= 6),
    ({"type": "string", "maxLength": 0}, lambda v: v == ""),
    ({"type": "object", "properties": {}, "additionalProperties": False}, lambda v: v == {}),
    ({"type": "array", "items": {"type": "null"}, "maxItems": 1}, lambda v: v in ([], [None])),
    ({"type": "number"}, lambda v: isinstance(v, int | float)),
    ({"type": ["integer", "null"]}, lambda v: v is None or isinstance(v, int)),
    ({"prefixItems": [{"type": "integer"}, {"const": 3}], "type": "array"}, lambda v: len(v) == 2 and v[1] == 3),
    (
        {
            "$ref": "#/$defs/n",
            "$defs": {
                "n": {
                    "type": "object",
                    "properties": {"next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/n"}]}},
                    "required": ["next"],
                }
            },
        },
        lambda v: v.keys() == {"next"},
    ),
    (
        {"type": "object", "required": ["x"], "additionalProperties": {"type": "boolean"}},
        lambda v: v["x"] in {True, False},
    ),
]


@pytest.mark.parametrize(("schema", "valid"), CASES)
async def test_what_is_written_by_a_schema_parses_and_validates(
    engine: LlamaEngine, schema: Any, valid: Callable[[Any], bool]
) -> None:
    for seed in range(8):
        written = await collect(engine, request(tokens=600, seed=seed, json_schema=json.dumps(schema), **LOOSE))
        assert written.failed is None
        assert valid(json.loads(written.text)), written.text


async def test_a_text_cut_before_it_is_whole_fails_with_the_reason(engine: LlamaEngine) -> None:
    schema = json.dumps({"type": "string", "minLength": 100})
    written = await collect(engine, request(tokens=10, json_schema=schema))
    assert written.failed is not None
    assert written.failed.sentence.startswith("The text was cut after 10 tokens, before it obeyed its JSON schema")
    written = await collect(engine, request(tokens=10, json_schema=json.dumps({"type": "object"}), stop=("{",)))
    assert written.failed is not None
    assert "stop string" in written.failed.sentence
    assert (await collect(engine, request(tokens=0, grammar='root ::= "a"'))).failed is not None
    assert (await collect(engine, request())).finished is not None


async def test_a_grammar_is_obeyed_and_a_free_neighbour_is_not_touched(engine: LlamaEngine) -> None:
    alone = await collect(engine, request("free", tokens=60))
    written = await collect(engine, request("bound", grammar='root ::= "a" [b-c]{3} "d"'))
    assert written.failed is None
    assert (written.text[0], written.text[4], len(written.text)) == ("a", "d", 5)
    assert written.finished is not None
    assert written.finished.reason == "stop"
    assert (await collect(engine, request("free", tokens=60))).text == alone.text


@pytest.mark.parametrize(
    ("sampling", "named"),
    [
        ({"grammar": "root ::= x"}, "cannot read the grammar"),
        ({"grammar": 'root ::= root "a"'}, "left recursion"),
        ({"grammar": 'root ::= "a" ('}, "cannot read the grammar"),
        ({"grammar": "root ::= " + "(" * 100_000}, "simplify"),
        ({"grammar": 'root ::= "a"', "json_schema": "{}"}, "both"),
        ({"json_schema": "{"}, "JSON schema cannot be used"),
        ({"logit_bias": ((10_000, 1.0),)}, "bias of token 10000"),
        ({"logit_bias": ((-1, 1.0),)}, "bias of token -1"),
        ({"temperature": math.nan}, "not finite"),
        ({"top_logprobs": 21}, "At most 20"),
    ],
)
async def test_nonsense_is_refused_with_a_sentence(engine: LlamaEngine, sampling: dict[str, Any], named: str) -> None:
    written = await collect(engine, request(**sampling))
    assert written.failed is not None
    assert named in written.failed.sentence


async def test_a_bias_forbids_or_forces_a_token(engine: LlamaEngine) -> None:
    free = await collect(engine, request(tokens=60))
    first = free.text[0]
    barred = await collect(engine, request(tokens=60, logit_bias=((token(first), -math.inf),)))
    assert first not in barred.text
    forced = await collect(engine, request(tokens=20, logit_bias=((token("z"), 1000.0),)))
    assert forced.text == "z" * 20


@pytest.mark.parametrize("penalty", [{"presence_penalty": 1000.0}, {"frequency_penalty": 1000.0}])
async def test_penalties_keep_a_text_from_repeating_itself(engine: LlamaEngine, penalty: dict[str, Any]) -> None:
    """Of 95 characters, 64 in a row differ only if the penalty works."""
    free = await collect(engine, request(tokens=60))
    varied = await collect(engine, request(tokens=60, **penalty))
    assert len(set(varied.text)) == 60 > len(set(free.text))


async def test_typical_sampling_narrows_the_choice(engine: LlamaEngine) -> None:
    wide = await collect(engine, request(tokens=300, seed=1, **LOOSE))
    narrow = await collect(engine, request(tokens=300, seed=1, **LOOSE, typical_p=0.05))
    assert len(set(narrow.text)) < len(set(wide.text))


async def test_log_probabilities_come_with_every_token(engine: LlamaEngine) -> None:
    plain = await collect(engine, request(tokens=30))
    deltas = [each async for each in engine.generate(request(tokens=30, top_logprobs=3)) if isinstance(each, Delta)]
    told = [each for delta in deltas for each in delta.logprobs]
    assert b"".join(each.text for each in told).decode() == "".join(delta.text for delta in deltas) == plain.text
    for each in told:
        assert len(each.top) == 3
        assert each.top[0] == TokenLogprob(each.id, each.text, each.logprob)  # the request is greedy
        assert 0 >= each.logprob >= each.top[1].logprob >= each.top[2].logprob
        assert sum(math.exp(one.logprob) for one in each.top) <= 1 + 1e-6
    everything = [each async for each in engine.generate(request(tokens=1, top_logprobs=0)) if isinstance(each, Delta)]
    assert everything[0].logprobs[0].logprob == pytest.approx(told[0].logprob, abs=1e-3)
    assert everything[0].logprobs[0].top == ()


async def test_a_prompt_that_ends_in_a_thought_begins_with_one(start: Start, tmp_path: Path) -> None:
    engine = await start(write_tiny_gguf(tmp_path / "t.gguf", chat_template=CHAT_TEMPLATE + "<think>\n"))
    closing = "</think>answer"
    deltas = [each async for each in engine.generate(request(tokens=40)) if isinstance(each, Delta)]
    assert {delta.channel for delta in deltas} == {"thinking"}
    bound = await collect(engine, request(tokens=40, grammar=f'root ::= "{closing}"'))
    assert bound.text == closing  # what a grammar asks for is all answer


async def test_a_long_conversation_drops_its_oldest_turns(start: Start, tiny_gguf: Path) -> None:
    engine = await start(tiny_gguf, context=512)
    turns = [Message("user" if n % 2 == 0 else "assistant", f"{n}" * 60) for n in range(20)]
    base = request("newest", tokens=10)
    short = replace(base, messages=(Message("system", "sys"), *turns[-2:], Message("user", "newest")))
    long = replace(base, messages=(Message("system", "sys"), *turns, Message("user", "newest")))
    kept = await collect(engine, short)
    cut = await collect(engine, long)
    assert kept.started is not None
    assert kept.started.dropped_turns == 0
    assert cut.failed is None
    assert cut.started is not None
    assert 0 < cut.started.dropped_turns < 20
    assert cut.started.dropped_turns % 2 == 0  # what is left begins with a question
    fitting = replace(
        base, messages=(Message("system", "sys"), *turns[cut.started.dropped_turns :], Message("user", "newest"))
    )
    same = await collect(engine, fitting)
    assert same.started is not None
    assert (same.started.dropped_turns, same.text) == (0, cut.text)
    too_long = replace(base, messages=(Message("system", "s" * 600), *turns, Message("user", "newest")))
    assert "The prompt has" in getattr((await collect(engine, too_long)).failed, "sentence", "")
    assert isinstance(cut.started, Started)
