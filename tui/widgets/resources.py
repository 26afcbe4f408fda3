"""The framed panels of the node's resources: processor, memory, pressure, disks, network, GPUs."""

from __future__ import annotations

from collections import deque

from textual.strip import Strip

from engine import units
from engine.snapshot import Disk, Filesystem, Gpu, Snapshot, Stall
from tui.look import Look
from tui.widgets.graph import area
from tui.widgets.paint import Row, bar, frame
from tui.widgets.panel import Panel

_KEPT = 400
"""Samples kept for graphs: two for each cell of the widest panel."""


class ResourcePanel(Panel):
    """A framed panel that shows a part of the newest snapshot."""

    def __init__(self, look: Look, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(look, id=id)
        self.snapshot: Snapshot | None = None

    def show(self, snapshot: Snapshot) -> None:
        """Show a new sample."""
        self.snapshot = snapshot
        self.redraw()

    def draw(self, width: int, height: int) -> list[Strip]:
        """The frame, around the body once there is a sample."""
        if self.snapshot is None:
            return frame(self.look, (width, height), self.title, [])
        body = self.body(self.snapshot, max(1, width - 2), max(1, height - 2))
        return frame(
            self.look,
            (width, height),
            self.title,
            body,
            right=self.figure(self.snapshot),
            foot=self.foot(self.snapshot),
        )

    title = ""

    def figure(self, snapshot: Snapshot) -> Row | None:
        """What stands at the right of the title."""

    def foot(self, snapshot: Snapshot) -> Row | None:
        """What stands in the lower edge."""

    def body(self, snapshot: Snapshot, width: int, height: int) -> list[Row]:
        """The rows inside the frame."""
        raise NotImplementedError


class CpuPanel(ResourcePanel):
    """Total use over time, each core, load, the split by kind, clock and temperature."""

    title = "cpu"

    def __init__(self, look: Look, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(look, id=id)
        self._history: deque[float] = deque(maxlen=_KEPT)

    def show(self, snapshot: Snapshot) -> None:
        """Show a new sample and remember its total."""
        self._history.append(snapshot.cpu.percent)
        super().show(snapshot)

    def figure(self, snapshot: Snapshot) -> Row:
        """The total."""
        return Row(self.look).add(units.percent(snapshot.cpu.percent), self.look.heat(snapshot.cpu.percent))

    def foot(self, snapshot: Snapshot) -> Row:
        """The split, and what the hardware says."""
        cpu = snapshot.cpu
        row = Row(self.look).add(f"us {cpu.user:.0f} sy {cpu.system:.0f} io {cpu.iowait:.0f}", self.look.label)
        if cpu.steal >= 0.5:
            row.add(f" st {cpu.steal:.0f}", self.look.warn)
        if cpu.frequency_mhz:
            row.add(f"  {cpu.frequency_mhz / 1000:.1f}GHz", self.look.dim)
        if cpu.temperature_c is not None:
            row.add(f" {cpu.temperature_c:.0f}C", self.look.heat(cpu.temperature_c))
        return row

    def body(self, snapshot: Snapshot, width: int, height: int) -> list[Row]:
        """The graph, and below it one row or more of cores."""
        cores = self._cores(snapshot, width, 1 if height < 5 else max(1, height // 2))
        return area(self.look, list(self._history), width, height - len(cores)) + cores

    def _cores(self, snapshot: Snapshot, width: int, most: int) -> list[Row]:
        look, cores = self.look, snapshot.cpu.per_core
        each = 13 if len(cores) * 13 <= width * most else 6
        columns = max(1, width // each)
        if len(cores) > columns * most:
            levels = look.glyphs.columns
            row = Row(look)
            for value in cores[:width]:
                row.add(levels[max(1, min(8, round(value / 12.5)))] if value > 0 else levels[0], look.heat(value))
            return [row]
        rows = []
        for first in range(0, len(cores), columns):
            row = Row(look)
            for number, value in enumerate(cores[first : first + columns], first):
                row.add(f"{number:>2} ", look.dim)
                if each == 13:
                    row.extend(bar(look, value, 5))
                row.add(f"{value:3.0f}" + ("% " if each == 13 else ""), look.heat(value))
            rows.append(row)
        return rows


class MemoryPanel(ResourcePanel):
    """Memory and swap as bars, with what is available, cached and dirty."""

    title = "memory"

    def figure(self, snapshot: Snapshot) -> Row:
        """Used of total."""
        memory = snapshot.memory
        return Row(self.look).add(
            f"{units.size(memory.used_bytes)} of {units.size(memory.total_bytes)}", self.look.label
        )

    def body(self, snapshot: Snapshot, width: int, height: int) -> list[Row]:
        """The bars, then the figures that there is room for."""
        look, memory = self.look, snapshot.memory
        rows = [self._bar("used", memory.percent, width)]
        if memory.swap_total_bytes:
            rows.append(self._bar("swap", memory.swap_percent, width))
        else:
            rows.append(Row(look).add(" swap none", look.dim))
        flow = memory.swap_in_bytes_s + memory.swap_out_bytes_s
        pairs = [
            ("avail", units.compact(memory.available_bytes)),
            ("cache", units.compact(memory.cached_bytes)),
            ("free", units.compact(memory.free_bytes)),
            ("dirty", units.compact(memory.dirty_bytes)),
            ("buffers", units.compact(memory.buffers_bytes)),
        ]
        if flow:
            pairs.insert(1, ("swapping", units.compact(flow) + "/s"))
        row = Row(look)
        for name, value in pairs:
            if row.cells + len(name) + len(value) + 2 > width:
                rows.append(row)
                row = Row(look)
            row.add(f" {name} ", look.dim).add(value, look.label)
        return [*rows, row][:height]

    def _bar(self, name: str, percent: float, width: int) -> Row:
        row = Row(self.look).add(f" {name} ", self.look.label).extend(bar(self.look, percent, max(1, width - 12)))
        return row.add(f" {percent:3.0f}%", self.look.heat(percent))


class PressurePanel(ResourcePanel):
    """Pressure stall information: the share of time in which tasks waited for a resource."""

    title = "pressure"

    def figure(self, snapshot: Snapshot) -> Row:
        """What the figures are."""
        return Row(self.look).add("some 10s 60s full", self.look.dim)

    def body(self, snapshot: Snapshot, width: int, height: int) -> list[Row]:
        """A row for each resource, or one line where the kernel has no PSI."""
        pressure = snapshot.pressure
        named = (("cpu", pressure.cpu), ("mem", pressure.memory), ("io", pressure.io))
        rows = [self._row(name, stall, width) for name, stall in named if stall is not None]
        rows = rows or [Row(self.look).add(" not reported by this kernel", self.look.dim)]
        for label, count in (("running", snapshot.cpu.runnable), ("blocked", snapshot.cpu.blocked)):
            rows.append(Row(self.look).add(f" {label} ", self.look.dim).add(str(count), self.look.label))
        return rows[:height]

    def _row(self, name: str, stall: Stall, width: int) -> Row:
        look = self.look
        row = Row(look).add(f" {name:<4}", look.label)
        row.extend(bar(look, stall.some_avg10, max(1, width - 22)))
        row.add(f" {stall.some_avg10:4.1f}", look.heat(stall.some_avg10 * 2))
        return row.add(f" {stall.some_avg60:4.1f} {stall.full_avg10:4.1f}", look.dim)


class DisksPanel(ResourcePanel):
    """Reads and writes of each device, then the fullest file systems."""

    title = "disks"

    def body(self, snapshot: Snapshot, width: int, height: int) -> list[Row]:
        """The busiest devices in half the rows, the fullest file systems in the rest."""
        disks = sorted(snapshot.disks, key=lambda disk: (-disk.busy_percent, disk.name))
        systems = sorted(snapshot.filesystems, key=lambda system: (-system.percent, system.mount))
        first = min(len(disks), max(1, height - len(systems), (height + 1) // 2))
        rows = [self._disk(disk, width) for disk in disks[:first]] or [Row(self.look).add(" no disks", self.look.dim)]
        return rows + [self._system(system, width) for system in systems[: height - len(rows)]]

    def _disk(self, disk: Disk, width: int) -> Row:
        look = self.look
        row = Row(look).add(" ").cell(disk.name, max(4, width - 26), look.label)
        row.add(" r", look.dim).cell(units.compact(disk.read_bytes_s), 5, right=True)
        row.add(" w", look.dim).cell(units.compact(disk.write_bytes_s), 5, right=True)
        return row.add(f"{disk.busy_percent:4.0f}%", look.heat(disk.busy_percent)).add(" busy", look.dim)

    def _system(self, system: Filesystem, width: int) -> Row:
        look = self.look
        row = Row(look).add(" ").cell(system.mount, max(4, width - 26), look.label)
        row.add(" free", look.dim).cell(units.compact(system.available_bytes), 6, right=True)
        row.add(f"{system.percent:8.0f}%", look.heat(system.percent))
        return row.add(" ro  " if system.read_only else " full", look.warn if system.read_only else look.dim)


class NetworkPanel(ResourcePanel):
    """Bytes in and out of each interface, errors where there are any."""

    title = "network"

    def body(self, snapshot: Snapshot, width: int, height: int) -> list[Row]:
        """The busiest interfaces; the loopback last."""
        wires = sorted(
            snapshot.interfaces,
            key=lambda wire: (wire.name == "lo", -(wire.receive_bytes_s + wire.transmit_bytes_s), wire.name),
        )
        look = self.look
        rows = []
        for wire in wires[:height]:
            row = Row(look).add(" ").cell(wire.name, max(4, width - 20), look.label)
            row.add(f" {look.glyphs.down}", look.dim).cell(units.compact(wire.receive_bytes_s), 5, right=True)
            row.add(f" {look.glyphs.up}", look.dim).cell(units.compact(wire.transmit_bytes_s), 5, right=True)
            if wire.errors_s > 0:
                row.add(f" {wire.errors_s:.0f} err/s", look.bad)
            rows.append(row)
        return rows or [Row(look).add(" no interfaces", look.dim)]


class GpuPanel(ResourcePanel):
    """Each GPU in a row or two, or one quiet line that there is none."""

    title = "gpu"

    def body(self, snapshot: Snapshot, width: int, height: int) -> list[Row]:
        """The GPUs."""
        if not snapshot.gpus:
            return [Row(self.look).add(" none on this node", self.look.dim)]
        roomy = height >= 2 * len(snapshot.gpus)
        return [row for gpu in snapshot.gpus for row in self._gpu(gpu, width, roomy=roomy)][:height]

    def _gpu(self, gpu: Gpu, width: int, *, roomy: bool) -> list[Row]:
        look = self.look
        figures = Row(look)
        if gpu.busy_percent is not None:
            figures.add(f" {gpu.busy_percent:.0f}%", look.heat(gpu.busy_percent))
        if gpu.memory_used_bytes is not None and gpu.memory_total_bytes:
            share = 100 * gpu.memory_used_bytes / gpu.memory_total_bytes
            used, total = units.compact(gpu.memory_used_bytes), units.compact(gpu.memory_total_bytes)
            figures.add(f" {used}/{total}", look.heat(share))
        if gpu.temperature_c is not None:
            figures.add(f" {gpu.temperature_c:.0f}C", look.heat(gpu.temperature_c))
        if gpu.power_w is not None:
            figures.add(f" {gpu.power_w:.0f}W", look.dim)
        name = Row(look).add(f" {gpu.index} ", look.dim)
        if roomy:
            return [name.cell(gpu.name, max(1, width - name.cells), look.label), Row(look).add("  ").extend(figures)]
        return [name.cell(gpu.name, max(1, width - name.cells - figures.cells), look.label).extend(figures)]
