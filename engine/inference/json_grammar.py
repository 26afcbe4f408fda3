"""From a JSON Schema to a GBNF grammar that admits only texts that validate against it.

The grammar may admit less than the schema (properties keep their order, undeclared ones are left out, numbers have a
bounded number of digits), never more. A keyword that a grammar cannot enforce is therefore refused, not ignored.
"""

from __future__ import annotations

import json
import math
from typing import Any

from engine.errors import GenerationError
from engine.text import inert

LONGEST = 1 << 16
"""Characters of a schema or a grammar."""
_DEEPEST = 64
_MOST_REPEATED = 1000  # llama.cpp refuses more than twice that
_MOST_RULES = 4096
_ANNOTATIONS = frozenset(
    {"$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated", "format", "readOnly"}
    | {"writeOnly", "$defs", "definitions"}
)
_TYPES: dict[str, frozenset[str]] = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems"}),
    "string": frozenset({"minLength", "maxLength"}),
    "number": frozenset(),
    "integer": frozenset(),
    "boolean": frozenset(),
    "null": frozenset(),
}
_BASE = r"""ws ::= | " " | "\n" [ \t]{0,20}
hex ::= [0-9a-fA-F]
char ::= [^"\\\x00-\x1F\x7F] | "\\" ( ["\\/bfnrt] | "u" ( [0-9a-cA-CefEF] hex hex hex | [dD] [0-7] hex hex ) )
string ::= "\"" char* "\""
integer ::= "-"? ( "0" | [1-9] [0-9]{0,15} )
number ::= integer ( "." [0-9]{1,15} )? ( [eE] [-+]? [0-9]{1,2} )?
boolean ::= "true" | "false"
null ::= "null"
value ::= object | array | string | number | boolean | null
object ::= "{" ws ( string ws ":" ws value ws ( "," ws string ws ":" ws value ws )* )? "}"
array ::= "[" ws ( value ws ( "," ws value ws )* )? "]"
"""


def grammar(schema: str) -> str:
    """The GBNF for a schema given as JSON. Raises :class:`GenerationError` with a sentence that names the fault."""
    if len(schema) > LONGEST:
        raise GenerationError(f"The JSON schema has {len(schema)} characters; at most {LONGEST} are taken.")
    try:
        root = json.loads(schema)
        made = _Maker(root)
        rule = made.rule(root, 0)
    except (ValueError, RecursionError) as error:
        reason = inert(str(error), 200)
        raise GenerationError(f"The JSON schema cannot be used: {reason}. Change or leave out what it names.") from None
    text = "\n".join([f"root ::= {rule}", *(f"{name} ::= {body}" for name, body in made.rules.items())])
    try:
        text.encode()
    except UnicodeEncodeError:
        raise GenerationError("The JSON schema holds half a surrogate pair, which no text can: correct it.") from None
    return f"{text}\n{_BASE}"


class _FaultError(ValueError):
    """What is wrong with a schema: the middle of a sentence."""


