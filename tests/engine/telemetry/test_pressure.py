import pytest

from engine.snapshot import Pressure
from engine.telemetry.procfs.pressure import PressureReader, parse
from tests.engine.telemetry.conftest import PSI, Tree


def test_averages_and_the_share_of_the_interval(tree: Tree) -> None:
    tree.whole()
    reader = PressureReader(tree.roots)
    first = reader.read(0.0).memory
    assert first is not None
    assert (first.some_avg10, first.some_avg60, first.full_avg10, first.full_avg60) == (1.5, 0.75, 0.5, 0.25)
    assert first.some_percent == 0.0
    tree.proc("pressure/memory", PSI.replace("total=1000000", "total=1500000"))
    second = reader.read(2.0).memory
    assert second is not None
    assert second.some_percent == pytest.approx(25.0)  # half a second of two
    assert reader.notes == ()


def test_cpu_without_full_on_kernels_before_5_13(tree: Tree) -> None:
    tree.proc("pressure/cpu", PSI.splitlines()[0] + "\n")
    pressure = PressureReader(tree.roots).read(0.0)
    assert pressure.cpu is not None
    assert (pressure.cpu.some_avg10, pressure.cpu.full_avg10) == (1.5, 0.0)
    assert pressure.memory is None


def test_a_kernel_without_it_costs_one_note(tree: Tree) -> None:
    reader = PressureReader(tree.roots)
    assert reader.read(0.0) == reader.read(1.0) == Pressure()
    assert len(reader.notes) == 1
    assert "PSI" in reader.notes[0]


@pytest.mark.parametrize("garbage", [b"some avg10\n", b"\n", b"some avg10=1=2 \x00\n\n"])
def test_garbage_is_a_value_error(garbage: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(garbage)


def test_the_time_in_which_all_stalled(tree: Tree) -> None:
    tree.whole()
    reader = PressureReader(tree.roots)
    reader.read(0.0)
    tree.proc("pressure/io", PSI.replace("total=400000", "total=900000"))
    stall = reader.read(2.0).io
    assert stall is not None
    assert stall.some_percent == 0.0
    assert stall.full_percent == pytest.approx(25.0)
