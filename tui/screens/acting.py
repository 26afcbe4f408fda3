"""The part of the dashboard that acts on processes, and shows one whole."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from textual.screen import Screen

from engine.control import Act, Control, Nicer, Outcome, Target, summary
from engine.snapshot import Process
from tui.look import Look
from tui.screens import menus
from tui.widgets.processes import ProcessTable

_READ_ONLY = "telltop looks only: it was started with --read-only (or the setting read_only)"


class ActingScreen(Screen[None]):
    """What tui/actions.py names with ``acts``. The targets are those of the moment at which the key was pressed."""

    processes: ProcessTable

    def __init__(self, look: Look, *, read_only: bool, control: Control | None) -> None:
        super().__init__()
        self._look = look
        self._read_only = read_only
        self._control = control or Control()

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
        if self._read_only:
            self.notify(_READ_ONLY, severity="warning", markup=False, timeout=6)
            return ()
        return tuple(map(Target.of, self._chosen()))

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
        self.notify(text, severity="warning" if trouble else "information", markup=False, timeout=8 if trouble else 3)
