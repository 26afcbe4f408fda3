"""Schemas that a grammar cannot enforce are refused by name; what is made of the others is tried on a real model."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.errors import GenerationError
from engine.inference.json_grammar import LONGEST, grammar


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"type": "string", "pattern": "a+"}, "pattern"),
        ({"type": "integer", "minimum": 3}, "minimum"),
        ({"oneOf": [{}]}, "oneOf"),
        ({"not": {}}, "not"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"type": "text"}, "type"),
        ({"$ref": "https://example.org/x"}, "$ref"),
        ({"$ref": "#/$defs/a"}, "leads nowhere"),
        ({"$ref": "#"}, "leads only to itself"),
        ({"anyOf": [{"type": "null"}, {"$ref": "#"}]}, "leads only to itself"),
        ({"anyOf": [{}], "type": "string"}, "beside type"),
        ({"type": "string", "enum": [1]}, "contradict"),
        ({"properties": {}, "required": ["a"], "additionalProperties": False, "type": "object"}, "a is required"),
        ({"type": "array", "items": False, "minItems": 1}, "minItems"),
        ({"type": "array", "minItems": 4, "maxItems": 2}, "less than"),
        ({"type": "array", "minItems": 1_000_000}, "minItems"),
        ([], "neither an object nor true"),
        ({"const": "\ud800"}, "surrogate"),
        ({"const": float("nan")}, "no JSON number"),
    ],
)
def test_what_cannot_be_enforced_is_refused_by_name(schema: Any, named: str) -> None:
    with pytest.raises(GenerationError, match=named.replace("$", r"\$")) as caught:
        grammar(json.dumps(schema))
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("text", ["", "{", "nul", "[" * 50_000, "1"])
def test_what_is_no_schema_is_refused(text: str) -> None:
    with pytest.raises(GenerationError):
        grammar(text)


def test_sizes_are_bounded() -> None:
    with pytest.raises(GenerationError, match="characters"):
        grammar(json.dumps({"title": "x" * LONGEST}))
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"type": "array", "items": deep}
    with pytest.raises(GenerationError, match="deeper"):
        grammar(json.dumps(deep))
    with pytest.raises(GenerationError, match="rules"):
        grammar(json.dumps({"anyOf": [{"const": 1}] * 4200}, separators=(",", ":")))
