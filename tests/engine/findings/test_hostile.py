"""A process may call itself anything: nothing of a finding changes but the name in it."""

from __future__ import annotations

import msgspec
import pytest
from markdown_it import MarkdownIt

from engine.analysis.grounding import ground
from engine.findings.watch import Watch
from engine.inference.narrator import narrate
from engine.inference.protocol import Briefing
from engine.snapshot import Snapshot
from engine.telemetry.history import History
from tests.engine.factory import at
from tests.engine.findings.scenes import SCENES, Scene
from tests.engine.hostile import NAMES

BLAMING = [scene for scene in SCENES if scene.culprit is not None and not scene.trend and scene.within_s < 30]


def renamed(snapshot: Snapshot, pid: int, name: str) -> Snapshot:
    processes = tuple(msgspec.structs.replace(p, name=name) if p.pid == pid else p for p in snapshot.processes)
    return msgspec.structs.replace(snapshot, processes=processes)


def found(scene: Scene, name: str) -> tuple[Snapshot, Watch]:
    history, watch = History(), Watch()
    for second in range(scene.within_s + 2):
        snapshot = at(second, renamed(scene.at(second), scene.culprit or 0, name))
        history.append(snapshot)
        watch.update(history)
    return snapshot, watch


@pytest.mark.parametrize("scene", BLAMING, ids=lambda scene: scene.kind)
def test_no_name_changes_a_finding_or_the_form_of_what_is_said(scene: Scene) -> None:
    _, usual = found(scene, "usual")
    for name in NAMES:
        snapshot, watch = found(scene, name)
        assert [(f.kind, f.severity, f.since) for f in watch.open] == [
            (f.kind, f.severity, f.since) for f in usual.open
        ]
        for finding, same in zip(watch.open, usual.open, strict=True):
            assert [(c.pid, c.share) for c in finding.culprits] == [(c.pid, c.share) for c in same.culprits]
            assert [(f.id, f.value, f.unit) for f in finding.facts] == [(f.id, f.value, f.unit) for f in same.facts]
            assert finding.sentence.isprintable()
        text = "".join(narrate(Briefing(snapshot, watch.open, "full")))
        assert ground(text, snapshot, watch.open).wrong == ()
        assert _form(text) == _form("".join(narrate(Briefing(snapshot, usual.open, "full"))))


def _form(text: str) -> list[str]:
    """The blocks of a Markdown text."""
    return [token.type for token in MarkdownIt("gfm-like").parse(text)]
