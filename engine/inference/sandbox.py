"""Jinja for templates that nobody has read: a chat template comes with the model and is as hostile as any file.

Jinja's own sandbox keeps a template away from Python. It does not keep it from taking all memory or all time; that is
what is added here. No value heavier than a limit can come to be: operators, calls, filters and literals are checked
where they make one. And every line that a template executes looks at the clock.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable, Mapping
from types import FrameType, MethodType
from typing import Any

from jinja2 import Environment, Template, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.ext import loopcontrols
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment

MOST_OUTPUT = 1 << 22
"""Characters, of the output and of any value on the way to it."""
MOST_SECONDS = 2.0
"""For one rendering."""

_MOST_RANGE = 10_000
_MOST_BITS = 4096
# fmt: off
_FILTERS = frozenset(
    {
        "abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float", "groupby", "indent",
        "int", "items", "join", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr",
        "replace", "reverse", "round", "safe", "select", "selectattr", "sort", "string", "sum", "title", "tojson",
        "trim", "unique", "upper", "wordcount",
    }
)
_METHODS = frozenset(
    {
        "capitalize", "count", "endswith", "find", "get", "index", "items", "keys", "lower", "lstrip", "removeprefix",
        "removesuffix", "replace", "rfind", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "title",
        "upper", "values", "isdigit", "isalpha", "isspace", "islower", "isupper",
    }
)
# fmt: on


class Rejected(Exception):  # noqa: N818 - the template's fault, said by its message
    """A template asked for too much, or raised an error of its own."""


class _Generator(CodeGenerator):
    """Compiles literals and ``~`` so that their values are weighed."""

    def _weighed(self, visit: Callable[[Any, Frame], None], node: nodes.Expr, frame: Frame) -> None:
        self.write("environment.weighed(")
        visit(node, frame)
        self.write(")")

    def visit_List(self, node: nodes.List, frame: Frame) -> None:  # noqa: N802 - named by Jinja
        self._weighed(super().visit_List, node, frame)

    def visit_Tuple(self, node: nodes.Tuple, frame: Frame) -> None:  # noqa: N802 - named by Jinja
        if node.ctx == "store":
            super().visit_Tuple(node, frame)
        else:
            self._weighed(super().visit_Tuple, node, frame)

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:  # noqa: N802 - named by Jinja
        self._weighed(super().visit_Dict, node, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - named by Jinja
        self._weighed(super().visit_Concat, node, frame)


class _Environment(ImmutableSandboxedEnvironment):
    code_generator_class = _Generator
    intercepted_binops = frozenset(["+", "-", "*", "**", "%", "//", "/"])

    def weighed(self, value: Any) -> Any:
        """``value``, unless it is too heavy."""
        weigh(value)
        return value

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An operator whose result cannot be enormous."""
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if not numbers and operator != "+":
            raise Rejected(f"the operator {operator} is for numbers")
        if operator == "**" and (abs(left) > _MOST_BITS or abs(right) > 64):
            raise Rejected("a power is too large")
        result = super().call_binop(context, operator, left, right)
        weigh(result)
        return result

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - the underscores keep Jinja's own parameters apart from those that a template names
        """A call of something known, whose arguments and result are weighed."""
        weigh((args, kwargs))
        _check_callee(__obj, args, list(__self.globals.values()))
        result = super().call(__context, __obj, *args, **kwargs)
        weigh(result)
        return result


def weigh(value: Any) -> None:
    """Raise :class:`Rejected` if ``value``, everything in it counted as often as it occurs, is too heavy."""
    left = MOST_OUTPUT
    stack = [value]
    while stack:
        each = stack.pop()
        left -= 1
        if isinstance(each, str):
            left -= len(each)
        elif isinstance(each, int):
            left -= each.bit_length() // 8
        elif isinstance(each, Mapping):
            stack.extend(each.keys())
            stack.extend(each.values())
        elif isinstance(each, list | tuple | set | frozenset):
            left -= len(each)
            stack.extend(each)
        if left < 0:
            raise Rejected("it makes too large a value")