class _Maker:
    """Collects the rules of one schema; raises :class:`_FaultError`."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._references: dict[str, str] = {}
        self.rules: dict[str, str] = {}

    def rule(self, schema: Any, depth: int) -> str:
        """The name of a rule, or an expression in parentheses, for ``schema``."""
        if depth > _DEEPEST:
            raise _FaultError(f"it is nested deeper than {_DEEPEST} levels")
        if schema is True:
            return "value"
        if not isinstance(schema, dict):
            raise _FaultError("a schema in it is neither an object nor true")
        used = set(schema) - _ANNOTATIONS
        for keyword in ("$ref", "anyOf"):
            if keyword in used:
                if used != {keyword}:
                    raise _FaultError(f"{keyword} stands beside {', '.join(sorted(used - {keyword}))}")
                return self._reference(schema, depth) if keyword == "$ref" else self._any_of(schema["anyOf"], depth)
        if "const" in used or "enum" in used:
            return self._constants(schema, used)
        return self._typed(schema, used, depth)

    def _new(self, body: str) -> str:
        if len(self.rules) >= _MOST_RULES:
            raise _FaultError(f"it needs more than {_MOST_RULES} rules")
        name = f"r{len(self.rules)}"
        self.rules[name] = body
        return name

    def _reference(self, schema: dict[str, Any], depth: int) -> str:
        reference = schema["$ref"]
        if reference in self._references:
            return self._references[reference]
        target = self._root
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            raise _FaultError("$ref leads out of it")
        for step in reference.split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(target, dict) or key not in target:
                raise _FaultError(f"$ref {reference} leads nowhere")
            target = target[key]
        name = self._references[reference] = self._new("")
        body = self.rule(target, depth + 1)
        if self._circular(name, body):
            raise _FaultError(f"$ref {reference} leads only to itself")
        self.rules[name] = body
        return name

    def _circular(self, name: str, body: str) -> bool:
        """Whether ``body`` comes back to ``name`` before it writes anything: a chain of alternatives and names."""
        seen: set[str] = set()
        todo = [body]
        while todo:
            words = [word for word in todo.pop().strip("() ").split(" | ") if word not in seen]
            seen.update(words)
            if name in words:
                return True
            todo += [self.rules[word] for word in words if word in self.rules]
        return False

    def _any_of(self, choices: Any, depth: int) -> str:
        if not isinstance(choices, list) or not choices:
            raise _FaultError("anyOf is not a list of schemas")
        return self._new(" | ".join(self.rule(each, depth + 1) for each in choices))

    def _constants(self, schema: dict[str, Any], used: set[str]) -> str:
        if rest := used - {"const", "enum", "type"}:
            raise _FaultError(f"{', '.join(sorted(rest))} stands beside const or enum")
        values = schema.get("enum", [schema.get("const")])
        if not isinstance(values, list) or not values:
            raise _FaultError("enum is not a list of values")
        if "const" in schema:
            values = [each for each in values if json.dumps(each) == json.dumps(schema["const"])]
        kinds = self._kinds(schema)
        values = [each for each in values if any(_is(each, kind) for kind in kinds)]
        if not values:
            raise _FaultError("type, enum and const contradict one another")
        if any(isinstance(each, float) and not math.isfinite(each) for each in values):
            raise _FaultError("a constant in it is no JSON number")
        return self._new(" | ".join(_json(each) for each in values))

    @staticmethod
    def _kinds(schema: dict[str, Any]) -> list[str]:
        kinds = schema.get("type", list(_TYPES))
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if not isinstance(kinds, list) or not kinds or any(not isinstance(k, str) or k not in _TYPES for k in kinds):
            raise _FaultError("a type in it is unknown")
        return kinds

    def _typed(self, schema: dict[str, Any], used: set[str], depth: int) -> str:
        known = frozenset().union(*_TYPES.values())
        if unknown := used - known - {"type"}:
            raise _FaultError(f"{', '.join(sorted(unknown))} cannot be enforced while the text is written")
        if used <= {"type"} and "type" not in schema:
            return "value"
        kinds = self._kinds(schema)
        return self._new(" | ".join(self._of_kind(kind, schema, depth + 1) for kind in kinds))

    def _of_kind(self, kind: str, schema: dict[str, Any], depth: int) -> str:
        if not _TYPES[kind] & schema.keys():
            return kind
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
        least, most = _bounds(schema, "minLength", "maxLength")
        return self._new(f'"\\"" {_repeated("char", least, most)} "\\""')

    def _object(self, schema: dict[str, Any], depth: int) -> str:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        more = schema.get("additionalProperties", True)
        if not isinstance(properties, dict) or not isinstance(required, list):
            raise _FaultError("properties or required has the wrong form")
        if any(not isinstance(name, str) for name in required):
            raise _FaultError("required holds something else than names")
        undeclared = [name for name in dict.fromkeys(required) if name not in properties]
        if undeclared and more is False:
            raise _FaultError(f"{undeclared[0]} is required but not allowed")
        if not properties and not undeclared:
            if more is False:
                return self._new('"{" ws "}"')
            pair = f'string ws ":" ws {self.rule(more, depth)} ws'
            return self._new(f'"{{" ws ( {pair} ( "," ws {pair} )* )? "}}"')
        members = [(name, inner, name in required) for name, inner in properties.items()]
        members += [(name, more, True) for name in undeclared]
        pairs = [
            (self._new(f'{_json(name)} ws ":" ws {self.rule(inner, depth)} ws'), must)
            for name, inner, must in members
            if must or inner is not False
        ]
        return self._new(f'"{{" ws {self._members(pairs)} "}}"')

    def _members(self, pairs: list[tuple[str, bool]]) -> str:
        """The pairs in their order, those that need not be there left out or not, with commas between those that are.

        From the last to the first: what may follow when something has been written before, and when nothing has.
        """
        after, first = '""', '""'
        for pair, must in reversed(pairs):
            with_first = f"{pair} {after}"
            with_after = f'"," ws {pair} {after}'
            first = self._new(with_first if must else f"{with_first} | {first}")
            after = self._new(with_after if must else f"{with_after} | {after}")
        return first

    def _array(self, schema: dict[str, Any], depth: int) -> str:
        least, most = _bounds(schema, "minItems", "maxItems")
        leading, items = schema.get("prefixItems", []), schema.get("items", True)
        if not isinstance(leading, list):
            raise _FaultError("prefixItems is not a list of schemas")
        if leading:
            if least > len(leading) or (most is not None and most < len(leading)):
                raise _FaultError("minItems or maxItems does not go with prefixItems")
            listed = ' "," ws '.join(f"{self.rule(each, depth)} ws" for each in leading)
            return self._new(f'"[" ws {listed} "]"')
        if items is False or most == 0:
            if least:
                raise _FaultError("minItems asks for items that are not allowed")
            return self._new('"[" ws "]"')
        item = self._new(f"{self.rule(items, depth)} ws")
        more = _repeated(f'( "," ws {item} )', max(0, least - 1), None if most is None else most - 1)
        body = f"{item} {more}" if least else f"( {item} {more} )?"
        return self._new(f'"[" ws {body} "]"')


def _bounds(schema: dict[str, Any], low: str, high: str) -> tuple[int, int | None]:
    least, most = schema.get(low, 0), schema.get(high)
    for each in (least, 0 if most is None else most):
        if not isinstance(each, int) or isinstance(each, bool) or not 0 <= each <= _MOST_REPEATED:
            raise _FaultError(f"{low} or {high} is not a number from 0 to {_MOST_REPEATED}")
    if most is not None and most < least:
        raise _FaultError(f"{high} is less than {low}")
    return least, most


def _repeated(body: str, least: int, most: int | None) -> str:
    if most == 0:
        return '""'
    return f"{body}*" if (least, most) == (0, None) else f"{body}{{{least},{'' if most is None else most}}}"


def _is(value: object, kind: str) -> bool:
    match kind:
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case "integer":
            return _is(value, "number") and float(str(value)).is_integer()
    return not isinstance(value, bool) and isinstance(value, int | float)


def _json(value: object) -> str:
    """A GBNF literal that writes ``value`` as JSON."""
    escaped = (
        json.dumps(value, ensure_ascii=False)
        .replace("\\", "\\\\")
        .replace('"', '\\"')
        .replace("\n", "\\n")
        .replace("\r", "\\r")
    )
    return f'"{escaped}"'
