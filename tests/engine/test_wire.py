"""The shapes that programs rely on: their keys, their units, and that they are JSON whatever the node is called."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine import wire
from engine.events import (
    AnalysisDelta,
    AnalysisFinished,
    FindingClosed,
    FindingOpened,
    ModelChanged,
    Notice,
    SnapshotTaken,
)
from engine.finding import Culprit, Fact, Finding
from engine.report import Analysis, Answer, Grounding, Mention, Timings
from engine.snapshot import Snapshot
from engine.telemetry.sampler import sample_once

NOON = 1_790_000_000.1234
FINDING = Finding(
    id="cpu_spin-x-1",
    kind="cpu_spin",
    severity="critical",
    since=NOON - 60,
    sentence="x 7 takes a core.",
    culprits=(Culprit(7, "x", 12.5, 0.98765),),
    facts=(Fact("f1", "CPU", 99.98765, "%"), Fact("f2", "no figure")),
    advice="Stop it.",
)
ANALYSIS = Analysis(
    id="a1",
    time=NOON,
    trigger="finding",
    text="**x** (7)\nspins.",
    source="model",
    model="tiny",
    degraded=False,
    outcome="stop",
    grounding=Grounding(2, 3, ("8 %",), ("9",), (Mention(0, 1, "grounded", 7),)),
    timings=Timings(100, 60, 20, 0.123456, 400.1, 30.9),
    snapshot=17,
)
ANSWER = Answer(
    id="q1",
    time=NOON,
    question="why?",
    text="So.",
    source="rules",
    model="rules",
    degraded=True,
    outcome="length",
    grounding=Grounding(),
    timings=Timings(),
    snapshot=18,
)


def decoded(shape: wire.Json | None) -> Any:
    assert shape is not None
    line = wire.encode(shape)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    return json.loads(line)


def test_a_summary_of_a_real_sample() -> None:
    taken = sample_once(0.2)
    seen = decoded(wire.event(SnapshotTaken(taken, (FINDING,))))
    assert seen["event"] == "snapshot"
    assert abs(datetime.fromisoformat(seen["time"]).timestamp() - taken.time) < 0.002
    assert datetime.fromisoformat(seen["time"]).tzinfo is not None
    assert 0 <= seen["cpu_percent"] <= 100
    assert 0 < seen["memory_percent"] <= 100
    assert len(seen["load"]) == 3
    assert seen["pressure"].keys() == {"cpu", "memory", "io"}
    assert seen["processes"] == len(taken.processes) > 0
    assert seen["findings"] == ["cpu_spin-x-1"]
    assert seen["self"]["rss_bytes"] > 1 << 20
    assert "cpu_percent" in seen["self"]


def test_a_whole_real_snapshot() -> None:
    taken = sample_once(0.2)
    seen = decoded(wire.snapshot(taken))
    assert "monotonic" not in seen
    assert seen.keys() >= {"time", "host", "cpu", "memory", "pressure", "disks", "filesystems", "interfaces", "gpus"}
    assert seen["self"]["pid"] == taken.self_use.pid
    assert seen["memory"]["percent"] == round(taken.memory.percent, 3)
    assert [system["percent"] for system in seen["filesystems"]] == [round(s.percent, 3) for s in taken.filesystems]
    own = next(process for process in seen["processes"] if process["pid"] == taken.self_use.pid)
    assert own.keys() >= {"pid", "ppid", "name", "user", "state", "cpu_percent", "rss_bytes", "command", "threads"}


def test_findings() -> None:
    for event, name in ((FindingOpened, "finding_opened"), (FindingClosed, "finding_closed")):
        seen = decoded(wire.event(event(NOON, FINDING)))
        assert seen["event"] == name
        assert datetime.fromisoformat(seen["time"]).timestamp() == round(NOON, 3)
        found = seen["finding"]
        assert datetime.fromisoformat(found["since"]).timestamp() == round(NOON - 60, 3)
        assert found["culprits"] == [{"pid": 7, "name": "x", "started": 12.5, "share": 0.988}]
        assert found["facts"] == [
            {"id": "f1", "text": "CPU", "value": 99.988, "unit": "%"},
            {"id": "f2", "text": "no figure", "value": None, "unit": ""},
        ]
        assert (found["id"], found["kind"], found["severity"]) == ("cpu_spin-x-1", "cpu_spin", "critical")
        assert (found["sentence"], found["advice"]) == ("x 7 takes a core.", "Stop it.")


def test_an_analysis() -> None:
    seen = decoded(wire.event(AnalysisFinished(ANALYSIS)))
    assert seen == decoded(wire.analysis(ANALYSIS))
    assert seen.pop("time").startswith("20")
    assert seen == {
        "event": "analysis",
        "id": "a1",
        "trigger": "finding",
        "text": "**x** (7)\nspins.",
        "source": "model",
        "model": "tiny",
        "degraded": False,
        "outcome": "stop",
        "grounding": {"grounded": 2, "claims": 3, "unverified": ["8 %"], "wrong": ["9"]},
        "timings": {
            "prompt_tokens": 100,
            "cached_tokens": 60,
            "completion_tokens": 20,
            "first_token_s": 0.123,
            "prefill_tokens_s": 400.1,
            "decode_tokens_s": 30.9,
        },
        "snapshot": 17,
    }


def test_an_answer_has_the_shape_of_an_analysis_and_its_question() -> None:
    seen = decoded(wire.answer(ANSWER))
    assert seen.keys() == decoded(wire.analysis(ANALYSIS)).keys() | {"question"}
    assert (seen["event"], seen["trigger"], seen["question"]) == ("answer", "demand", "why?")


def test_what_only_a_screen_needs_is_not_told() -> None:
    assert wire.event(AnalysisDelta("a1", "x")) is None
    assert wire.event(Notice("x")) is None
    assert wire.event(ModelChanged("ready", "x")) is None


def test_what_is_not_a_number_is_null() -> None:
    odd = msgspec.structs.replace(FINDING, facts=(Fact("f1", "x", math.nan), Fact("f2", "y", math.inf)))
    assert [fact["value"] for fact in decoded(wire.finding(odd))["facts"]] == [None, None]


@given(st.text(st.characters()) | st.sampled_from(["\udc80", '"\\', "\n\r\u2028\0", "\x1b[2J", "\ud83d"]))
def test_hostile_text_stays_one_line_of_json(text: str) -> None:
    odd = msgspec.structs.replace(FINDING, sentence=text, culprits=(Culprit(1, text, 0.0, 1.0),))
    seen = decoded({"event": "x", **wire.finding(odd)})
    expected = text.encode("utf-8", "backslashreplace").decode()
    assert seen["sentence"] == seen["culprits"][0]["name"] == expected


def test_a_snapshot_is_encoded_whatever_a_process_is_called() -> None:
    taken: Snapshot = sample_once(0.2)
    odd = tuple(msgspec.structs.replace(process, name='\udcff"\n', command="\x00") for process in taken.processes[:3])
    seen = decoded(wire.snapshot(msgspec.structs.replace(taken, processes=odd)))
    assert [process["name"] for process in seen["processes"]] == ['\\udcff"\n'] * 3
