"""Partial updates that start where the change starts.

Textual's own partial update writes a changed line from the left edge of its widget; on a slow line the cells that did
not change are most of what it sends.
"""

from __future__ import annotations

from rich.console import Console, RenderableType
from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.screen import Screen


class SpanUpdate(ChopsUpdate):
    """Writes of each changed line only the changed columns."""

    def render_segments(self, console: Console) -> str:
        """The escape sequences and text of the update."""
        pieces: list[str] = []
        for y, x1, x2 in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is None or x >= x2 or end <= x1:
                    continue
                left, right = max(x, x1), min(end, x2)
                part = strip if (left, right) == (x, end) else strip.crop(left - x, right - x)
                pieces.append(f"\x1b[{y + 1};{left + 1}H{part.render(console)}")
        return "".join(pieces)


class SpanCompositor(Compositor):
    """A compositor whose partial updates are :class:`SpanUpdate`."""

    def render_partial_update(self) -> SpanUpdate | None:
        """Render what is dirty, ``None`` where nothing is."""
        regions = self._dirty_regions.copy()
        self._dirty_regions.clear()
        screen = self.size.region
        spans = [span for span in self._regions_to_spans(regions) if screen.contains(0, span[0])] if regions else []
        if not spans:
            return None
        crop = Region.from_union(list(regions)).intersection(screen)
        lines = {y for y, _, _ in spans}
        chops = self._render_chops(crop, lines.__contains__)
        return SpanUpdate(chops, spans, [cuts[1:] for cuts in self.cuts])


_MANY_REGIONS = 500


def put_back(screen: Screen[object], update: RenderableType) -> None:
    """Mark as dirty again what an update that is not shown would have painted."""
    dirty = screen._compositor._dirty_regions
    if isinstance(update, ChopsUpdate) and len(dirty) + len(update.spans) < _MANY_REGIONS:
        dirty.update(Region(start, y, end - start, 1) for y, start, end in update.spans)
    else:
        dirty.clear()
        dirty.add(screen._compositor.size.region)
