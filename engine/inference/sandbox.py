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
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment

MOST_OUTPUT = 1 << 20
"""Characters, of the output and of any value on the way to it."""
MOST_SECONDS = 2.0
"""For one rendering."""

_MOST_RANGE = 10_000
_LARGEST_BASE = 1 << 16
_LARGEST_EXPONENT = 64
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
    """A template did what it may not, or raised an error of its own."""


class TooMuch(Rejected):
    """A template asked for too much time or memory."""


class _Budget:
    """What one rendering may still take: a weight for every value, and a time for all."""

    def __init__(self) -> None:
        self._until = 0.0
        self._before: Any = None

    def __enter__(self) -> None:
        self._until = time.monotonic() + MOST_SECONDS
        self._before = sys.gettrace()
        sys.settrace(self._enter)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)
        self._until = 0.0

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._line if frame.f_code.co_filename == "<template>" else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        self.look_at_the_clock()
        return self._line

    def look_at_the_clock(self) -> None:
        """Raise :class:`Rejected` once the time is over."""
        if self._until and time.monotonic() > self._until:
            raise TooMuch(f"it takes longer than {MOST_SECONDS:.0f} s")

    def weigh(self, value: Any) -> Any:
        """``value``, unless it, everything in it counted as often as it occurs, is too heavy."""
        self.look_at_the_clock()
        left = MOST_OUTPUT
        stack = [value]
        while stack:
            each = stack.pop()
            left -= 1
            if isinstance(each, str):
                left -= len(each)
            elif isinstance(each, int):
                left -= each.bit_length()
            elif isinstance(each, Mapping):
                left -= 2 * len(each)
                stack.extend(each.keys())
                stack.extend(each.values())
            elif isinstance(each, list | tuple | set | frozenset):
                left -= len(each)
                stack.extend(each if left >= 0 else ())
            if left < 0:
                raise TooMuch("it makes too large a value")
        return value


class _Generator(CodeGenerator):
    """Compiles literals and ``~`` so that their values are weighed."""

    def _weighed(self, visit: Callable[[Any, Frame], None], node: nodes.Expr, frame: Frame) -> None:
        self.write("environment.budget.weigh(")
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

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        self.budget = _Budget()
        self.finalize = self.budget.weigh
        self.globals = {
            "namespace": self.globals["namespace"],
            "dict": dict,
            "range": _range,
            "raise_exception": _raise,
            "strftime_now": time.strftime,
        }
        self.filters = {name: self._checked(self.filters[name]) for name in _FILTERS}
        self.filters["tojson"] = self._checked(_tojson)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An operator whose result cannot be enormous."""
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if not numbers and operator != "+":
            raise Rejected(f"the operator {operator} is for numbers")
        if operator == "**" and (abs(left) > _LARGEST_BASE or abs(right) > _LARGEST_EXPONENT):
            raise Rejected("a power is too large")
        return self.budget.weigh(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - as in Jinja: a template may name any other parameter
        """A call of something known, whose arguments and result are weighed."""
        __self.budget.weigh((args, kwargs))
        _check_callee(__obj, args, __self.globals)
        return __self.budget.weigh(super().call(__context, __obj, *args, **kwargs))

    def _checked(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The filter with what goes in and comes out weighed; Jinja's marks on the function are kept."""
        grows = function.__name__ in {"do_indent", "do_replace"}

        @functools.wraps(function)
        def checked(*arguments: Any, **named: Any) -> Any:
            values = [each for each in arguments if not isinstance(each, Context | Environment | EvalContext)]
            self.budget.weigh((values, named))
            if grows:
                _check_growth(*values, *named.values())
            return self.budget.weigh(function(*arguments, **named))

        return checked


class Sandbox:
    """Compiles templates, and renders them within limits."""

    def __init__(self) -> None:
        self._environment = _Environment()

    def compile(self, source: str) -> Template:
        """Raises :class:`jinja2.TemplateError`, SyntaxError or RecursionError for what is not a template."""
        return self._environment.from_string(source)

    def render(self, template: Template, variables: Mapping[str, Any]) -> str:
        """The output. Raises :class:`Rejected` over a limit, and whatever a faulty template raises."""
        parts: list[str] = []
        size = 0
        with self._environment.budget:
            for part in template.generate(variables):
                size += len(part)
                if size > MOST_OUTPUT:
                    raise TooMuch("it writes too much")
                parts.append(part)
        return "".join(parts)


def _check_callee(callee: Any, arguments: tuple[Any, ...], known: Mapping[str, Any]) -> None:
    """Only harmless methods of plain values, macros, loops, and what the sandbox offers itself."""
    owner = getattr(callee, "__self__", None)
    if isinstance(owner, str | dict | list | tuple):
        name = getattr(callee, "__name__", "")
        if name not in _METHODS:
            raise Rejected(f"the method {name} is not for templates")
        if name == "replace":
            _check_growth(owner, *arguments)
    elif not isinstance(callee, Macro | MethodType | LoopContext) and all(
        callee is not each for each in known.values()
    ):
        raise Rejected("it calls what is not for templates")


def _check_growth(*arguments: Any) -> None:
    """Of ``replace`` and ``indent``: a text times the longest insertion must not be enormous."""
    texts = sorted((len(each) for each in arguments if isinstance(each, str)), reverse=True)
    widths = [abs(each) for each in arguments if isinstance(each, int)]
    factor = max([*texts[1:], *widths], default=0)
    if (max(texts, default=0) + 1) * (factor + 1) > 16 * MOST_OUTPUT:
        raise TooMuch("it makes too large a value")


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
