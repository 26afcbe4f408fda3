"""Real processes, really signalled and changed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.control import Affinity, Control, Io, Nice, Nicer, Outcome, Signal, Target, summary
from engine.control.acts import Act
from engine.control.portable import Portable
from tests.engine.control.conftest import TRAPPING, Child, seen

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pidfds and procfs are Linux's")

TERM = Signal(signal.SIGTERM)
NOBODY = 65534
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")


@pytest.fixture(params=["pidfd", "psutil"])
def either(request: pytest.FixtureRequest) -> Control:
    """Both ways to hold a process."""
    return Control(own=-1) if request.param == "pidfd" else Control(own=-1, system=Portable())


def one(control: Control, act: Act, target: Target) -> Outcome:
    (outcome,) = control.apply(act, [target])
    assert outcome.target == target
    assert str(target.pid) in outcome.sentence
    return outcome


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGWINCH], ids=str)
def test_a_signal_is_delivered(either: Control, child: Child, number: signal.Signals) -> None:
    process = child(TRAPPING, number.name)
    outcome = one(either, Signal(number), seen(process.pid))
    assert (outcome.result, outcome.done) == ("done", True)
    assert outcome.sentence.endswith(f"got {number.name}")
    assert process.stdout
    assert process.stdout.readline() == f"{number.name}\n"


def test_a_recycled_pid_is_never_hit(either: Control, child: Child) -> None:
    process = child(TRAPPING, "SIGTERM")
    target = seen(process.pid)
    for started in (target.started - 100, target.started + 3, 0.0):
        outcome = one(either, TERM, replace(target, started=started))
        assert outcome.result == "recycled"
        assert "belongs to another process now" in outcome.sentence
    assert process.stdout
    assert one(either, TERM, target).done
    assert process.stdout.readline() == "SIGTERM\n"  # the first that came


def test_by_pidfd_a_start_one_tick_away_is_another_process(control: Control, child: Child) -> None:
    target = seen(child().pid)
    tick = 1 / os.sysconf("SC_CLK_TCK")
    for away in (-tick, tick):
        assert one(control, Signal(signal.SIGKILL), replace(target, started=target.started + away)).result == "recycled"
    assert one(control, Nice(3), target).done


def test_one_that_has_ended(either: Control, child: Child) -> None:
    process = child()
    target = seen(process.pid)
    process.kill()
    process.wait()
    for act in (TERM, Nice(1), Nicer(1), Io("idle"), Affinity(frozenset(os.sched_getaffinity(0)))):
        outcome = one(either, act, target)
        assert outcome.result == "already gone"
        assert "has ended already" in outcome.sentence


def test_a_zombie_has_ended_and_its_parent_is_named(control: Control, child: Child) -> None:
    process = child()
    target = seen(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    outcome = one(control, TERM, target)
    assert outcome.result == "already gone"
    assert f"waits for its parent ({os.getpid()})" in outcome.sentence
    assert one(Control(own=-1, system=Portable()), TERM, target).result == "already gone"


LEADERLESS = """
import ctypes, sys, threading
def rest():
    print("ready", flush=True)
    sys.stdin.read()
threading.Thread(target=rest).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_process_whose_first_thread_has_ended_is_no_zombie(control: Control, child: Child) -> None:
    process = child(LEADERLESS)
    assert one(control, Signal(signal.SIGKILL), seen(process.pid)).done
    assert process.wait() == -signal.SIGKILL


def test_pid_1_telltop_its_parts_and_kernel_threads_are_refused(child: Child) -> None:
    me = Control()
    everything = (TERM, Signal(signal.SIGKILL), Nice(5), Io("idle"), Affinity(frozenset({0})))
    process = child(TRAPPING, "SIGTERM")
    for pid, word in ((1, "keeps the system up"), (os.getpid(), "telltop itself"), (process.pid, "a part of telltop")):
        for act in everything:
            outcome = one(me, act, seen(pid))
            assert outcome.result == "refused"
            assert word in outcome.sentence
    assert process.poll() is None
    if Path("/proc/2/comm").exists() and Path("/proc/2/comm").read_text() == "kthreadd\n":  # not in a container
        assert "a thread of the kernel" in one(me, TERM, seen(2)).sentence


AS_NOBODY = f"""
import os, signal, sys
from engine.control import *
from tests.engine.control.conftest import seen
target = seen(int(sys.argv[1]))
control = Control(own=-1)
os.setgroups([])
os.setresgid({NOBODY}, {NOBODY}, {NOBODY})
os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
acts = [Signal(signal.SIGTERM), Signal(signal.SIGKILL), Nice(5), Io("idle"), Affinity(frozenset({{0}}))]
for act in acts:
    for outcome in control.apply(act, [target]):
        print(outcome.result, "|", outcome.sentence)
mine = Target(os.getpid(), seen(os.getpid()).started, "me", "nobody")
print(control.apply(Nice(-5), [mine])[0].result)
print(control.apply(Nice(5), [mine])[0].result)
"""


