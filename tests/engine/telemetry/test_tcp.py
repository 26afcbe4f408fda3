import mmap

import pytest

from engine.telemetry.procfs.tcp import TcpReader
from engine.telemetry.roots import Roots
from tests.engine.telemetry.conftest import Tree

SNMP = """\
Ip: Forwarding DefaultTTL
Ip: 2 64
Tcp: RtoAlgorithm ActiveOpens PassiveOpens AttemptFails CurrEstab OutSegs RetransSegs OutRsts
Tcp: 1 {} {} 3 42 {} {} 88
Udp: InDatagrams InErrors
Udp: 103 {}
"""
SOCKSTAT = "sockets: used 190\nTCP: inuse 50 orphan 2 tw 7 alloc 60 mem 10\nUDP: inuse 3 mem 1\n"
NETSTAT = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 0 1 {}\n"


def test_figures_and_rates(tree: Tree) -> None:
    tree.proc("net/snmp", SNMP.format(10, 20, 1000, 5, 0))
    tree.proc("net/sockstat", SOCKSTAT)
    tree.proc("net/netstat", NETSTAT.format(4))
    reader = TcpReader(tree.roots)
    first = reader.read(0.0)
    assert first is not None
    assert (first.established, first.time_wait, first.orphans, first.sockets) == (42, 7, 2, 190)
    assert first.memory_bytes == 10 * mmap.PAGESIZE
    assert (first.retransmits_s, first.retransmit_percent, first.listen_drops_s) == (0.0, 0.0, 0.0)
    tree.proc("net/snmp", SNMP.format(12, 30, 1090, 15, 4))
    tree.proc("net/netstat", NETSTAT.format(6))
    tcp = reader.read(2.0)
    assert tcp is not None
    assert (tcp.opened_s, tcp.accepted_s, tcp.retransmits_s, tcp.listen_drops_s) == (1.0, 5.0, 5.0, 1.0)
    assert tcp.retransmit_percent == pytest.approx(10.0)
    assert tcp.udp_errors_s == 2.0


def test_a_node_that_hides_it(tree: Tree) -> None:
    assert TcpReader(tree.roots).read(0.0) is None


def test_an_old_kernel_without_netstat(tree: Tree) -> None:
    tree.proc("net/snmp", SNMP.format(1, 2, 3, 4, 5))
    tcp = TcpReader(tree.roots).read(0.0)
    assert tcp is not None
    assert tcp.listen_drops_s is None


def test_garbage_is_a_value_error(tree: Tree) -> None:
    tree.proc("net/snmp", "Tcp: ActiveOpens\nTcp: many\n")
    with pytest.raises(ValueError, match="many"):
        TcpReader(tree.roots).read(0.0)


def test_this_node() -> None:
    tcp = TcpReader(Roots()).read(0.0)
    assert tcp is not None
    assert tcp.sockets > 0
