"""What the menus of acts offer, and in which words."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from engine.control import Act, Affinity, Io, Nice, Signal, Target
from tui.widgets.choices import Choice

_FIRST = (
    (signal.SIGTERM, "end; it may clean up first"),
    (signal.SIGKILL, "end at once; it cannot clean up"),
    (signal.SIGHUP, "hang up; services read their settings again"),
    (signal.SIGINT, "as Ctrl-C"),
    (signal.SIGSTOP, "stop, to be continued"),
    (signal.SIGCONT, "go on after a stop"),
    (signal.SIGUSR1, "the program's own meaning; without one it ends"),
    (signal.SIGUSR2, "the program's own meaning; without one it ends"),
    (signal.SIGQUIT, "end and dump core"),
)


@dataclass(frozen=True)
class Menu:
    """A list of acts; with ``several`` the act is made of all that is ticked."""

    title: str
    choices: tuple[Choice, ...]
    acts: tuple[Act, ...]
    cursor: int = 0
    several: bool = False
    ticked: frozenset[int] = frozenset()

    def act(self, cursor: int, ticked: frozenset[int]) -> Act | None:
        """What is asked for, ``None`` while nothing is."""
        if not self.several:
            return self.acts[cursor]
        chosen = frozenset(number for at in ticked if (number := self.choices[at].number) is not None)
        return Affinity(chosen) if chosen else None


def signals() -> Menu:
    """TERM first, then those that operators send, then the rest in order of their numbers."""
    known = dict(_FIRST)
    rest = sorted((number for number in signal.Signals if number not in known), key=int)
    order = [*known, *rest]
    choices = tuple(Choice(f"{number:>2} {number.name}", known.get(number, ""), int(number)) for number in order)
    return Menu("send a signal to", choices, tuple(Signal(number) for number in order))


def niceness(targets: Sequence[Target]) -> Menu:
    """From -20 to 19, beginning at what the first target has."""
    words = {-20: "served first", 0: "as programs begin", 19: "served last"}
    values = range(-20, 20)
    choices = tuple(Choice(f"{value:>3}", words.get(value, ""), value) for value in values)
    return Menu("niceness of", choices, tuple(map(Nice, values)), cursor=targets[0].nice + 20)


def io_priorities() -> Menu:
    """Those that are of use first: none and idle; realtime last."""
    acts = (
        Io("none"),
        Io("idle"),
        *(Io("best-effort", level) for level in range(8)),
        *(Io("realtime", level) for level in range(8)),
    )
    notes = {0: "the default", 1: "only when nobody else wants the disk", 2: "first of the usual class"}
    choices = tuple(Choice(act.words, notes.get(at, "")) for at, act in enumerate(acts))
    return Menu("I/O priority of", choices, acts)


def processors(targets: Sequence[Target]) -> Menu:
    """A tick for each logical processor that the first target runs on."""
    try:
        now = os.sched_getaffinity(targets[0].pid)
    except (OSError, AttributeError):  # it has ended, or this system has no affinity
        now = set(range(os.cpu_count() or 1))
    last = max([(os.cpu_count() or 1) - 1, *now])
    return Menu(
        "processors of",
        tuple(Choice(f"cpu {number}", "", number) for number in range(last + 1)),
        (),
        several=True,
        ticked=frozenset(now),
    )
