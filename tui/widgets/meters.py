"""The node in two lines, for terminals too small for panels."""

from __future__ import annotations

from textual.strip import Strip

from engine import units
from engine.snapshot import Snapshot
from tui.look import Look
from tui.widgets.paint import Row, bar, pad_rows
from tui.widgets.panel import Panel


class Meters(Panel):
    """Processor, memory, swap and pressure; disks, network and GPUs below."""

    def __init__(self, look: Look, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(look, id=id)
        self._snapshot: Snapshot | None = None

    def show(self, snapshot: Snapshot) -> None:
        """Show a new sample."""
        self._snapshot = snapshot
        self.redraw()

    def draw(self, width: int, height: int) -> list[Strip]:
        """Two lines."""
        if self._snapshot is None:
            return pad_rows(self.look, [], width, height)
        return pad_rows(self.look, [self._upper(self._snapshot, width), self._lower(self._snapshot)], width, height)

    def _upper(self, snapshot: Snapshot, width: int) -> Row:
        look, memory = self.look, snapshot.memory
        room = max(2, (width - 46) // 2)
        row = Row(look).add(" cpu ", look.label).extend(bar(look, snapshot.cpu.percent, room))
        row.add(f"{snapshot.cpu.percent:4.0f}%", look.heat(snapshot.cpu.percent))
        row.add("  mem ", look.label).extend(bar(look, memory.percent, room))
        row.add(f"{memory.percent:4.0f}%", look.heat(memory.percent))
        if memory.swap_total_bytes:
            row.add(f" swap {memory.swap_percent:2.0f}%", look.heat(memory.swap_percent))
        pressure = snapshot.pressure
        stalls = [stall.some_avg10 for stall in (pressure.cpu, pressure.memory, pressure.io) if stall is not None]
        if stalls:
            row.add("  psi", look.label)
            for stall in stalls:
                row.add(f" {stall:.0f}", look.heat(stall * 2))
        return row

    def _lower(self, snapshot: Snapshot) -> Row:
        look, glyphs = self.look, self.look.glyphs
        wires = [wire for wire in snapshot.interfaces if wire.name != "lo"]
        row = Row(look).add(" disk", look.label)
        row.add(f" r {units.compact(sum(disk.read_bytes_s for disk in snapshot.disks)):>4}")
        row.add(f" w {units.compact(sum(disk.write_bytes_s for disk in snapshot.disks)):>4}")
        row.add("  net", look.label)
        row.add(f" {glyphs.down} {units.compact(sum(wire.receive_bytes_s for wire in wires)):>4}")
        row.add(f" {glyphs.up} {units.compact(sum(wire.transmit_bytes_s for wire in wires)):>4}")
        if snapshot.filesystems:
            fullest = max(snapshot.filesystems, key=lambda system: system.percent)
            row.add("  fs ", look.label).cell(fullest.mount, min(12, len(fullest.mount)), look.dim)
            row.add(f" {fullest.percent:.0f}%", look.heat(fullest.percent))
        if not snapshot.gpus:
            return row.add("  gpu none", look.dim)
        busiest = max(snapshot.gpus, key=lambda gpu: gpu.busy_percent or 0)
        return row.add("  gpu", look.label).add(
            f" {busiest.busy_percent or 0:.0f}%", look.heat(busiest.busy_percent or 0)
        )
