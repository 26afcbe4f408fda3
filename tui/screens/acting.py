"""The part of the dashboard that acts on processes, and shows one whole."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.screen import Screen

from engine.control import Act, Control, Nicer, Outcome, Target, summary
from engine.snapshot import Process, Snapshot
from tui.look import Look
from tui.screens import menus
from tui.widgets.processes import ProcessTable

if TYPE_CHECKING:
    from tui.screens.detail import DetailScreen

_RECENT = 60
"""Samples from before the screen of a process is opened; the node keeps the same objects for its findings."""
_READ_ONLY = "telltop looks only: it was started with --read-only (or the setting read_only)"


class ActingScreen(Screen[None]):
    """What tui/actions.py names with ``acts``. The targets are those of the moment at which the key was pressed."""

    processes: ProcessTable

    def __init__(self, look: Look, *, read_only: bool, control: Control | None) -> None:
        super().__init__()
        self._look = look
        self._read_only = read_only
        self._control = control or Control()
        self._recent: deque[Snapshot] = deque(maxlen=_RECENT)
        self._detail: DetailScreen | None = None

    def heed(self, snapshot: Snapshot) -> None:
        """Keep a new sample for the screen of a process, and show it there if one is open."""
        self._recent.append(snapshot)
        if self._detail is not None and self._detail.is_mounted:
            self._detail.show(snapshot)

    def action_detail(self) -> None:
        """Show the process under the cursor whole."""
        from tui.screens.detail import DetailScreen

        process = self.processes.selected
        if process is not None:
            self._detail = DetailScreen(self._look, process, self._recent, self._signal_one)
            self.app.push_screen(self._detail, self._forget_detail)

    def _forget_detail(self, _: None) -> None:
        self._detail = None

    def _signal_one(self, process: Process) -> None:
        if self._may():
            self._open((Target.of(process),), menus.signals())

    def action_signal(self) -> None:
        """Choose a signal to send."""
        if targets := self._targets():
            self._open(targets, menus.signals())

    def action_renice(self) -> None:
        """Choose a niceness."""
        if targets := self._targets():
            self._open(targets, menus.niceness(targets))

    def action_ionice(self) -> None:
        """Choose an I/O priority."""
        if targets := self._targets():
            self._open(targets, menus.io_priorities())

    def action_affinity(self) -> None:
        """Choose the processors."""
        if targets := self._targets():
            self._open(targets, menus.processors(targets))

    def action_nicer(self, step: int) -> None:
        """Raise or lower the niceness at once, as in htop."""
        if targets := self._targets():
            self.run_worker(self._apply(Nicer(step), targets))

    def action_suspend(self) -> None:
        """Give the terminal back to the shell until ``fg``."""
        self.app.action_suspend_process()

    def _targets(self) -> tuple[Target, ...]:
        """The tagged processes, else the one under the cursor; none where nothing may be done."""
        return tuple(map(Target.of, self._chosen())) if self._may() else ()

    def _may(self) -> bool:
        if self._read_only:
            self.app.notify(_READ_ONLY, severity="warning", markup=False, timeout=6)
        return not self._read_only

    def _chosen(self) -> Sequence[Process]:
        return self.processes.targets

    def _open(self, targets: tuple[Target, ...], menu: menus.Menu) -> None:
        from tui.screens.act import ActScreen

        self.app.push_screen(ActScreen(self._look, self._control, targets, menu), self._told_of)

    async def _apply(self, act: Act, targets: tuple[Target, ...]) -> None:
        self._told_of(await asyncio.to_thread(self._control.apply, act, targets))

    def _told_of(self, outcomes: list[Outcome] | None) -> None:
        """What became of it, in a line; a menu has told of each target where there were several."""
        if not outcomes:
            return
        text = outcomes[0].sentence if len(outcomes) == 1 else summary(outcomes)
        trouble = not all(outcome.done for outcome in outcomes)
        self.app.notify(
            text, severity="warning" if trouble else "information", markup=False, timeout=8 if trouble else 3
        )
