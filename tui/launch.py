"""From the command line to the first frame: sampling begins before the screen's libraries are even read."""

from __future__ import annotations

import os
import sys

from engine.config import Config
from engine.local_node import LocalNode
from tui.terminal import Guard


def run(config: Config, guard: Guard) -> int:
    """Open the dashboard; returns the exit code. Raises what made it end unexpectedly, once the terminal is back."""
    node = LocalNode(config)
    node.prime()
    # Over a line that delivers the rest of a key's sequence later than this, Esc comes a moment early; without it
    # every Esc waits a tenth of a second for a sequence that never comes.
    os.environ.setdefault("ESCDELAY", "30")

    # The thread that runs the model takes the interpreter once a token: it waits half a millisecond for a frame that is
    # being drawn, not five.
    sys.setswitchinterval(0.0005)

    from tui.app import TelltopApp

    app = TelltopApp(node, config)
    app.run()
    if app.undelivered:
        guard.restore()
    if app.failure is not None:
        raise app.failure
    return app.return_code or 0
