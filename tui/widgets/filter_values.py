"""What a comparison of the filter compares with: numbers with their units, and patterns that cannot hang."""

from __future__ import annotations

import re
import time
import warnings

_SCALE = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
_SPAN = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = re.compile(r"([-+]?(?:\d{1,18}(?:\.\d{0,9})?|\.\d{1,9}))([a-z%]*)")
_PART = re.compile(r"(\d{1,12}(?:\.\d{0,9})?)([smhd]?)")
_EXPECTED = {
    "count": "a whole number",
    "percent": "a number",
    "size": "a size like 500m",
    "memory": "1g, 500m or 10%",
    "seconds": "a time like 90s, 5m, 1h",
}

BUDGET_S = 0.1
"""What one pattern may take for all processes of one sample, seconds; what was looked at before costs nothing."""
_LOOKED_AT = 512
_REMEMBERED = 40_000


class FilterError(ValueError):
    """What is wrong with a filter, in a few words; it may only be incomplete."""


def number(kind: str, value: str, memory_total_bytes: int = 0) -> float:
    """The figure that a person wrote: counts, percent, bytes or seconds; :class:`FilterError` where it is none."""
    wrong = FilterError(f"{value[:12]}? expected {_EXPECTED[kind]}")
    text = value.lower()
    if kind == "seconds":
        return _seconds(text, wrong)
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise wrong
    figure, unit = float(match[1]), match[2]
    if kind == "memory" and unit == "%":
        return figure / 100 * memory_total_bytes
    if kind in {"size", "memory"}:
        letter = unit.removesuffix("b").removesuffix("i") if unit != "b" else unit
        if letter in _SCALE:
            return figure * _SCALE[letter]
    elif not unit or (kind == "percent" and unit == "%"):
        return figure
    raise wrong


def _seconds(text: str, wrong: FilterError) -> float:
    if re.fullmatch(r"\d{1,9}(:\d{1,2}){1,2}", text):
        total = 0.0
        for part in text.split(":"):
            total = total * 60 + int(part)
        return total
    parts = _PART.findall(text)
    if not parts or "".join(figure + unit for figure, unit in parts) != text:
        raise wrong
    return sum(float(figure) * _SPAN[unit] for figure, unit in parts)


class Pattern:
    """A regular expression that is searched for in any case, in the first 512 characters.

    The texts are those of strangers, and Python's matcher may take exponential time: what could is refused (repeated
    groups, back references, many repeats), and what takes long all the same is given up within :data:`BUDGET_S`.
    """

    def __init__(self, source: str) -> None:
        _refuse_slow(source)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                self._search = re.compile(source, re.IGNORECASE).search
            except (re.error, OverflowError, Warning) as error:
                raise FilterError(f"~ {getattr(error, 'msg', error)}"[:40]) from error
        self._known: dict[str, bool] = {}
        self._spent = 0.0

    def begin(self) -> None:
        """A new pass over the processes begins."""
        self._spent = 0.0
        if len(self._known) > _REMEMBERED:
            self._known.clear()

    def found(self, text: str) -> bool:
        """Whether it occurs; :class:`FilterError` when this pass has taken too long."""
        known = self._known.get(text)
        if known is not None:
            return known
        if self._spent > BUDGET_S:
            raise FilterError("this pattern takes too long")
        begun = time.perf_counter()
        found = self._search(text[:_LOOKED_AT]) is not None
        self._spent += time.perf_counter() - begun
        self._known[text] = found
        return found


def _refuse_slow(source: str) -> None:
    bare = re.sub(r"\\\D|\[\^?\]?[^]]*\]", "x", source)
    if re.search(r"\\\d|\(\?", bare):
        raise FilterError("~ back references and (? are not taken")
    if re.search(r"\)[*+{]", bare):
        raise FilterError("~ a group cannot be repeated")
    if len(re.findall(r"[*+{]", bare)) > 2 or bare.count("?") > 4 or bare.count("|") > 8 or len(source) > 200:
        raise FilterError("~ at most two repeats")
