"""What the rules narrator writes: true in every word that can be checked, useful, and never more than it knows."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from engine.analysis.grounding import ground
from engine.inference.narrator import Narrator, narrate
from engine.inference.protocol import Briefing, Delta, Finished, Form, Message, Request, Started
from engine.inference.replies import HELP, NOT_UNDERSTOOD
from engine.snapshot import Gpu, Snapshot
from tests.engine.factory import GIB, MIB, OWN_PID, make_cpu, make_filesystem, make_memory, make_process, make_snapshot
from tests.engine.findings.scenes import SCENES, Scene
from tests.engine.hostile import NAMES
from tests.engine.strategies import findings_of, snapshots

QUESTIONS = (
    "why is load high?", "how is the cpu", "memory?", "swap", "disk space", "is the disk busy?", "network", "gpu",
    "pressure", "is anything wrong?", "what should I do", "top processes", "uptime", "help", "what is python3 doing",
    "pid 999", "pid 5", "what is the meaning of life", "", "?", "who is eating my RAM and CPU",
)  # fmt: skip


def say(snapshot: Snapshot, form: Form = "full", question: str = "") -> str:
    return "".join(narrate(Briefing(snapshot, findings_of(snapshot), form, question)))


def ask(question: str, snapshot: Snapshot | None = None) -> str:
    return say(snapshot or make_snapshot(), "answer", question)


@given(snapshots(), st.sampled_from(QUESTIONS))
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_every_claim_is_grounded_whatever_the_node_is_like(snapshot: Snapshot, question: str) -> None:
    findings = findings_of(snapshot)
    forms: tuple[Form, ...] = ("full", "short", "answer")
    for form in forms:
        text = "".join(narrate(Briefing(snapshot, findings, form, question)))
        grounding = ground(text, snapshot, findings)
        assert (grounding.unverified, grounding.wrong) == ((), ()), text
        assert grounding.grounded == grounding.claims


@given(snapshots())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_no_node_makes_markup_of_the_text(snapshot: Snapshot) -> None:
    text = say(snapshot)
    assert all(line.isprintable() for line in text.splitlines())
    tokens = [t for token in MarkdownIt("gfm-like").parse(text) for t in (token, *(token.children or ()))]
    kinds = {token.type.removesuffix("_open").removesuffix("_close") for token in tokens}
    assert kinds <= {"paragraph", "inline", "text", "code_inline", "strong", "bullet_list", "list_item", "softbreak"}


@pytest.mark.parametrize(
    "scene", [scene for scene in SCENES if not scene.trend and scene.within_s < 30], ids=lambda scene: scene.kind
)
def test_a_fault_is_told_with_its_culprit_and_what_to_do(scene: Scene) -> None:
    snapshot = scene.at(5)
    text = say(snapshot)
    assert text.startswith(("**Critical:**", "**Warning:**"))
    assert scene.culprit is None or f"({scene.culprit})" in text
    assert "**What to do:**" in text
    assert "**Watch:**" in text
    assert str(OWN_PID) not in text
    assert 2 <= text.count(".") <= 12
    short = say(snapshot, "short")
    assert "\n" not in short
    assert short.endswith(".")


def test_a_quiet_node_is_called_quiet_with_its_figures() -> None:
    text = say(make_snapshot(processes=(make_process(7, "nginx", cpu_percent=1.2, rss_bytes=200 * MIB),)))
    assert text == (
        "The node is quiet: the CPU is 3.0 % busy, memory 30 % used with 11.2 GiB available, load 0.10 on 4 cores. "
        "Hardly any task waits for the CPU, memory or storage. nginx (7) uses the most CPU (1.2 % of one core) and "
        "holds the most memory (200 MiB). Nothing needs doing."
    )
    assert say(make_snapshot(), "short") == "Quiet: CPU 3.0 %, memory 30 %, load 0.10; nothing is wrong."


def test_a_busy_node_without_findings_is_called_healthy() -> None:
    text = say(make_snapshot(cpu=make_cpu(72.0), filesystems=(make_filesystem("/srv", 0.8),)))
    assert text.startswith("The node is busy but healthy: the CPU is 72 % busy")
    assert "/srv, 80 % full with 20.0 GiB left" in text


def test_more_findings_are_listed_and_counted() -> None:
    worst = make_snapshot(
        memory=make_memory(0.97, swap_total_bytes=0),
        cpu=make_cpu(60.0, steal=30.0, iowait=60.0),
        filesystems=tuple(make_filesystem(f"/d{n}", 0.97) for n in range(3)),
        processes=tuple(make_process(50 + n, "spin", cpu_percent=99.0) for n in range(3)),
    )
    text = say(worst)
    assert text.count("\n- ") == 5
    assert "and four more" in text
    assert say(worst, "short").endswith("Eight more findings open.")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("why is load high?", "Load is 0.10 (1 min), 0.20 (5 min) and 0.15 (15 min), within what 4 cores"),
        ("how much CPU is used", "The CPU is 3.0 % busy over 4 cores (user 2.2 %, system 0.8 %)."),
        ("is memory ok?", "Memory is 30 % used: 11.2 GiB of 16.0 GiB are available."),
        ("swap?", "Swap is 0.0 % used (0 B of 4.0 GiB), with 0 B/s coming in and 0 B/s going out."),
        ("disk space left", "/ is 40 % full with 60.0 GiB left"),
        ("is the disk busy", "sda is 1.0 % busy (0 B/s read, 4.0 KiB/s written)"),
        ("network traffic", "Network: eth0 receives 2.0 KiB/s and sends 1.0 KiB/s."),
        ("gpu", "This node has no GPU that telltop can read."),
        ("pressure", "0.0 % for the CPU, 0.0 % for memory and 0.0 % for storage"),
        ("what is wrong", "Nothing is wrong."),
        ("what is going on here?", "Nothing is wrong."),
        (
            "pid 1",
            "systemd (1), user root, has run for 1d 0h and is sleeping: 0.0 % of one core, 8.0 MiB of memory, 1 thread",
        ),
        ("tell me about systemd", "systemd (1)"),
        ("pid 54321", "No process has pid 54321 now."),
        ("who are you", HELP),
        ("help", HELP),
        ("sing a song", NOT_UNDERSTOOD),
    ],
)
def test_answers(question: str, answer: str) -> None:
    assert answer in ask(question)


def test_an_answer_brings_the_findings_that_belong_to_it() -> None:
    snapshot = next(scene for scene in SCENES if scene.kind == "cpu_spin").at(0)
    for question in ("why is load high?", "what is loop doing", "pid 4121", "what is wrong?"):
        text = ask(question, snapshot)
        assert "loop (4121) keeps a core busy: 99 % of one core." in text
        assert "renice" in text
    assert "keeps a core busy" not in ask("network", snapshot)


def test_what_it_cannot_answer_names_itself_and_the_way_to_more() -> None:
    text = ask("write me a poem")
    assert "rules narrator, not a model" in text
    assert "--model FILE.gguf" in text


def test_gpus_are_told_of() -> None:
    gpu = Gpu(0, "RTX 4090", "nvidia", 97.0, 22 * GIB, 24 * GIB, 78.0)
    assert "GPU 0 (`RTX 4090`): 97 % busy, 22.0 GiB of 24.0 GiB in use and 78 °C." in ask(
        "gpu", make_snapshot(gpus=(gpu,))
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name_changes_no_form(name: str) -> None:
    def node(called: str) -> Snapshot:
        return make_snapshot(processes=(make_process(300, called, cpu_percent=99.0),), cpu=make_cpu(27.0))

    told, plain = say(node(name)), say(node("loop"))
    assert len(told.splitlines()) == len(plain.splitlines())
    assert told.startswith("**Warning:** ")
    assert "(300) keeps a core busy" in told
    assert "\n" not in say(node(name), "short")


@pytest.mark.parametrize("question", [*NAMES, "9" * 400, "pid " + "1 " * 400, "a" * 20_000])
def test_a_hostile_question_gets_an_answer(question: str) -> None:
    text = ask(question)
    assert text
    assert len(text) < 3000
    assert text.isprintable()


async def test_it_streams_as_a_backend_does() -> None:
    snapshot = SCENES[0].at(0)
    request = Request((Message("user", "x"),), Briefing(snapshot, findings_of(snapshot), "full"))
    narrator = Narrator()
    events = [event async for event in narrator.generate(request)]
    assert (narrator.source, narrator.model) == ("rules", "rules")
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "stop"
    deltas = [event.text for event in events if isinstance(event, Delta)]
    assert len(deltas) == len(events) - 2 >= 3
    assert "".join(deltas) == say(snapshot)
