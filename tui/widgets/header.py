"""The top line: which node this is, for how long it has been up, its load, the time, and how many findings are open."""

from __future__ import annotations

import time

from textual.strip import Strip

from engine import units
from engine.finding import Finding
from engine.snapshot import Snapshot
from tui.look import Look
from tui.widgets.paint import Row
from tui.widgets.panel import Panel


class HeaderLine(Panel):
    """One line over the whole width; what does not fit is left out from the least important on."""

    def __init__(self, look: Look, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(look, id=id)
        self._snapshot: Snapshot | None = None
        self._findings: tuple[Finding, ...] = ()
        self._frozen = False

    def show(self, snapshot: Snapshot, findings: tuple[Finding, ...], *, frozen: bool = False) -> None:
        """Show the newest sample."""
        self._snapshot, self._findings, self._frozen = snapshot, findings, frozen
        self.redraw()

    def draw(self, width: int, height: int) -> list[Strip]:
        """The line."""
        look, snapshot = self.look, self._snapshot
        row = Row(look).add(" telltop", look.title)
        if snapshot is None:
            return [row.add("  taking the first sample", look.dim).strip(width)]
        right = self._right(snapshot, narrow=width < 60)
        parts = (
            (f"  {snapshot.host.name}", look.strong),
            (f"  load {' '.join(f'{value:.2f}' for value in snapshot.cpu.load)}", look.text),
            (f"  up {units.span(snapshot.uptime_s)}", look.label),
            (f"  {snapshot.host.system}", look.dim),
        )
        for text, style in parts:
            if row.cells + len(text) + right.cells + 2 <= width:
                row.add(text, style)
        row.skip_to(max(row.cells, width - right.cells - 1)).extend(right)
        return [row.strip(width)]

    def _right(self, snapshot: Snapshot, *, narrow: bool) -> Row:
        look = self.look
        row = Row(look)
        if self._frozen:
            row.add("FROZEN ", look.warn)
        for severity in ("critical", "warning"):
            count = sum(finding.severity == severity for finding in self._findings)
            if count:
                row.add(f"{look.mark(severity)} {count} {severity}  ", look.severity(severity))
        if not self._findings and not narrow:
            row.add(f"{look.glyphs.quiet} nothing wrong  ", look.good)
        return row.add(time.strftime("%H:%M:%S", time.localtime(snapshot.time)), look.label)
