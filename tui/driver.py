"""Textual's driver for a terminal, with a writer that never blocks and job control by any order of signals."""

from __future__ import annotations

import os
import selectors
from codecs import getincrementaldecoder
from functools import partial
from typing import Any

from textual import constants
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers._writer_thread import WriterThread
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from tui.writer import Writer

_LOOK_S = 0.1
"""How often the input thread looks whether it is to end."""


class CaughtUp(Message):
    """The terminal has taken all that waited: the screen may be brought up to date."""

    bubble = False


class TerminalDriver(LinuxDriver):
    """A terminal that may stop reading, stop the program, or go away."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        self._writer: Writer | None = None
        self._away = False
        self.undelivered = False
        """The last words could not be written: somebody else has to restore the terminal."""
        super().__init__(app, debug=debug, mouse=mouse, size=size)

    @property
    def late(self) -> bool:
        """The terminal does not take what is written: see :attr:`Writer.late`."""
        return self._writer is not None and self._writer.late

    # Textual makes a writer, starts it, writes to it and stops it by this name.
    @property
    def _writer_thread(self) -> Any:
        return self._writer

    @_writer_thread.setter
    def _writer_thread(self, thread: WriterThread | None) -> None:
        self._writer = None
        if thread is not None and self._file is not None:
            encode = partial(_encoded, encoding=self._file.encoding)
            self._writer = Writer(self._file.fileno(), encode, self._tell)

    def _tell(self) -> None:
        self._app.post_message(CaughtUp())

    def write(self, data: str) -> None:
        """Take a piece; dropped while the shell has the terminal."""
        if self._writer is not None:
            self._writer.write(data)

    def close(self) -> None:
        """Write what waits, for a while."""
        super().close()
        self.undelivered = self._writer is not None and self._writer.undelivered
        self._writer = None

    def run_input_thread(self) -> None:
        """Read keys and dispatch them. Textual looks every tenth of a second whether an Esc stayed alone; after input
        this looks when that is decided, so that Esc stops a text at once.
        """
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")().decode
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            wait_s = _LOOK_S
            while not self.exit_event.is_set():
                if selector.select(wait_s):
                    content = os.read(self.fileno, 4096)
                    if not content:  # nobody will type any more: it is for signals and hang-ups to end the program
                        self.exit_event.wait(_LOOK_S)
                    elif text := decode(content):
                        for event in parser.feed(text):
                            self.process_message(event)
                    wait_s = constants.ESCAPE_DELAY + 0.002
                else:
                    wait_s = _LOOK_S
                for event in parser.tick():
                    self.process_message(event)

    def _sigtstp_application(self, *_: object) -> None:
        """Ctrl-Z, or a SIGTSTP from elsewhere."""
        if self._away:
            return
        self._away = True
        super()._sigtstp_application()

    def _sigcont_application(self, *_: object) -> None:
        """``fg``. After a plain SIGSTOP, which nobody sees coming, the modes that the shell set are set again."""
        if not self._away:
            if not self._auto_restart:
                return
            self.suspend_application_mode()
            self._must_signal_resume = True
        super()._sigcont_application()
        self._away = False


def _encoded(text: str, *, encoding: str) -> bytes:
    return text.encode(encoding, "backslashreplace")
