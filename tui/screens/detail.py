"""The screen of one process. It is read in a thread of its own, for a read of procfs may hang for ever."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.screen import Screen

from engine.errors import TelemetryError
from engine.snapshot import Process, Snapshot
from engine.telemetry.inspect import Details, GoneError, inspect
from tui.compositor import SpanCompositor
from tui.look import Look
from tui.widgets.details import DetailPanel

Read = Callable[[int, float], Details]

_EVERY_S = 1.0
_SHARE = 0.1
"""Reading may take at most this share of the time: the kernel holds the process's memory map meanwhile."""
_PATIENCE_S = 3.0


class Answer(Message):
    """What was read of the process, or why nothing was."""

    def __init__(self, details: Details | TelemetryError) -> None:
        super().__init__()
        self.details = details


class DetailScreen(Screen[None]):
    """Details of a process once a second, graphs with every sample; both go on while it is open."""

    CSS_PATH = "detail.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,q,d,ctrl+c,f10", "dismiss", "Close"),
        ("k,f9", "signal", "Signal"),
    ]

    def __init__(
        self,
        look: Look,
        process: Process,
        before: Iterable[Snapshot],
        signal: Callable[[Process], None],
        read: Read = inspect,
    ) -> None:
        super().__init__()
        self._compositor = SpanCompositor()
        self.panel = DetailPanel(look, process, id="detail")
        self._before = list(before)
        self._signal = signal
        self._read = read
        self._asked = 0.0
        self._reading = False
        self._next = 0.0

    def compose(self) -> ComposeResult:
        """One panel."""
        yield self.panel

    def on_mount(self) -> None:
        """Begin with what is known, and ask for the rest."""
        for snapshot in self._before:
            self.panel.show(snapshot, newest=False)
        self._before.clear()
        if sys.platform != "linux":
            self.panel.say("no more is told by this system")
            return
        self._tick()
        self.set_interval(_EVERY_S, self._tick)

    def show(self, snapshot: Snapshot) -> None:
        """Take a new sample."""
        self.panel.show(snapshot)

    def _tick(self) -> None:
        now = time.monotonic()
        if self._reading:
            if now - self._asked > _PATIENCE_S:
                self.panel.say(f"the kernel has not answered for {now - self._asked:.0f} s")
        elif now >= self._next and not self.panel.ended:
            self._reading, self._asked = True, now
            # Neither a worker of Textual's nor of asyncio's: the program would wait at its end for one that hangs.
            threading.Thread(target=self._ask, name="telltop-details", daemon=True).start()

    def _ask(self) -> None:
        """In the thread."""
        process = self.panel.process
        try:
            self.post_message(Answer(self._read(process.pid, process.started)))
        except TelemetryError as error:
            self.post_message(Answer(error))

    def on_answer(self, message: Answer) -> None:
        """What the thread has read."""
        now = time.monotonic()
        self._reading = False
        self._next = now + (now - self._asked) * (1 / _SHARE - 1) - _EVERY_S / 2
        match message.details:
            case Details() as details:
                self.panel.tell(details)
            case GoneError():
                self.panel.say("has ended", ended=True)
            case error:
                self.panel.say(str(error))

    def action_signal(self) -> None:
        """Send this very process a signal."""
        self._signal(self.panel.process)

    def on_key(self, event: events.Key) -> None:
        """Scroll."""
        page = max(1, self.panel.size.height - 10)
        steps = {"up": -1, "down": 1, "pageup": -page, "pagedown": page, "home": -1_000_000, "end": 1_000_000}
        if event.key in steps:
            event.stop()
            self.panel.scroll(steps[event.key])

    def on_mouse_scroll_down(self) -> None:
        """The wheel scrolls."""
        self.panel.scroll(3)

    def on_mouse_scroll_up(self) -> None:
        """The wheel scrolls."""
        self.panel.scroll(-3)
