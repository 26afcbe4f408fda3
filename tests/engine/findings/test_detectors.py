"""Every kind on a history made for it: found in time, rightly blamed, said with its figures, and nothing else fires."""

from __future__ import annotations

import msgspec
import pytest

from engine.analysis.grounding import ground
from engine.events import FindingClosed, FindingOpened
from engine.finding import Finding
from engine.findings.blame import families_first
from engine.findings.detectors import DETECTORS, KINDS
from engine.findings.disk import disk_full
from engine.findings.settings import Settings
from engine.findings.watch import Watch
from engine.snapshot import Disk, Filesystem, Pressure, Snapshot
from engine.telemetry.history import History
from tests.engine.factory import (
    GIB,
    MIB,
    OWN_PID,
    at,
    make_cpu,
    make_filesystem,
    make_history,
    make_memory,
    make_process,
    make_snapshot,
    make_stall,
)
from tests.engine.findings.scenes import SCENES, Scene

QUIET_S = 5


def play(scene: Scene, seconds: int) -> tuple[History, Watch, dict[str, int]]:
    """A quiet start, then the scene; the seconds after its onset at which each kind opened."""
    history, watch, opened = History(), Watch(), {}
    for second in range(QUIET_S + seconds):
        snapshot = scene.at(second - QUIET_S) if second >= QUIET_S else make_snapshot()
        history.append(at(second, snapshot))
        for event in watch.update(history):
            assert isinstance(event, FindingOpened)
            opened[event.finding.kind] = second - QUIET_S + 1
    return history, watch, opened


def test_there_is_a_scene_for_every_kind() -> None:
    assert sorted(scene.kind for scene in SCENES) == sorted(KINDS)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.kind)
def test_the_fault_is_found_in_time_and_nothing_else(scene: Scene) -> None:
    history, watch, opened = play(scene, scene.within_s + 3)
    assert set(opened) == {scene.kind}
    assert opened[scene.kind] <= scene.within_s
    (finding,) = watch.open
    first = finding.culprits[0].pid if finding.culprits else None
    assert first == scene.culprit
    assert OWN_PID not in {culprit.pid for culprit in finding.culprits}
    assert all(0 < culprit.share <= 1 for culprit in finding.culprits)
    assert finding.sentence.endswith(".")
    assert finding.advice.endswith(".")
    assert [fact.id for fact in finding.facts] == [f"f{n}" for n in range(1, len(finding.facts) + 1)]
    assert finding.facts
    latest = history.latest
    assert latest is not None
    borne = ground(f"{finding.sentence}\n{finding.advice}", latest, watch.open)
    assert (borne.unverified, borne.wrong) == ((), ())


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.kind)
def test_it_closes_when_the_fault_has_gone(scene: Scene) -> None:
    history, watch, _ = play(scene, scene.within_s + 3)
    start = round(scene.within_s) + 3 + QUIET_S
    closed = []
    for second in range(start, start + 70):
        history.append(at(second, make_snapshot()))
        closed += [event for event in watch.update(history) if isinstance(event, FindingClosed)]
    assert [event.finding.kind for event in closed] == [scene.kind]
    assert watch.open == ()


@pytest.mark.parametrize(
    "scene", [s for s in SCENES if s.kind not in {"disk_full", "memory_leak", "oom_kill"}], ids=lambda s: s.kind
)
def test_a_short_burst_fires_nothing(scene: Scene) -> None:
    history, watch = History(), Watch()
    for second in range(40):
        # Bursts of two seconds, with one quiet second between them, and of one between two.
        bad = second % 3 != 0 if second < 3 else second % 3 == 0
        history.append(at(second, scene.at(second) if bad else make_snapshot()))
        assert watch.update(history) == ()


def test_a_quiet_node_fires_nothing_in_an_hour() -> None:
    history, watch = History(), Watch()
    for second in range(3600):
        history.append(at(second, make_snapshot(cpu=make_cpu(3.0 + second % 7, runnable=1 + second % 3))))
        assert watch.update(history) == ()


