"""An analysis for programs holds its schema, and only what is so, whatever was written."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.analysis.digest import digest
from engine.analysis.insights import HEALTHY, Insights, insights
from engine.finding import Finding
from engine.report import Analysis, Grounding, Source, Timings
from engine.snapshot import Snapshot
from tests.engine.factory import make_process, make_snapshot
from tests.engine.findings.scenes import SCENES
from tests.engine.hostile import NAMES
from tests.engine.strategies import findings_of

SCENE = next(scene for scene in SCENES if scene.kind == "cpu_spin")
SNAPSHOT = SCENE.at(5)
FINDINGS = findings_of(SNAPSHOT)


def made(
    text: str, source: Source = "model", snapshot: Snapshot = SNAPSHOT, found: tuple[Finding, ...] = FINDINGS
) -> Insights:
    written = Analysis("a1", 0.0, "demand", text, source, "m", False, "stop", Grounding(), Timings(), 1)
    return insights(written, digest(snapshot, found), snapshot, found)


def test_what_a_model_wrote_is_kept_where_it_is_so() -> None:
    said = {
        "summary": "loop (4121) keeps a core busy.",
        "reason_code": "cpu_spin",
        "confidence": 0.8,
        "primary_pid": 4121,
        "supporting_facts": ["f1", "f1", "f2", "f999"],
        "next_step": "Lower its priority.",
    }
    told = made(f"Here you are:\n```json\n{json.dumps(said)}\n```")
    assert told.summary == said["summary"]
    assert (told.reason_code, told.confidence, told.next_step) == ("cpu_spin", 0.8, "Lower its priority.")
    assert told.primary_process is not None
    assert (told.primary_process.pid, told.primary_process.name) == (4121, "loop")
    assert [fact.id for fact in told.supporting_facts] == ["f1", "f2"]


def test_what_it_invents_is_replaced_by_what_is_known() -> None:
    told = made('{"reason_code": "alien_invasion", "primary_pid": 31337, "confidence": 7, "summary": 5}')
    assert told == made("", "rules")
    assert (told.reason_code, told.confidence) == ("cpu_spin", 1.0)


def test_confidence_is_no_more_than_the_telemetry_bears_out() -> None:
    told = made('{"summary": "Pid 31337 takes 77 % of the memory.", "confidence": 1, "next_step": "Wait."}')
    assert told.confidence == 0.0
    assert set(told.grounding.unverified) == {"31337", "77 %"}


def test_a_quiet_node_is_healthy() -> None:
    told = made("All is well.", "rules", make_snapshot(), ())
    assert (told.reason_code, told.summary, told.primary_process) == (HEALTHY, "All is well.", None)


json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
fields = st.dictionaries(
    st.sampled_from(["summary", "reason_code", "confidence", "primary_pid", "supporting_facts", "next_step"]), json_like
)


@given(st.text() | fields.map(json.dumps))
@settings(max_examples=200, deadline=None)
def test_any_text_makes_insights_of_the_right_shape(text: str) -> None:
    told = made(text)
    assert told.reason_code == "cpu_spin"
    assert 0 <= told.confidence <= 1
    assert told.primary_process is not None
    assert told.supporting_facts
    assert told.next_step


@given(st.sampled_from(NAMES))
@settings(deadline=None)
def test_hostile_names_change_nothing_but_the_name(name: str) -> None:
    snapshot = make_snapshot(
        cpu=SNAPSHOT.cpu, processes=(make_process(4121, name, state="R", cpu_percent=99.0), make_process(1, "systemd"))
    )
    told = made("", "rules", snapshot, findings_of(snapshot))
    assert (told.reason_code, told.confidence) == ("cpu_spin", 1.0)
    assert told.primary_process is not None
    assert told.primary_process.pid == 4121