@root_only
def test_a_process_of_another_user_is_not_permitted(child: Child, tmp_path: Path) -> None:
    process = child(TRAPPING, "SIGTERM")
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(process.pid)], capture_output=True, text=True, check=False
    )
    *told, lower, raise_ = done.stdout.splitlines()
    assert len(told) == 5, done.stderr
    for line in told:
        assert line.startswith("not permitted | ")
        assert "this user may not" in line
        assert "run telltop as root" in line
    assert (lower, raise_) == ("not permitted", "done")
    assert process.poll() is None


def test_several_targets_are_told_apart(control: Control, child: Child) -> None:
    living, ended, other = child(TRAPPING, "SIGTERM"), child(), child()
    targets = [seen(living.pid), seen(ended.pid), replace(seen(other.pid), started=1.0), seen(1)]
    ended.kill()
    ended.wait()
    outcomes = control.apply(TERM, targets)
    assert [outcome.result for outcome in outcomes] == ["done", "already gone", "recycled", "refused"]
    assert [outcome.target for outcome in outcomes] == targets
    assert summary(outcomes) == "1 done, 1 already gone, 1 recycled, 1 refused"
    assert summary([]) == "nothing to do"


THREADED = """
import sys, threading
for _ in range(3):
    threading.Thread(target=lambda: sys.stdin.read(), daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
"""


def threads(pid: int) -> list[int]:
    return [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]


def test_niceness_is_that_of_every_thread(control: Control, child: Child) -> None:
    process = child(THREADED)
    outcome = one(control, Nice(7), seen(process.pid))
    assert outcome.sentence.endswith("has niceness 7")
    assert len(threads(process.pid)) == 4
    assert {os.getpriority(os.PRIO_PROCESS, tid) for tid in threads(process.pid)} == {7}
    assert one(control, Nicer(4), seen(process.pid)).sentence.endswith("has niceness 11")
    assert one(control, Nicer(40), seen(process.pid)).sentence.endswith("has niceness 19")
    assert {os.getpriority(os.PRIO_PROCESS, tid) for tid in threads(process.pid)} == {19}


def test_affinity_is_that_of_every_thread(control: Control, child: Child) -> None:
    process = child(THREADED)
    chosen = frozenset({max(os.sched_getaffinity(0))})
    assert one(control, Affinity(chosen), seen(process.pid)).done
    assert {frozenset(os.sched_getaffinity(tid)) for tid in threads(process.pid)} == {chosen}
    outcome = one(control, Affinity(frozenset({4000})), seen(process.pid))
    assert outcome.result == "failed"
    assert "the kernel does not take this value" in outcome.sentence


@pytest.mark.parametrize("act", [Io("idle"), Io("best-effort", 7), Io("best-effort", 0), Io("none")], ids=str)
def test_io_priority_is_what_ionice_shows(control: Control, child: Child, act: Io) -> None:
    process = child(THREADED)
    outcome = one(control, act, seen(process.pid))
    assert outcome.done
    assert act.words in outcome.sentence
    for tid in threads(process.pid):
        shown = subprocess.run(["ionice", "-p", str(tid)], capture_output=True, text=True, check=True).stdout.strip()
        assert shown.split(":")[0] == act.kind
        assert act.kind != "best-effort" or shown.endswith(f"prio {act.level}")


def test_by_psutil_the_same_is_done(child: Child) -> None:
    portable = Control(own=-1, system=Portable())
    process = child()
    target = seen(process.pid)
    cpus = frozenset({max(os.sched_getaffinity(0))})
    for act in (Nice(2), Nicer(3), Io("best-effort", 6), Io("idle"), Affinity(cpus)):
        assert one(portable, act, target).done
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == 5
    assert os.sched_getaffinity(process.pid) == cpus


def test_a_stopped_process_is_told_so(control: Control, child: Child) -> None:
    process = child(TRAPPING, "SIGTERM")
    assert one(control, Signal(signal.SIGSTOP), seen(process.pid)).sentence.endswith("got SIGSTOP")
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    assert "it is stopped (SIGCONT)" in one(control, TERM, seen(process.pid)).sentence
    assert one(control, Signal(signal.SIGCONT), seen(process.pid)).sentence.endswith("got SIGCONT")
    assert process.stdout
    assert process.stdout.readline() == "SIGTERM\n"


def test_no_descriptor_is_left_open(control: Control, child: Child) -> None:
    process = child(TRAPPING, "SIGTERM")
    target = seen(process.pid)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        control.apply(TERM, [target, replace(target, started=0.0), seen(1)])
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_steps_asked_for_at_once_are_all_taken(either: Control, child: Child) -> None:
    target = seen(child().pid)
    before = os.getpriority(os.PRIO_PROCESS, target.pid)
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: one(either, Nicer(1), target), range(8)))
    assert all(outcome.done for outcome in outcomes)
    assert os.getpriority(os.PRIO_PROCESS, target.pid) == before + 8