def _check_callee(callee: Any, arguments: tuple[Any, ...], known: list[Any]) -> None:
    """Only methods of plain values that are known to be harmless, macros, loops, and what the sandbox offers itself."""
    owner = getattr(callee, "__self__", None)
    if isinstance(owner, str | dict | list | tuple):
        name = getattr(callee, "__name__", "")
        if name not in _METHODS:
            raise Rejected(f"the method {name} is not for templates")
        if name == "replace":
            _check_growth(owner, *arguments)
    elif not isinstance(callee, Macro | MethodType | LoopContext) and callee not in known:
        raise Rejected("it calls what is not for templates")


class Sandbox:
    """Compiles templates, and renders them within limits."""

    def __init__(self) -> None:
        environment = _Environment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        known = environment.globals
        environment.globals = {
            "namespace": known["namespace"],
            "dict": dict,
            "range": _range,
            "raise_exception": _raise,
            "strftime_now": time.strftime,
        }
        environment.filters = {name: _filter(environment.filters[name]) for name in _FILTERS}
        environment.filters["tojson"] = _filter(_tojson)
        environment.finalize = environment.weighed
        self._environment = environment

    def compile(self, source: str) -> Template:
        """Raises :class:`jinja2.TemplateError` or RecursionError for what is not a template."""
        return self._environment.from_string(source)

    def render(self, template: Template, variables: Mapping[str, Any]) -> str:
        """The output. Raises :class:`Rejected` over a limit, and whatever a faulty template raises."""
        parts: list[str] = []
        size = 0
        with _Deadline(time.monotonic() + MOST_SECONDS):
            for part in template.generate(variables):
                size += len(part)
                if size > MOST_OUTPUT:
                    raise Rejected("it writes too much")
                parts.append(part)
        return "".join(parts)


class _Deadline:
    """Raises :class:`Rejected` in a template's own code once the time is over, however deep in loops that is."""

    def __init__(self, until: float) -> None:
        self._until = until
        self._before: Any = None

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._enter)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._line if frame.f_code.co_filename == "<template>" else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if time.monotonic() > self._until:
            raise Rejected(f"it takes longer than {MOST_SECONDS:.0f} s")
        return self._line


def _filter(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter with what goes in and comes out weighed; Jinja's marks on the function are kept."""

    @functools.wraps(function)
    def checked(*arguments: Any, **named: Any) -> Any:
        weigh([each for each in arguments if not isinstance(each, Context | Environment)])
        weigh(named)
        if function.__name__ in {"do_indent", "do_replace"}:
            _check_growth(*arguments, *named.values())
        result = function(*arguments, **named)
        weigh(result)
        return result

    return checked


def _check_growth(*arguments: Any) -> None:
    """Of ``replace`` and ``indent``: a text times the longest insertion must not be enormous."""
    texts = sorted((len(each) for each in arguments if isinstance(each, str)), reverse=True)
    widths = [abs(each) for each in arguments if isinstance(each, int)]
    factor = max([*texts[1:], *widths], default=0)
    if (max(texts, default=0) + 1) * (factor + 1) > 8 * MOST_OUTPUT:
        raise Rejected("it makes too large a value")


def _range(*arguments: int) -> range:
    numbers = range(*arguments)
    if len(numbers) > _MOST_RANGE:
        raise Rejected(f"a range has more than {_MOST_RANGE} numbers")
    return numbers


def _raise(message: object) -> None:
    raise Rejected(str(message))


def _tojson(value: Any, indent: int | None = None, **_: Any) -> str:
    """JSON as Hugging Face's templates expect it: not escaped for HTML, not sorted."""
    return json.dumps(value, ensure_ascii=False, indent=None if indent is None else max(0, min(indent, 8)))
