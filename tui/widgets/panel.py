"""A panel that draws itself line by line and repaints only the cells that changed."""

from __future__ import annotations

from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from tui.look import Look
from tui.widgets.paint import changed_cells


class Panel(Widget):
    """Base of all drawn panels: subclasses say in :meth:`draw` what is seen, and call :meth:`redraw` after a change.

    The widget has no CSS box of its own: ``render_lines`` hands out finished strips, so that a frame costs little
    and a panel whose cells did not change writes nothing to the terminal.
    """

    def __init__(self, look: Look, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self.look = look
        self._strips: list[Strip] = []
        self._drawn = Size(0, 0)

    def draw(self, width: int, height: int) -> list[Strip]:
        """Exactly ``height`` strips of ``width`` cells."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw again and mark the cells that differ."""
        size = self.size
        if not size or not self.is_mounted:
            return
        fresh = self.draw(size.width, size.height)
        stale, self._strips = self._strips, fresh
        if size != self._drawn or len(stale) != len(fresh):
            self._drawn = size
            self.refresh()
            return
        regions: list[Region] = []
        for y, (old, new) in enumerate(zip(stale, fresh, strict=True)):
            if old is not new:
                regions += [Region(start, y, end - start, 1) for start, end in changed_cells(old, new)]
        if regions:
            self.refresh(*regions)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The strips of a region, drawn anew where the size has changed since."""
        size = self.size
        if size != self._drawn:
            self._strips = self.draw(size.width, size.height)
            self._drawn = size
        lines = self._strips[crop.y : crop.bottom]
        if crop.x == 0 and crop.right >= size.width:
            return lines
        return [line.crop(crop.x, crop.right) for line in lines]

    def on_focus(self) -> None:
        """A focused panel has a brighter frame."""
        self.redraw()

    def on_blur(self) -> None:
        """And loses it again."""
        self.redraw()
