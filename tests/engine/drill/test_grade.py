"""The drill in a shortened form, on this very node; and the bar."""

from __future__ import annotations

import sys

import msgspec
import pytest

from engine.drill.grade import ControlGrade, FaultGrade, Grades, drill, good
from engine.drill.plan import ACTS, FAULTS, KINDS
from engine.inference.narrator import Narrator
from engine.report import Grounding

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="faults are made by the means of Linux")

GOOD = FaultGrade("cpu_spin", True, 7.0, True, True, True, Grounding(4, 4), 10.0)


async def test_telltop_finds_what_is_wrong_with_this_node_and_who_did_it() -> None:
    told: list[str] = []
    grades = await drill([ACTS["zombies"]], [ACTS["idle"]], Narrator(), control_s=1.0, tell=told.append)
    assert [fault.kind for fault in grades.faults] == ["zombies"]
    for fault in grades.faults:
        # How soon depends on who else uses this machine; that it is found, rightly, does not.
        assert (fault.found, fault.right_kind, fault.right_culprit, fault.named_in_analysis) == (True,) * 4
        assert fault.grounding.grounded == fault.grounding.claims > 0
    assert [control.name for control in grades.controls] == ["idle"]
    assert len(told) == 2


def test_every_kind_is_played_once() -> None:
    assert len(set(KINDS)) == len(FAULTS) == len(KINDS)


@pytest.mark.parametrize(
    "flaw",
    [
        {"found": False},
        {"seconds": 10.1},
        {"seconds": None},
        {"right_kind": False},
        {"right_culprit": False},
        {"named_in_analysis": False},
        {"grounding": Grounding(3, 4, wrong=("20 %",))},
    ],
)
def test_the_bar(flaw: dict[str, object]) -> None:
    assert good(GOOD)
    bad = msgspec.structs.replace(GOOD, **flaw)
    assert not good(bad)
    assert Grades((GOOD,), (ControlGrade("idle", 0),)).passed
    assert not Grades((GOOD, bad), ()).passed
    assert not Grades((GOOD,), (ControlGrade("idle", 1),)).passed
