"""A scrolled space for words."""

from __future__ import annotations

from textual.containers import VerticalScroll


class Paper(VerticalScroll):
    """A scrolled space for prose that follows its end until the reader scrolls up."""

    can_focus = True

    def follow(self) -> None:
        """Follow the end once there is more than fits: an anchored space would push a short text to its bottom."""
        if not self.is_anchored and self.max_scroll_y > 0:
            self.anchor()

    def restart(self) -> None:
        """Begin at the top again."""
        self.anchor(False)
        self.scroll_home(animate=False)
