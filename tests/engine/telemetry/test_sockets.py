import os
import socket
from pathlib import Path

import pytest

from engine.snapshot import Listener
from engine.telemetry.procfs import sockets
from engine.telemetry.procfs.sockets import SocketReader, address_of
from engine.telemetry.reader import Sockets
from engine.telemetry.roots import Roots
from tests.engine.telemetry.conftest import Tree

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def line(local: str, remote: str, state: str, inode: int) -> str:
    return f"   0: {local} {remote} {state} 00000000:00000000 00:00000000 00000000  0  0 {inode} 1 0 100 0 0 10 0\n"


@pytest.fixture
def node(tree: Tree) -> Tree:
    any6, local6 = "0" * 32, "00000000000000000000000001000000"
    tree.proc(
        "net/tcp",
        HEAD
        + line("00000000:0016", "00000000:0000", "0A", 11)
        + line("0100007F:1F90", "00000000:0000", "0A", 12)
        + line("0100007F:1F90", "0100007F:C001", "01", 20)
        + line("0100007F:C001", "0100007F:1F90", "01", 21)
        + line("0100007F:C002", "0100007F:1F90", "06", 0),
    )
    tree.proc("net/tcp6", HEAD + line(f"{any6}:0050", f"{any6}:0000", "0A", 13))
    tree.proc("net/udp", HEAD + line("3500007F:0035", "00000000:0000", "07", 14))
    tree.proc("net/udp6", HEAD + line(f"{local6}:0035", f"{local6}:0100", "01", 15))
    tree.process(700, b"sshd")
    tree.proc("700/comm", "sshd\n")
    (tree.roots.proc / "700/fd").mkdir()
    (tree.roots.proc / "700/fd/3").symlink_to("socket:[11]")
    (tree.roots.proc / "700/fd/4").symlink_to("/dev/null")
    return tree


def test_listeners_and_states(node: Tree) -> None:
    found = SocketReader(node.roots).read(0.0)
    assert found.listeners == (
        Listener("tcp", "0.0.0.0", 22, True, 700, "sshd"),
        Listener("tcp", "::", 80, True),
        Listener("tcp", "127.0.0.1", 8080, False),
        Listener("udp", "127.0.0.53", 53, False),
    )
    assert found.states == (("ESTAB", 2), ("TIME-WAIT", 1))
    assert not found.partial


def test_a_holder_that_ended_is_not_shown_on(node: Tree) -> None:
    reader = SocketReader(node.roots)
    reader.read(0.0)
    node.proc("700/comm", "other\n")  # the pid is somebody else's now
    (node.roots.proc / "700/fd/3").unlink()
    node.process(701, b"heir")
    node.proc("701/comm", "heir\n")
    (node.roots.proc / "701/fd").mkdir()
    (node.roots.proc / "701/fd/9").symlink_to("socket:[11]")
    assert reader.read(30.0).listeners[0].pid == 701


def test_the_list_is_cut_and_says_so(node: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "MOST_BYTES", 300)
    found = SocketReader(node.roots).read(0.0)
    assert found.partial
    assert found.listeners


def test_a_node_that_hides_them(tree: Tree) -> None:
    assert SocketReader(tree.roots).read(0.0) == Sockets()


@pytest.mark.parametrize("text", [b"", b"zz:1", b"0100007F", b"01:0016"])
def test_an_address_of_garbage(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        address_of(text)


def test_a_listener_of_ones_own_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("0.0.0.0", 0)) as wide:
        listeners = {one.port: one for one in SocketReader(Roots()).read(0.0).listeners}
        own, everywhere = listeners[server.getsockname()[1]], listeners[wide.getsockname()[1]]
    assert (own.protocol, own.address, own.wildcard, own.pid) == ("tcp", "127.0.0.1", False, os.getpid())
    assert own.name == Path("/proc/self/comm").read_text().rstrip("\n")
    assert everywhere.wildcard
