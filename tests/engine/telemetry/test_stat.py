import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.telemetry.procfs.stat import parse

COUNTS = st.integers(0, 2**64 - 1)


@given(
    comm=st.binary(max_size=64).filter(lambda comm: b"\0" not in comm),
    state=st.sampled_from("RSDZTtIX"),
    numbers=st.lists(COUNTS, min_size=49, max_size=49),
    nice=st.integers(-20, 19),
)
def test_any_name_whatever(comm: bytes, state: str, numbers: list[int], nice: int) -> None:
    fields = [str(number) for number in numbers]
    fields[15] = str(nice)
    stat = parse(b"4121 (%s) %s %s\n" % (comm, state.encode(), " ".join(fields).encode()))
    assert (stat.comm, stat.state, stat.nice) == (comm, state, nice)
    assert (stat.ppid, stat.flags) == (numbers[0], numbers[5])
    assert stat.ticks == numbers[10] + numbers[11]
    assert (stat.threads, stat.start, stat.rss_pages) == (numbers[16], numbers[18], numbers[20])


@given(st.binary(max_size=300))
def test_garbage_is_a_value_error_and_nothing_else(raw: bytes) -> None:
    with contextlib.suppress(ValueError):
        parse(raw)


@pytest.mark.parametrize("raw", [b"", b"1 (a", b"1 a) S 1", b"1 (a) S 1 2 3", b") (" + b" 1" * 30])
def test_a_cut_line_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError, match="not a line of stat"):
        parse(raw)
