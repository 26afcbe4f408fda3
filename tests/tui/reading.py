"""Reading the screen of an app under test as text."""

from __future__ import annotations

from tui.app import TelltopApp


def lines(app: TelltopApp) -> list[str]:
    """The rows of the screen."""
    screen = app.screen
    return [strip.text for strip in screen._compositor.render_strips(screen.size)]


def text(app: TelltopApp) -> str:
    """The whole screen."""
    return "\n".join(lines(app))
