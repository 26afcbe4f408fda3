import pytest

from engine.telemetry.procfs.network import NetworkReader, parse
from tests.engine.telemetry.conftest import NET_DEV, Tree


def test_rates_and_interfaces_that_come_and_go(tree: Tree) -> None:
    tree.proc("net/dev", NET_DEV)
    reader = NetworkReader(tree.roots)
    assert [(i.name, i.receive_bytes_s) for i in reader.read(0.0)] == [("lo", 0.0), ("eth0", 0.0)]
    veth = " veth1: 99999 9 0 0 0 0 0 0 99999 9 0 0 0 0 0 0\n"
    tree.proc("net/dev", NET_DEV.replace("eth0:5000      50    1    2", "eth0:9000      58    2    3") + veth)
    _, wire, new = reader.read(2.0)
    assert (wire.receive_bytes_s, wire.receive_packets_s, wire.errors_s) == (2000.0, 4.0, 1.0)
    assert wire.transmit_bytes_s == 0.0
    assert (new.name, new.receive_bytes_s) == ("veth1", 0.0)
    tree.proc("net/dev", NET_DEV)  # eth0 was made anew: its counters begin again
    assert [(i.name, i.receive_bytes_s) for i in reader.read(3.0)] == [("lo", 0.0), ("eth0", 0.0)]


def test_hostile_names_are_inert() -> None:
    raw = b"a\nb\n\x1b[31m: 1 2 3 4 5 6 7 8 9 10 11 12\n\xff\xfe: 1 2 3 4 5 6 7 8 9 10 11 12\n"
    assert list(parse(raw)) == ["\\x1b[31m", "\\xff\\xfe"]


def test_garbage_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="columns"):
        parse(b"a\nb\neth0: 1 2\n")
    with pytest.raises(ValueError, match="invalid literal"):
        parse(b"a\nb\neth0: 1 2 x 4 5 6 7 8 9 10 11 12\n")


def test_errors_and_drops_of_each_direction(tree: Tree) -> None:
    tree.proc("net/dev", NET_DEV)
    reader = NetworkReader(tree.roots)
    reader.read(0.0)
    tree.proc("net/dev", NET_DEV.replace("50    1    2 ", "50    3    6 ").replace("70    3    4 ", "70    9   12 "))
    wire = reader.read(2.0)[1]
    assert (wire.receive_errors_s, wire.receive_drops_s) == (1.0, 2.0)
    assert (wire.transmit_errors_s, wire.transmit_drops_s) == (3.0, 4.0)
    assert wire.errors_s == 10.0
