"""Claims of a text held against one node, on which 4121 spins at 312 % and /data is 93 % full."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.grounding import ground
from engine.finding import Culprit, Fact, Finding
from engine.report import Grounding
from engine.snapshot import Gpu, Host, Interface
from tests.engine.factory import (
    GIB,
    MIB,
    make_cpu,
    make_disk,
    make_filesystem,
    make_memory,
    make_process,
    make_snapshot,
)
from tests.engine.hostile import NAMES, RAW_NAMES

SNAPSHOT = make_snapshot(
    host=Host("web01", "Linux 6.8.0-45-generic", 8, 32 * GIB),
    cpu=make_cpu(89.6, 8, load=(9.31, 6.02, 2.5), runnable=11, temperature_c=71.0, iowait=3.0),
    memory=make_memory(0.86, 0.15, 32 * GIB),
    disks=(make_disk("nvme0n1", 18.0, 12.0 * MIB, 3.0 * MIB),),
    filesystems=(make_filesystem("/", 0.41), make_filesystem("/data", 0.93, 500 * GIB)),
    interfaces=(Interface("eth0", 1.25 * MIB, 300 * 1024.0, 0.0, 0.0, 0.0),),
    gpus=(Gpu(0, "RTX 4090", "nvidia", 97.0, 22 * GIB, 24 * GIB, 78.0, 410.0),),
    processes=(
        make_process(4121, "python3", cpu_percent=312.4, rss_bytes=round(4.13 * GIB), threads=17),
        make_process(980, "postgres", cpu_percent=9.14, rss_bytes=812 * MIB),
        make_process(981, "postgres", cpu_percent=0.2, rss_bytes=100 * MIB),
        make_process(1433, "node", cpu_percent=2.0),
        make_process(1500, "my app", cpu_percent=1.0),
        make_process(1600, "train.py", cpu_percent=1.5),
    ),
)
FINDING = Finding(
    "cpu_spin-4121-1", "cpu_spin", "warning", 0.0, "python3 (4121) keeps 3.1 of 8 cores busy.",
    (Culprit(4121, "python3", 91.21, 0.44),), (Fact("f1", "CPU", 312.4, "%"), Fact("f2", "cores", 3.124, "")),
)  # fmt: skip


def check(text: str) -> Grounding:
    result = ground(text, SNAPSHOT, (FINDING,))
    assert result.claims == len(result.mentions)
    assert result.grounded == sum(mention.status == "grounded" for mention in result.mentions)
    assert all(a.end <= b.start for a, b in zip(result.mentions, result.mentions[1:], strict=False))
    return result


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("CPU is 90 % busy.", ["90 %"]),
        ("The CPU runs at 89.6%.", ["89.6%"]),
        ("CPU usage is about 88 percent.", ["88 percent"]),
        ("Memory is 86% used, 4.5 GiB available of 32 GB.", ["86%", "4.5 GiB", "32 GB"]),
        ("`python3` (4121) uses 312 % of a core and 4.1 GiB.", ["python3", "4121", "312 %", "4.1 GiB"]),
        ("**python3** (pid 4121) holds 4229 MiB with 17 threads.", ["python3", "4121", "4229 MiB", "17 threads"]),
        ("Process 4121 keeps 3.1 of 8 cores busy", ["4121", "3.1", "8 cores"]),
        ("python3 takes 39 % of the node", ["python3", "39 %"]),
        (
            "postgres (980) is at 9.1 % and postgres (981) at 0.2 %.",
            ["postgres", "980", "9.1 %", "postgres", "981", "0.2 %"],
        ),
        ("Load is 9.31, 6.02 and 2.50.", ["9.31", "6.02", "2.50"]),
        ("load average: 9.3", ["9.3"]),
        ("/data is 93 % full with 35 GiB left.", ["/data", "93 %", "35 GiB"]),
        ("nvme0n1 reads 12 MiB/s, eth0 receives 1.2 MiB/s.", ["nvme0n1", "12 MiB/s", "eth0", "1.2 MiB/s"]),
        (
            "GPU 0 is 97 % busy at 78 \u00b0C and draws 410 W, 22 of 24 GiB.",
            ["97 %", "78 \u00b0C", "410 W", "22", "24 GiB"],
        ),
        ("Eleven run: 11 tasks on 8 cores.", ["11 tasks", "8 cores"]),
        ("It accounts for 44 % of it.", ["44 %"]),
        ("Try `renice -n 10 -p 4121` or kill 4121.", ["4121", "4121"]),
        ("4,229 MiB in python3", ["4,229 MiB", "python3"]),
        ('"my app" (1500) is small', ["my app", "1500"]),
        ("train.py (1600) runs", ["train.py", "1600"]),
        ("node (1433) is JavaScript; the node is well.", ["node", "1433"]),
        ("No process has pid 77777 now.", ["77777"]),
    ],
)
def test_grounded(text: str, claims: list[str]) -> None:
    result = check(text)
    assert [text[mention.start : mention.end] for mention in result.mentions] == claims
    assert (result.unverified, result.wrong) == ((), ())


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("Something takes 55 % of it.", ["55 %"]),
        ("nginx (5555) leaks 7.7 GiB.", ["5555", "7.7 GiB"]),
        ("postgres (980) uses 312 KiB/s", ["312 KiB/s"]),
        ("python3 uses 250 MiB", ["250 MiB"]),
        ("There are 31 threads.", ["31 threads"]),
        ("CPU was at 20 % before and may reach 99 %.", ["20 %", "99 %"]),
        ("keep it below 75 %", ["75 %"]),
        ("pid 77777", ["77777"]),
        ("The answer is 42.", ["42"]),
    ],
)
def test_unverified(text: str, claims: list[str]) -> None:
    result = check(text)
    assert list(result.unverified) == claims
    assert result.wrong == ()


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("CPU is at 20 %.", ["20 %"]),
        ("The node's CPU usage is only 20%, all is well.", ["20%"]),
        ("All is well; memory is 30 % used.", ["30 %"]),
        ("Swap: 99 %", ["99 %"]),
        ("Load is 0.10.", ["0.10"]),
        ("nginx idles. python3 (4121) uses 20 % of a core.", ["20 %"]),
        ("/data is 20 % full.", ["20 %"]),
        ("python3 (980) is to blame.", ["980"]),
        ("postgres (pid 4121) is to blame.", ["4121"]),
    ],
)
def test_wrong(text: str, claims: list[str]) -> None:
    assert list(check(text).wrong) == claims


@pytest.mark.parametrize(
    "text",
    [
        "1. First\n2. Second\n10) Tenth",
        "At 14:03:22 on 2024-05-01 it began 8 minutes ago, for 45 s, over 10-minute spans.",
        "GPU 0, core 3, nice 19, signal 9, the top 10, two of 3.",
        "web01 runs Linux 6.8.0-45-generic with an RTX 4090.",
        "The node is busy; memory, swap and the disk are well.",
        "Nothing.",
        "",
        "\n\n\n",
        "f1 and f12 say so",
    ],
)
def test_not_claims(text: str) -> None:
    assert check(text).claims == 0


def test_mentions_point_at_processes() -> None:
    text = "postgres (981) waits for `python3`; 4121 is not said to be a pid here, but process 980 is."
    pids = [(text[m.start : m.end], m.pid) for m in check(text).mentions]
    assert pids[:3] == [("postgres", 981), ("981", 981), ("python3", 4121)]
    assert pids[-1] == ("980", 980)


def test_a_name_alone_means_the_culprit_or_the_busiest() -> None:
    assert check("postgres waits").mentions[0].pid == 980
    assert check("python3 waits").mentions[0].pid == 4121


def test_a_figure_of_a_process_grounds_only_where_that_process_is_named() -> None:
    assert check("It holds 812 MiB.").unverified == ("812 MiB",)
    assert check("postgres holds 812 MiB.").unverified == ()


def test_a_culprit_that_has_ended_is_still_known() -> None:
    gone = Finding("x", "cpu_spin", "warning", 0.0, "s", (Culprit(7777, "gone", 1.0, 0.9),))
    result = ground("gone (7777) took 90 %.", SNAPSHOT, (gone,))
    assert (result.grounded, result.claims) == (3, 3)


def test_a_process_that_calls_itself_a_figure_grounds_nothing() -> None:
    liar = make_snapshot(
        processes=(make_process(5, "20 %", cpu_percent=99.0), make_process(6, "CPU is 20 %")), cpu=make_cpu(90.0)
    )
    result = ground("CPU is 20 %.", liar, ())
    assert (result.grounded, result.wrong) == (0, ("20 %",))


@pytest.mark.parametrize("name", [")", "e)", " name)", "name", "(no name)", "no name"])
def test_a_process_called_by_a_part_of_the_text_is_not_what_is_meant(name: str) -> None:
    node = make_snapshot(processes=(make_process(1, name, cpu_percent=9.0), make_process(3, "")))
    assert ground("(no name) (3) holds the most.", node, ()).wrong == ()


@given(st.text(alphabet="0123456789.,:%() \n`*'\"-/GiBpidCUload", max_size=120))
def test_any_text_is_read_without_harm(text: str) -> None:
    result = check(text)
    assert all(0 <= mention.start < mention.end <= len(text) for mention in result.mentions)


@pytest.mark.parametrize("name", [*NAMES, *RAW_NAMES])
def test_hostile_names_and_texts_are_read_without_harm(name: str) -> None:
    snapshot = make_snapshot(processes=(make_process(5, name, cpu_percent=99.0),))
    for text in (name, f"{name} (5) takes 99 %", f"`{name}` 5", name * 50):
        assert ground(text, snapshot, ()).claims >= 0
    assert check(name).claims >= 0


def test_a_long_text_is_read_in_one_pass() -> None:
    """Patterns that look back are bounded, so that a text of thousands of figures takes no square of the time."""
    result = check("load 9.31 " * 3000)
    assert result.grounded == result.claims == 3000


def test_a_number_is_linked_to_the_fact_of_the_finding_that_bears_it_out() -> None:
    facts = (Fact("f1", "space used on /data", 93.0, "%"), Fact("f2", "time until it is full", 510.0, "s"))
    finding = Finding("disk_full-1", "disk_full", "warning", 0.0, "", (), facts)
    text = "It is 93 % full, for good in about 8 min; load is 0.10."
    told = ground(text, make_snapshot(), (finding,))
    assert [(text[m.start : m.end], m.status, m.fact) for m in told.mentions] == [
        ("93 %", "grounded", "disk_full-1/f1"),
        ("8 min", "grounded", "disk_full-1/f2"),
        ("0.10", "grounded", ""),
    ]


def test_a_duration_that_no_fact_knows_claims_nothing() -> None:
    assert ground("Look again in 5 minutes.", make_snapshot(), ()).claims == 0
