"""The application: wires the node to the dashboard, and leaves the terminal as it was."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Iterable
from typing import ClassVar

from rich.console import RenderableType
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import Screen

from engine.config import Config
from engine.control import Control
from engine.node import Node
from tui.actions import available
from tui.bridge import Bridge, EngineSpoke
from tui.compositor import put_back
from tui.driver import TerminalDriver
from tui.filters import Colourless, Plain
from tui.look import Look, make_look
from tui.palette import ProcessProvider
from tui.screens.dashboard import DashboardScreen

log = logging.getLogger("telltop")

_THEME = "ansi-dark"
"""The terminal's own colours and background: shortest on the wire, and what the operator has chosen."""
_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class TelltopApp(App[int]):
    """One node on one screen."""

    TITLE = "telltop"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+z", "suspend_process", "Suspend", show=False, priority=True)  # whichever screen is on top
    ]
    CSS_PATH = "screens/dashboard.tcss"
    ENABLE_COMMAND_PALETTE = True
    COMMANDS = App.COMMANDS | {ProcessProvider}

    def __init__(self, node: Node, config: Config, control: Control | None = None) -> None:
        super().__init__(ansi_color=True)
        self.theme = _THEME
        color = config.color == "always" or (config.color == "auto" and not self.no_color)
        self.look: Look = make_look(ascii_only=config.ascii, color=color)
        # In place of Textual's own filter for NO_COLOR, which turns the terminal's colours to black on black.
        self._filters = [one for one, wanted in ((Colourless(), not color), (Plain(), config.ascii)) if wanted]
        self.node = node
        self._read_only = config.read_only
        self.bridge = Bridge(self.post_message)
        self.dashboard = DashboardScreen(node, self.look, read_only=config.read_only, control=control)
        self.failure: Exception | None = None

    def get_driver_class(self) -> type[Driver]:
        """A driver that never blocks, in place of Textual's own for terminals."""
        usual = super().get_driver_class()
        return TerminalDriver if usual is LinuxDriver else usual

    @property
    def undelivered(self) -> bool:
        """The terminal did not take the last words, so that it is not restored."""
        return isinstance(self._driver, TerminalDriver) and self._driver.undelivered

    def get_default_screen(self) -> Screen[None]:
        """The dashboard is the first screen: no other is drawn before it."""
        return self.dashboard

    def on_mount(self) -> None:
        """Make every polite way to end a program end this one."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._end_by, number)
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))

    def on_ready(self) -> None:
        """Every panel is there: let the node speak."""
        self.node.start(self.bridge)

    def _end_by(self, number: signal.Signals) -> None:
        log.info("ended by %s", number.name)
        self.exit(return_code=128 + number)

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        """Leave out the frame when the terminal does not keep up: what it would have changed stays to be painted."""
        if renderable is not None and isinstance(self._driver, TerminalDriver) and self._driver.late:
            put_back(screen, renderable)
        else:
            super()._display(screen, renderable)

    def on_caught_up(self) -> None:
        """The terminal has taken all: paint what changed meanwhile, once."""
        if self._screen_stack:
            self.screen._compositor_refresh()

    async def on_engine_spoke(self, message: EngineSpoke) -> None:
        """Hand on what the engine said, and repaint once for all of it."""
        message.stop()
        with self.batch_update():
            await self.dashboard.tell(self.bridge.drain())

    async def on_unmount(self) -> None:
        """Leave no thread behind."""
        await self.node.close()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette offers the actions of the registry."""
        for action in available(read_only=self._read_only):
            if action.group != "General" or action.footer:
                yield SystemCommand(action.help, f"key {action.shown_key}", self._runner(action.name))

    def _runner(self, name: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            await self.dashboard.run_action(name)

        return run

    def _handle_exception(self, error: Exception) -> None:
        """A crash is a line in the log with its traceback; the person gets a sentence once the terminal is back."""
        log.critical("unexpected error", exc_info=error)
        self.failure = error
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._return_code = 1
        self._close_messages_no_wait()