def test_a_busy_and_healthy_node_fires_nothing() -> None:
    """A compilation on every core: all busy, no more tasks than cores, every process gone after three seconds."""

    def compiling(second: int) -> Snapshot:
        started = 200.0 + second // 3
        jobs = tuple(
            make_process(7000 + 4 * (second // 3) + n, "cc1", state="R", cpu_percent=97.0, started=started)
            for n in range(4)
        )
        return make_snapshot(
            cpu=make_cpu(99.0, runnable=5 + second % 2, load=(4.2, 3.0, 1.0)),
            processes=(make_process(OWN_PID, "telltop"), *jobs),
            pressure=Pressure(make_stall(15.0), make_stall(), make_stall(5.0)),
        )

    history, watch = History(), Watch()
    for second in range(120):
        history.append(at(second, compiling(second)))
        assert watch.update(history) == ()


def test_telltop_alone_is_never_the_trouble() -> None:
    """A model that fills the processors, the memory of the process table and the disk is not diagnosed."""
    own = make_process(OWN_PID, "telltop", state="R", cpu_percent=390.0, rss_bytes=9 * GIB, write_bytes_s=500.0 * MIB)
    alone = make_snapshot(
        processes=(own, make_process()),
        cpu=make_cpu(99.0, runnable=6),
        self_use=msgspec.structs.replace(make_snapshot().self_use, cpu_percent=390.0),
    )
    history, watch = History(), Watch()
    for second in range(60):
        history.append(at(second, alone))
        assert watch.update(history) == ()


def _conditions(snapshot: Snapshot) -> dict[str, str]:
    history = make_history([snapshot])
    return {c.kind: c.grade for detect in DETECTORS for c in detect(history, Settings())}


@pytest.mark.parametrize(
    ("taken", "swap", "grade"),
    [(0.87, 1.0, None), (0.89, 0.95, "hold"), (0.91, 0.95, "warning"), (0.96, 0.955, "critical"), (0.97, 0.5, None)],
)
def test_oom_risk_needs_both_memory_and_swap_gone(taken: float, swap: float, grade: str | None) -> None:
    assert _conditions(make_snapshot(memory=make_memory(taken, swap))).get("oom_risk") == grade


@pytest.mark.parametrize(
    ("percent", "stall", "grade"),
    [
        (59.0, 0.0, None),
        (70.0, 0.0, "hold"),
        (99.0, 90.0, "warning"),
        (390.0, 5.0, "warning"),
        (390.0, 90.0, "critical"),
    ],
)
def test_a_spin_is_critical_only_where_it_starves_the_node(percent: float, stall: float, grade: str | None) -> None:
    spinner = make_process(5, "loop", cpu_percent=percent)
    pressure = Pressure(make_stall(stall), make_stall(), make_stall())
    assert _conditions(make_snapshot(processes=(spinner,), pressure=pressure)).get("cpu_spin") == grade


def test_equal_culprits_do_not_change_places_from_sample_to_sample() -> None:
    def burning(second: int) -> Snapshot:
        burners = tuple(make_process(200 + n, "burn", cpu_percent=48.0 + (n * 7 + second * 3) % 5) for n in range(8))
        return make_snapshot(processes=burners, cpu=make_cpu(99.0, runnable=12), pressure=Pressure())

    history, watch = History(), Watch()
    blamed = set()
    for second in range(40):
        history.append(at(second, burning(second)))
        watch.update(history)
        blamed |= {tuple(culprit.pid for culprit in finding.culprits) for finding in watch.open}
    assert blamed == {(200, 201, 202, 203, 204)}


def test_a_large_disk_with_room_is_not_full() -> None:
    large = make_filesystem("/big", 0.96, 2000 * GIB)
    assert "disk_full" not in _conditions(make_snapshot(filesystems=(large,)))


def test_an_image_that_cannot_be_written_is_not_full() -> None:
    image = msgspec.structs.replace(make_filesystem("/snap/core", 1.0, GIB), read_only=True)
    assert "disk_full" not in _conditions(make_snapshot(filesystems=(image,)))


def test_a_busy_disk_that_nobody_waits_for_is_not_saturated() -> None:
    disks = (Disk("nvme0n1", 2e9, 0.0, 9000.0, 0.0, 100.0),)
    assert _conditions(make_snapshot(disks=disks))["disk_saturated"] == "hold"
    told_nothing = make_snapshot(disks=disks, pressure=Pressure())
    assert _conditions(told_nothing)["disk_saturated"] == "warning"


def test_without_psi_memory_pressure_goes_by_what_is_available() -> None:
    assert "memory_pressure" not in _conditions(make_snapshot(memory=make_memory(0.8), pressure=Pressure()))
    assert _conditions(make_snapshot(memory=make_memory(0.93), pressure=Pressure()))["memory_pressure"] == "warning"


def test_pressure_with_much_memory_left_blames_who_waits_not_who_is_large() -> None:
    limited = make_process(4121, "limited", state="D", rss_bytes=200 * MIB)
    large = make_process(4000, "database", rss_bytes=5 * GIB)
    scene = Scene(
        "memory_pressure",
        4121,
        lambda _: make_snapshot(
            processes=(limited, large), pressure=Pressure(make_stall(), make_stall(50.0), make_stall())
        ),
    )
    _, watch, _ = play(scene, 12)
    assert watch.open[0].culprits[0].pid == 4121


def test_a_program_that_loads_a_file_does_not_leak() -> None:
    def loading(second: int) -> Snapshot:
        loader = make_process(4121, "restore", rss_bytes=GIB + second * 20 * MIB, read_bytes_s=19.0 * MIB)
        return make_snapshot(processes=(loader,))

    _, watch, opened = play(Scene("memory_leak", None, loading), 60)
    assert (opened, watch.open) == ({}, ())


def test_memory_taken_in_one_step_is_no_leak() -> None:
    def stepping(second: int) -> Snapshot:
        return make_snapshot(processes=(make_process(4121, "cache", rss_bytes=GIB if second < 20 else 3 * GIB),))

    assert play(Scene("memory_leak", None, stepping), 60)[2] == {}


def test_an_empty_history_has_no_conditions() -> None:
    assert [c for detect in DETECTORS for c in detect(History(), Settings())] == []
    assert Watch().update(History()) == ()


def test_detectors_are_pure() -> None:
    history = make_history([scene.at(0) for scene in SCENES])
    first = [msgspec.to_builtins(c) for detect in DETECTORS for c in detect(history, Settings())]
    again = [msgspec.to_builtins(c) for detect in DETECTORS for c in detect(history, Settings())]
    assert first == again


def test_a_node_that_tells_next_to_nothing_is_no_trouble() -> None:
    bare = make_snapshot(
        pressure=Pressure(), disks=(), filesystems=(Filesystem("/", "x", "y", 0, 0, 0, False),), processes=(),
        memory=make_memory(0.0, total=0, swap_total_bytes=0),
    )  # fmt: skip
    assert _conditions(bare) == {}


def test_findings_hold_what_the_events_said() -> None:
    _, watch, _ = play(SCENES[1], 12)
    (finding,) = watch.open
    assert isinstance(finding, Finding)
    assert finding.id == "cpu_spin-4121-1"
    assert finding.since == at(QUIET_S, make_snapshot()).time


def test_many_small_processes_of_a_name_are_blamed_before_one_larger() -> None:
    workers = [make_process(500 + n, "cc1", cpu_percent=9.0) for n in range(8)]
    larger = make_process(20, "single", cpu_percent=28.0)
    told = families_first([(p.cpu_percent, p) for p in (*workers, larger)])
    assert [culprit.name for culprit in told] == ["cc1"] * (len(told) - 1) + ["single"]


def test_who_wrote_before_it_filled_is_not_blamed_for_it() -> None:
    def scene(second: int) -> Snapshot:
        system = make_filesystem("/data", 0.80 if second < 20 else 0.96, GIB)
        early = make_process(50, "earlier", write_bytes_s=500.0 * MIB if second < 12 else None)
        late = make_process(60, "filler", write_bytes_s=80.0 * MIB if 18 <= second < 20 else None)
        return make_snapshot(filesystems=(system,), processes=(early, late))

    (condition,) = disk_full(make_history(scene, 24), Settings())
    assert [culprit.pid for culprit in condition.culprits] == [60]
