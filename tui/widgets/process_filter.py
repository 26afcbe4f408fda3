"""The filter language of the process table: words, comparisons, and, or, not. Knows no widget.

A word is a piece of the pid, name, user or command. ``user=root``, ``cpu>10``, ``mem>1g`` or ``name~^py`` compare a
field; what stands side by side must all hold. A text is compiled once and then asked for every process.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from engine.snapshot import Process
from tui.widgets.filter_values import FilterError, Pattern, number
from tui.widgets.process_columns import io_rate

Predicate = Callable[[Process], bool]

_LONGEST = 1000
_DEEPEST = 40
"""Nesting of brackets and ``not``."""


@dataclass(frozen=True)
class _Field:
    kind: str
    """``text``, ``begin`` (equal to its beginning), ``letters``, or a kind of number: see ``filter_values.number``."""
    get: Callable[[Process], Any]


FIELDS: dict[str, _Field] = {
    "name": _Field("text", attrgetter("name")),
    "user": _Field("text", attrgetter("user")),
    "command": _Field("text", attrgetter("command")),
    "state": _Field("letters", attrgetter("state")),
    "container": _Field("begin", attrgetter("container")),
    "runtime": _Field("text", attrgetter("runtime")),
    "pod": _Field("begin", attrgetter("pod")),
    "unit": _Field("begin", attrgetter("unit")),
    "pid": _Field("count", attrgetter("pid")),
    "ppid": _Field("count", attrgetter("ppid")),
    "cpu": _Field("percent", attrgetter("cpu_percent")),
    "mem": _Field("memory", attrgetter("rss_bytes")),
    "time": _Field("seconds", attrgetter("cpu_seconds")),
    "threads": _Field("count", attrgetter("threads")),
    "nice": _Field("count", attrgetter("nice")),
    "io": _Field("size", io_rate),
    "read": _Field("size", attrgetter("read_bytes_s")),
    "write": _Field("size", attrgetter("write_bytes_s")),
    "gpu": _Field("percent", attrgetter("gpu_percent")),
    "gpumem": _Field("size", attrgetter("gpu_memory_bytes")),
}
"""What can be compared."""
_ALSO = {"cmd": "command", "res": "mem", "rss": "mem", "thr": "threads", "ni": "nice", "s": "state"}

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_TOKEN = re.compile(
    r"""\s*(?:(?P<bracket>[()])
    | (?P<quote>["'])(?P<quoted>.*?)(?P<end>(?P=quote)|$)
    | (?P<field>[A-Za-z]+)\s*(?P<op>!=|!~|>=|<=|==|=|>|<|~)
    | (?P<word>[^\s()]+))""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Filter:
    """A text that was understood."""

    text: str
    holds: Predicate
    patterns: tuple[Pattern, ...] = field(default=())

    def begin(self) -> None:
        """A new pass over the processes begins: patterns may take their time again."""
        for pattern in self.patterns:
            pattern.begin()

    def select(self, processes: Iterable[Process]) -> list[Process]:
        """Those that match, in the order given; :class:`FilterError` where a pattern takes too long."""
        self.begin()
        return list(filter(self.holds, processes))


def parse_filter(text: str, memory_total_bytes: int = 0) -> Filter:
    """The filter that ``text`` means; an empty text lets everything pass.

    Raises :class:`FilterError`, which says in a few words what is wrong or missing. ``mem>10%`` is of
    ``memory_total_bytes``.
    """
    if len(text) > _LONGEST:
        raise FilterError("too long")
    parser = _Parser(text, memory_total_bytes)
    return Filter(text, parser.whole(), tuple(parser.patterns))


class _Parser:
    def __init__(self, text: str, memory_total_bytes: int) -> None:
        self._text = text
        self._memory = memory_total_bytes
        self._at = 0
        self._deep = 0
        self.patterns: list[Pattern] = []

    def whole(self) -> Predicate:
        if not self._text.strip():
            return lambda _: True
        found = self._either()
        if self._peek() is not None:
            raise FilterError(") without (")
        return found

    def _peek(self) -> re.Match[str] | None:
        return _TOKEN.match(self._text, self._at)

    def _keyword(self) -> str:
        token = self._peek()
        word = token["word"].lower() if token and token["word"] else ""
        return word if word in {"and", "or", "not"} else ""

    def _take(self, token: re.Match[str]) -> None:
        self._at = token.end()

    def _either(self) -> Predicate:
        parts = [self._both()]
        while self._keyword() == "or":
            self._skip()
            parts.append(self._both())
        return _any(parts)

    def _both(self) -> Predicate:
        parts = [self._one()]
        while (token := self._peek()) is not None and token["bracket"] != ")" and self._keyword() != "or":
            if self._keyword() == "and":
                self._skip()
            parts.append(self._one())
        return _all(parts)

    def _skip(self) -> None:
        token = self._peek()
        if token is not None:
            self._take(token)

    def _one(self) -> Predicate:
        token, keyword = self._peek(), self._keyword()
        if token is None or token["bracket"] == ")" or keyword in {"and", "or"}:
            raise FilterError("something is missing" if token is None else f"nothing before {token[0].strip()}")
        self._take(token)
        if keyword or token["bracket"]:
            self._deep += 1
            if self._deep > _DEEPEST:
                raise FilterError("nested too deep")
            inner = self._negated() if keyword else self._bracketed()
            self._deep -= 1
            return inner
        if token["field"]:
            return self._compared(token["field"].lower(), token["op"])
        if token["quote"] and not token["end"]:
            raise FilterError("quote not closed")
        return _word(token["word"] or token["quoted"])

    def _negated(self) -> Predicate:
        inner = self._one()
        return lambda process: not inner(process)

    def _bracketed(self) -> Predicate:
        inner = self._either()
        token = self._peek()
        if token is None:
            raise FilterError("( not closed")
        self._take(token)
        return inner

    def _compared(self, name: str, op: str) -> Predicate:
        name = _ALSO.get(name, name)
        one = FIELDS.get(name)
        value, quoted = self._value()
        if one is None:
            raise FilterError(f"no field {name}; quote text")
        if not value and not quoted:
            raise FilterError(f"{name}{op} needs a value")
        if one.kind in {"text", "begin", "letters"}:
            return self._text_compared(name, one, op, value)
        if op not in _COMPARE:
            raise FilterError(f"{name} takes = != < >")
        compare, limit, get = _COMPARE[op], number(one.kind, value, self._memory), one.get
        return lambda process: (figure := get(process)) is not None and compare(figure, limit)

    def _text_compared(self, name: str, one: _Field, op: str, value: str) -> Predicate:
        get, wanted = one.get, value.lower()
        if op in {"~", "!~"}:
            pattern = Pattern(value)
            self.patterns.append(pattern)
            holds: Predicate = lambda process: pattern.found(get(process))  # noqa: E731 - one of four of its kind
        elif op not in {"=", "==", "!="}:
            raise FilterError(f"{name} takes = != ~")
        elif one.kind == "letters":
            holds = lambda process: get(process).lower() in wanted  # noqa: E731 - see above
        elif one.kind == "begin" and wanted:
            holds = lambda process: get(process).lower().startswith(wanted)  # noqa: E731 - see above
        else:
            holds = lambda process: get(process).lower() == wanted  # noqa: E731 - see above
        return (lambda process: not holds(process)) if op[0] == "!" else holds

    def _value(self) -> tuple[str, bool]:
        """What stands after an operator, and whether in quotes; brackets that are opened in it belong to it."""
        rest = self._text[self._at :].lstrip()
        start = len(self._text) - len(rest)
        if rest[:1] in {'"', "'"}:
            end = rest.find(rest[0], 1)
            if end < 0:
                raise FilterError("quote not closed")
            self._at = start + end + 1
            return rest[1:end], True
        deep, end = 0, 0
        for end, char in enumerate(rest):  # noqa: B007 - where it stopped
            deep += (char == "(") - (char == ")")
            if char.isspace() or deep < 0:
                break
        else:
            end = len(rest)
        self._at = start + end
        return rest[:end], False


def _all(parts: list[Predicate]) -> Predicate:
    if len(parts) == 1:
        return parts[0]
    first, rest = parts[0], _all(parts[1:]) if len(parts) < 4 else None
    if rest is not None:
        return lambda process: first(process) and rest(process)
    return lambda process: all(part(process) for part in parts)


def _any(parts: list[Predicate]) -> Predicate:
    return parts[0] if len(parts) == 1 else lambda process: any(part(process) for part in parts)


def _word(word: str) -> Predicate:
    wanted = word.lower()

    def holds(process: Process) -> bool:
        return wanted in process.command.lower() or wanted in process.name.lower() or wanted in process.user.lower()

    if not wanted.isdecimal():
        return holds
    return lambda process: wanted in str(process.pid) or holds(process)
