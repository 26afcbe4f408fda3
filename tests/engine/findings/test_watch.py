"""Hysteresis: what fires, what clears, and that nothing flaps, whatever the figures do."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import FindingClosed, FindingOpened
from engine.findings.settings import Settings
from engine.findings.watch import Watch
from engine.snapshot import Snapshot
from engine.telemetry.history import History
from tests.engine.factory import OWN_PID, at, make_cpu, make_filesystem, make_process, make_snapshot
from tests.engine.hostile import NAMES

STEAL = Settings().steal
SPIN = Settings().cpu_spin


def stealing(percent: float) -> Snapshot:
    return make_snapshot(cpu=make_cpu(30.0, steal=percent))


def run(levels: list[float]) -> tuple[list[tuple[int, FindingOpened | FindingClosed]], Watch]:
    history, watch = History(), Watch()
    events: list[tuple[int, FindingOpened | FindingClosed]] = []
    for second, level in enumerate(levels):
        history.append(at(second, stealing(level)))
        events += [(second, event) for event in watch.update(history)]
    return events, watch


levels = st.lists(
    st.one_of(
        st.floats(0, 40),
        st.sampled_from([STEAL.clear, STEAL.warning, STEAL.critical]),
        st.sampled_from([STEAL.clear - 1e-6, STEAL.warning - 1e-6, STEAL.critical - 1e-6]),
    ),
    max_size=90,
)
stretches = st.lists(st.tuples(st.floats(0, 40), st.integers(1, 20)), max_size=8).map(
    lambda parts: [level for level, length in parts for _ in range(length)]
)


@given(st.one_of(levels, stretches))
@settings(max_examples=300, deadline=None)
def test_nothing_flaps(figures: list[float]) -> None:
    events, watch = run(figures)
    kinds = [type(event) for _, event in events]
    assert kinds == [FindingOpened, FindingClosed] * (len(kinds) // 2) + [FindingOpened] * (len(kinds) % 2)
    assert len(watch.open) == len(kinds) % 2
    for (opened, _), (closed, _) in zip(events[::2], events[1::2], strict=False):
        assert closed - opened >= STEAL.clear_s
        assert all(level < STEAL.clear for level in figures[closed - int(STEAL.clear_s) + 1 : closed + 1])
    for opened, _ in events[::2]:
        window = figures[opened - int(STEAL.fire_s) : opened + 1]
        assert len(window) == STEAL.fire_s + 1
        assert sum(level >= STEAL.warning for level in window) >= 0.8 * len(window)


@given(
    st.lists(st.floats(STEAL.warning, 90), min_size=7, max_size=7),
    st.lists(st.floats(0, 4.9), min_size=13, max_size=13),
)
@settings(max_examples=100, deadline=None)
def test_what_lasts_fires_and_what_has_gone_clears(bad: list[float], good: list[float]) -> None:
    events, watch = run([*bad, *good])
    assert [(second, type(event)) for second, event in events] == [(6, FindingOpened), (18, FindingClosed)]
    assert watch.open == ()


@given(st.lists(st.floats(0, STEAL.warning - 1e-6), max_size=60))
@settings(max_examples=100, deadline=None)
def test_below_the_level_nothing_ever_fires(figures: list[float]) -> None:
    assert run(figures)[0] == []


def test_one_dip_does_not_start_it_over() -> None:
    assert [second for second, _ in run([15, 15, 15, 0, 15, 15, 15])[0]] == [6]


def test_it_stays_open_between_the_levels() -> None:
    events, watch = run([15.0] * 10 + [7.0] * 60)
    assert len(events) == 1
    assert len(watch.open) == 1


def test_the_beginning_is_when_the_condition_began_not_when_it_was_told() -> None:
    ((_, event),) = run([0.0] * 5 + [15.0] * 8)[0]
    assert event.finding.since == at(5, stealing(0)).time
    assert event.time == at(11, stealing(0)).time


def test_severity_rises_and_eases_under_the_same_id_without_events() -> None:
    history, watch, seen = History(), Watch(), []
    figures = [15.0] * 10 + [60.0] * 10 + [15.0] * 20
    events: list[FindingOpened | FindingClosed] = []
    for second, level in enumerate(figures):
        history.append(at(second, stealing(level)))
        events += watch.update(history)
        seen += [(f.id, f.severity) for f in watch.open]
    assert len(events) == 1
    assert list(dict.fromkeys(seen)) == [("steal_high-1", "warning"), ("steal_high-1", "critical")]
    assert [severity for _, severity in seen][-1] == "warning"
    changes = sum(a != b for a, b in pairwise(seen))
    assert changes == 2


@given(st.lists(st.floats(13.0, 16.9), min_size=30, max_size=30))
@settings(max_examples=60, deadline=None)
def test_figures_that_hardly_move_keep_the_same_object(figures: list[float]) -> None:
    history, watch, objects = History(), Watch(), set()
    for second, level in enumerate([15.0] * 8 + figures):
        history.append(at(second, stealing(level)))
        watch.update(history)
        objects |= {id(finding) for finding in watch.open}
    assert len(objects) == 1


def test_figures_that_move_are_renewed_but_not_every_second() -> None:
    history, watch, sentences = History(), Watch(), []
    for second in range(40):
        history.append(at(second, stealing(11.0 + second / 4)))
        watch.update(history)
        sentences += [finding.sentence for finding in watch.open]
    distinct = list(dict.fromkeys(sentences))
    assert distinct[-1] != distinct[0]
    assert len(distinct) <= 40 / Settings().refresh_s


def test_a_long_silence_is_not_taken_for_a_lasting_condition() -> None:
    """Two samples a minute apart, as after the node was suspended, prove nothing about the time between."""
    history, watch = History(), Watch()
    for second in (0, 60):
        history.append(at(second, stealing(30.0)))
        assert watch.update(history) == ()


def test_many_of_a_kind_say_no_more_than_three() -> None:
    spinners = tuple(make_process(200 + n, f"loop{n}", cpu_percent=99.0) for n in range(40))
    snapshot = make_snapshot(processes=(*spinners, make_process(OWN_PID, "telltop")), cpu=make_cpu(60.0, 64))
    history, watch = History(), Watch()
    opened: list[FindingOpened | FindingClosed] = []
    for second in range(60):
        history.append(at(second, snapshot))
        opened += watch.update(history)
    assert len(opened) == len(watch.open) == Settings().most_per_kind
    assert len({event.finding.id for event in opened}) == 3


def test_a_recycled_pid_is_another_process() -> None:
    history, watch = History(), Watch()
    events: list[FindingOpened | FindingClosed] = []
    for second in range(40):
        started = 10.0 if second < 20 else 90_015.0
        spinner = make_process(300, "loop", cpu_percent=99.0, started=started)
        history.append(at(second, make_snapshot(processes=(spinner,))))
        events += watch.update(history)
    assert [type(event) for event in events] == [FindingOpened, FindingOpened, FindingClosed]
    assert events[0].finding.id != events[1].finding.id


def test_the_gravest_comes_first() -> None:
    spinner = make_process(300, "loop", cpu_percent=99.0)
    history, watch = History(), Watch()
    for second in range(20):
        full = () if second < 10 else (make_filesystem("/", 0.99),)
        history.append(at(second, make_snapshot(processes=(spinner,), filesystems=full)))
        watch.update(history)
    assert [(f.kind, f.severity) for f in watch.open] == [("disk_full", "critical"), ("cpu_spin", "warning")]


def test_hostile_names_change_nothing_but_the_name() -> None:
    for name in NAMES:
        history, watch = History(), Watch()
        spinner = make_process(300, name, cpu_percent=99.0)
        full = make_filesystem(name or "/", 0.96)
        for second in range(12):
            history.append(at(second, make_snapshot(processes=(spinner,), filesystems=(full,))))
            watch.update(history)
        assert [(f.kind, f.severity) for f in watch.open] == [("disk_full", "critical"), ("cpu_spin", "warning")]
        assert all(f.sentence.isprintable() and f.id.isascii() for f in watch.open)
        assert watch.open[1].culprits[0].name == name


def test_a_restless_node_keeps_to_its_budget() -> None:
    events, watch = run([20.0 if second % 60 < 20 else 0.0 for second in range(3600)])
    opened = [event.finding for _, event in events if isinstance(event, FindingOpened)]
    assert len(opened) == Settings().most_per_hour
    assert [finding.kind for finding in opened] == ["steal_high"] * 9 + ["restless"]
    assert watch.open[-1].kind == "restless"
    assert [fact.value for fact in watch.open[-1].facts] == [1, 1]


def test_what_was_folded_is_over_when_it_has_been_quiet() -> None:
    events, watch = run([20.0 if second % 60 < 20 else 0.0 for second in range(1200)] + [0.0] * 620)
    assert isinstance(events[-1][1], FindingClosed)
    assert events[-1][1].finding.kind == "restless"
    assert watch.open == ()


def test_a_new_and_critical_kind_is_never_folded() -> None:
    history, watch = History(), Watch()
    kinds = []
    for second in range(1300):
        full = (make_filesystem("/data", 0.99, 2**30),) if second >= 1200 else ()
        steal = 20.0 if second % 60 < 20 else 0.0
        snapshot = make_snapshot(cpu=make_cpu(30.0, steal=steal), filesystems=full)
        history.append(at(second, snapshot))
        kinds += [event.finding.kind for event in watch.update(history) if isinstance(event, FindingOpened)]
    assert kinds[-1] == "disk_full"
    assert kinds.count("restless") == 1
