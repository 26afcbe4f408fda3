"""``telltop drill``: real faults on this node, and how well telltop deals with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from engine import wire
from engine.config import Config
from engine.drill.grade import FaultGrade, Grades, drill, good
from engine.drill.plan import ACTS, CONTROLS, FAULTS, Act
from engine.report import Grounding
from engine.text import inert
from tui.headless.output import Standard, colored, progress
from tui.headless.running import run as run_loop
from tui.headless.writing import writer

EXIT_BELOW_BAR = 1
CONTROL_S = 30.0
"""Seconds of each control, unless the operator says otherwise."""


def run(config: Config, kinds: list[str], *, control_s: float | None, json: bool) -> int:
    """Play, grade and print; returns 0 if telltop met the bar, else 1.

    ``kinds`` are names of faults and controls; none means all. Raises OutputError, ModelError, TelemetryError,
    BrokenPipeError.
    """
    wanted = [ACTS[kind] for kind in kinds]
    faults = [act for act in FAULTS if act in wanted or not wanted]
    controls = [act for act in CONTROLS if act in wanted or not wanted]
    return run_loop(lambda: _drill(config, faults, controls, control_s or CONTROL_S, json=json))


async def _drill(config: Config, faults: list[Act], controls: list[Act], control_s: float, *, json: bool) -> int:
    standard = Standard()
    async with writer(config) as backend:
        grades = await drill(faults, controls, backend, control_s=control_s, tell=progress)
    color = colored(config)
    await standard.write(wire.encode(shape(grades)) if json else table(grades, color=color).encode())
    return 0 if grades.passed else EXIT_BELOW_BAR


def shape(grades: Grades) -> dict[str, Any]:
    """The drill as a program reads it."""
    plain: dict[str, Any] = msgspec.to_builtins(grades)
    for fault in plain["faults"]:
        del fault["grounding"]["mentions"]
    return plain | {"passed": grades.passed}


def table(grades: Grades, *, color: bool = False) -> str:
    """The drill as a person reads it."""
    lines = [f"{'FAULT':<17} {'FOUND':>8} {'WITHIN':>6}  {'KIND':<5} {'CULPRIT':<7} {'NAMED':<5} GROUNDED"]
    lines += [_mark(_row(fault), well=good(fault), color=color) for fault in grades.faults]
    lines += [f"{skipped.kind:<17} skipped: {inert(skipped.reason)}" for skipped in grades.skipped]
    if grades.controls:
        lines += ["", f"{'CONTROL':<17} FALSE ALARMS"]
    for control in grades.controls:
        lines.append(_mark(f"{control.name:<17} {control.false_alarms}", well=not control.false_alarms, color=color))
        lines += [f"  {inert(sentence)}" for sentence in control.said]
    lines += ["", _mark("passed" if grades.passed else "below the bar", well=grades.passed, color=color)]
    return "\n".join(lines) + "\n"


def _row(fault: FaultGrade) -> str:
    found = f"{fault.seconds:.1f} s" if fault.seconds is not None else "no"
    flags = (fault.right_kind, fault.right_culprit, fault.named_in_analysis)
    kind, culprit, named = ("yes" if flag else "no" for flag in flags)
    others = f"  also {', '.join(fault.others)}" if fault.others else ""
    return (
        f"{fault.kind:<17} {found:>8} {f'{fault.within_s:.0f} s':>6}  {kind:<5} {culprit:<7} {named:<5} "
        f"{_grounded(fault.grounding)}{others}"
    )


def _grounded(grounding: Grounding) -> str:
    wrong = f", {len(grounding.wrong)} wrong" if grounding.wrong else ""
    return f"{grounding.grounded}/{grounding.claims}{wrong}"


def _mark(line: str, *, well: bool, color: bool) -> str:
    return f"\x1b[{32 if well else 31}m{line}\x1b[0m" if color else line


def unknown_kinds(kinds: Iterable[str]) -> list[str]:
    """Sentences about kinds that there are not."""
    known = f"there are {', '.join(ACTS)}"
    return [f"--kinds: {inert(kind, 80)} is no fault: {known}" for kind in kinds if kind not in ACTS]
