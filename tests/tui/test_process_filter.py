"""The filter language: what it means, what it refuses, and that nothing typed can break or hang it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.snapshot import Process
from tests.engine.factory import GIB, MIB, make_process
from tests.engine.strategies import processes
from tui.widgets import filter_values
from tui.widgets.filter_values import FilterError, Pattern, number
from tui.widgets.process_filter import FIELDS, parse_filter

PYTHON = make_process(
    4121,
    "python3",
    user="ml",
    command="/opt/venv/bin/python3 train.py --batch-size=64",
    cpu_percent=312.0,
    rss_bytes=4 * GIB,
    threads=12,
    cpu_seconds=5400.0,
    container="3f2a91c04d7e",
    gpu_percent=88.0,
    gpu_memory_bytes=9 * GIB,
    read_bytes_s=2.0 * MIB,
    write_bytes_s=0.0,
    state="R",
)
NGINX = make_process(401, "nginx", user="www-data", command="nginx: worker process", nice=-5, unit="nginx.service")
STUCK = make_process(77, "cp", command="cp 'a b' (old)", state="D", rss_bytes=MIB)
ALL = (PYTHON, NGINX, STUCK)


def kept(text: str) -> list[int]:
    return [process.pid for process in parse_filter(text, 16 * GIB).select(ALL)]


@pytest.mark.parametrize(
    ("text", "pids"),
    [
        ("", [4121, 401, 77]),
        ("  ", [4121, 401, 77]),
        ("PYTHON", [4121]),
        ("ml train", [4121]),
        ("ml worker", []),
        ("41", [4121]),
        ("401", [401]),
        ("--batch-size=64", [4121]),
        ("'a b'", [77]),
        ('"a b"', [77]),
        ("worker process", [401]),
        ("user=ml", [4121]),
        ("USER=Ml", [4121]),
        ("user=m", []),
        ("user!=ml", [401, 77]),
        ("user = ml", [4121]),
        ('command="nginx: worker process"', [401]),
        ("name~^(py|ng)", [4121, 401]),
        ("name!~^(py|ng)", [77]),
        ("command~b[a-z]+/py", [4121]),
        ("state=D", [77]),
        ("state=dr", [4121, 77]),
        ("s!=S", [4121, 77]),
        ("pid=77", [77]),
        ("pid>=401", [4121, 401]),
        ("cpu>10", [4121]),
        ("cpu>10%", [4121]),
        ("cpu<=0", [401, 77]),
        ("mem>1g", [4121]),
        ("mem>20%", [4121]),
        ("mem>26%", []),
        ("res<2mib", [77]),
        ("time>1h", [4121]),
        ("time>1h31m", []),
        ("time=1:30:00", [4121]),
        ("threads>10", [4121]),
        ("nice<0", [401]),
        ("ni=-5", [401]),
        ("container=3f2a", [4121]),
        ("container!=''", [4121]),
        ("unit=nginx", [401]),
        ("gpu>50 gpumem>8g", [4121]),
        ("gpu<50", []),
        ("io>1m", [4121]),
        ("read>1m and write=0", [4121]),
        ("nginx or python", [4121, 401]),
        ("state=S or cpu>1 mem>1g", [4121, 401]),
        ("(state=S or cpu>1) mem>1g", [4121]),
        ("not nginx", [4121, 77]),
        ("not (nginx or state=D)", [4121]),
        ("not nginx and not state=D", [4121]),
        ("NOT nginx AND NOT state=D", [4121]),
        ("not not nginx", [401]),
        ("(((nginx)))", [401]),
    ],
)
def test_what_is_meant(text: str, pids: list[int]) -> None:
    assert kept(text) == pids


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cpu>", "cpu> needs a value"),
        ("cpu>x", "a number"),
        ("mem>1q", "10%"),
        ("mem>", "needs a value"),
        ("time>1x", "90s"),
        ("user<a", "user takes = != ~"),
        ("pid~1", "pid takes"),
        ("cup>1", "no field cup"),
        ("nginx and", "missing"),
        ("nginx or", "missing"),
        ("not", "missing"),
        ("and nginx", "nothing before and"),
        ("()", "nothing before )"),
        ("(nginx", "( not closed"),
        ("nginx)", ") without ("),
        ('"nginx', "quote not closed"),
        ("name='x", "quote not closed"),
        ("name~(", "~"),
        ("name~[[a]", "~"),
        ("name~(a+)+b", "repeated"),
        ("name~(a|a)*b", "repeated"),
        (r"name~(a)\1", "back references"),
        ("name~(?=a)b", "back references"),
        ("name~a*a*a*b", "two repeats"),
        ("(" * 60, "nested"),
        ("not " * 60 + "x", "nested"),
        ("x" * 2000, "too long"),
    ],
)
def test_what_is_wrong_is_said_in_a_few_words(text: str, says: str) -> None:
    with pytest.raises(FilterError) as told:
        parse_filter(text)
    assert says in str(told.value)
    assert len(str(told.value)) <= 60


PIECES = st.lists(
    st.one_of(
        st.sampled_from([*FIELDS, "and", "or", "not", "(", ")", "=", "!=", ">", "<", "~", "!~", '"', "'", " ", "10",
                         "1g", "50%", "root", ".*", "[a", "a+", "日本", "\x1b", "\\"]),
        st.text(max_size=4),
    ),
    max_size=14,
)  # fmt: skip


@given(PIECES.map("".join) | PIECES.map(" ".join), st.integers(1, 99).flatmap(processes))
def test_whatever_is_typed_is_understood_or_refused(text: str, process: Process) -> None:
    try:
        found = parse_filter(text, 16 * GIB).select([process])
    except FilterError:
        return
    assert found in ([], [process])


LEAVES = st.sampled_from(["nginx", "cpu>10", "mem>1g", "state=D", "user=ml", "name~^p", "'a b'", "pid<500"])


def meant(tree: object) -> set[int]:
    """The pids that a tree of filters lets pass, by sets instead of predicates."""
    everyone = {process.pid for process in ALL}
    if isinstance(tree, str):
        return set(kept(tree))
    assert isinstance(tree, tuple)
    if tree[0] == "not":
        return everyone - meant(tree[1])
    left, right = meant(tree[1]), meant(tree[2])
    return left | right if tree[0] == "or" else left & right


def written(tree: object) -> str:
    if isinstance(tree, str):
        return tree
    assert isinstance(tree, tuple)
    if tree[0] == "not":
        return f"not ({written(tree[1])})"
    return f"({written(tree[1])}) {tree[0]} ({written(tree[2])})"


TREES = st.recursive(
    LEAVES,
    lambda below: st.one_of(
        st.tuples(st.just("not"), below), st.tuples(st.sampled_from(["and", "or", ""]), below, below)
    ),
    max_leaves=8,
)


@given(TREES)
def test_and_or_and_not_are_those_of_sets(tree: object) -> None:
    assert set(kept(written(tree))) == meant(tree)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("memory", "1.5g", 1.5 * GIB),
        ("memory", "10%", 1.6 * GIB),
        ("size", "500M", 500 * MIB),
        ("size", "1kib", 1024),
        ("size", "7b", 7),
        ("seconds", "1h30m", 5400),
        ("seconds", "1:30", 90),
        ("seconds", "90", 90),
        ("seconds", "1d", 86400),
        ("count", "-5", -5),
        ("percent", "12.5%", 12.5),
    ],
)
def test_numbers_with_their_units(kind: str, text: str, value: float) -> None:
    assert number(kind, text, 16 * GIB) == pytest.approx(value)


def test_a_pattern_that_takes_long_is_given_up_and_may_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = Pattern("a*b")
    assert pattern.found("aab")
    monkeypatch.setattr(filter_values, "BUDGET_S", -1.0)
    assert pattern.found("aab"), "what was looked at before costs nothing"
    with pytest.raises(FilterError, match="too long"):
        pattern.found("other")
    monkeypatch.setattr(filter_values, "BUDGET_S", 10.0)
    pattern.begin()
    assert not pattern.found("other")


def test_a_pattern_looks_at_the_beginning_of_endless_text() -> None:
    assert not Pattern("a*a*b").found("a" * 4000 + "b")
