"""What the command palette understands beside the names of commands: ``pid 123`` and ``port 443``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from textual.command import Hit, Hits, Provider
from textual.content import Content

from engine.snapshot import Process
from tui.screens.dashboard import DashboardScreen

_ASKED = re.compile(r"\s*(?:(pid|port)\s*)?(\d{1,10})\s*", re.IGNORECASE)


class ProcessProvider(Provider):
    """Goes to a process by its number, or by the port that it listens on."""

    async def search(self, query: str) -> Hits:
        """A bare number may be either."""
        match = _ASKED.fullmatch(query)
        screen = self.screen
        if match is None or not isinstance(screen, DashboardScreen) or screen.taken is None:
            return
        kind, wanted = (match[1] or "").lower(), int(match[2])
        if kind != "port":
            for process in screen.taken.snapshot.processes:
                if process.pid == wanted:
                    yield self._hit(screen, process, f"pid {wanted}: {process.name}", process.command)
        if kind != "pid":
            for process, where in _listening(screen, wanted):
                yield self._hit(screen, process, f"port {wanted}: {process.name} ({process.pid})", where)

    def _hit(self, screen: DashboardScreen, process: Process, label: str, note: str) -> Hit:
        # As content, for text of the node is no markup.
        shown = Content(label).append(Content.styled(f"\n{note[:200]}", "dim"))
        return Hit(1.0, shown, self._goer(screen, process.pid), text=label)

    def _goer(self, screen: DashboardScreen, pid: int) -> Callable[[], None]:
        def go() -> None:
            screen.show_table()
            if not screen.processes.jump(pid):
                screen.notify(f"{pid} has ended", timeout=4, markup=False)

        return go


def _listening(screen: DashboardScreen, port: int) -> Iterator[tuple[Process, str]]:
    """Who listens on a port, each once, with the first of his sockets there."""
    assert screen.taken is not None
    snapshot = screen.taken.snapshot
    by_pid = {process.pid: process for process in snapshot.processes}
    seen: set[int] = set()
    for socket in snapshot.listeners:
        if socket.port == port and socket.pid in by_pid and socket.pid not in seen:
            seen.add(socket.pid)
            yield by_pid[socket.pid], f"{socket.protocol} {socket.address}"
