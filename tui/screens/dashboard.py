"""The dashboard: where the panels stand at each size of the terminal, and what each event does to them."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.widget import Widget

from engine.control import Control
from engine.events import (
    AnalysisDelta,
    AnalysisFinished,
    AnalysisStarted,
    AnswerDelta,
    AnswerFinished,
    AnswerStarted,
    Event,
    FindingClosed,
    FindingOpened,
    ModelChanged,
    Notice,
    SnapshotTaken,
)
from engine.node import Node
from tui.actions import ACTIONS, available, bindings
from tui.compositor import SpanCompositor
from tui.look import Look
from tui.screens.acting import ActingScreen
from tui.screens.listing import ListingScreen
from tui.widgets.analysis import AnalysisPanel
from tui.widgets.console import ConsolePanel
from tui.widgets.findings import FindingsPanel
from tui.widgets.header import HeaderLine
from tui.widgets.meters import Meters
from tui.widgets.processes import ProcessTable
from tui.widgets.resources import (
    CpuPanel,
    DisksPanel,
    GpuPanel,
    MemoryPanel,
    NetworkPanel,
    PressurePanel,
    ResourcePanel,
)
from tui.widgets.status import Glimpse, KeyLine, StatusLine

_RESOURCES = ("cpu", "memory", "pressure", "disks", "network", "gpu")


class DashboardScreen(ActingScreen, ListingScreen):
    """Every panel on one screen. A panel that is zoomed has the screen for itself and goes on living."""

    BINDINGS: ClassVar[list[BindingType]] = bindings()
    AUTO_FOCUS = "ProcessTable"

    def __init__(self, node: Node, look: Look, *, read_only: bool = False, control: Control | None = None) -> None:
        super().__init__(look, read_only=read_only, control=control)
        self._compositor = SpanCompositor()
        self._node = node
        self._taken: SnapshotTaken | None = None
        self._frozen = False
        self._zoomed = ""
        self.header = HeaderLine(look, id="header")
        self.meters = Meters(look, id="meters")
        self.resources: dict[str, ResourcePanel] = {
            "cpu": CpuPanel(look, id="cpu"),
            "memory": MemoryPanel(look, id="memory"),
            "pressure": PressurePanel(look, id="pressure"),
            "disks": DisksPanel(look, id="disks"),
            "network": NetworkPanel(look, id="network"),
            "gpu": GpuPanel(look, id="gpu"),
        }
        self.findings = FindingsPanel(look, id="findings")
        self.processes = ProcessTable(look, id="processes")
        self.analysis = AnalysisPanel(look, id="analysis")
        self.console_panel = ConsolePanel(look, id="console")
        self.glimpse = Glimpse(look, id="glimpse")
        self.status = StatusLine(look, id="status")
        self.keys = KeyLine(look, available(read_only=read_only), id="keys")

    def compose(self) -> ComposeResult:
        """Everything, in the order of the widest layout."""
        yield self.header
        yield self.meters
        yield Container(*self.resources.values(), id="resources")
        yield self.findings
        yield Horizontal(self.processes, Vertical(self.analysis, self.console_panel, id="words"), id="body")
        yield self.glimpse
        yield self.status
        yield self.keys

    async def on_key(self, event: events.Key) -> None:
        """A key that was sent to a field which was left before it came: it means what it means elsewhere."""
        for action in ACTIONS:
            if event.key in action.keys and self.check_action(action.name.partition("(")[0], ()):
                event.stop()
                await self.run_action(action.name)

    # -- where things stand

    def on_mount(self) -> None:
        """Arrange for the first time."""
        self.set_class(self._look.ascii, "-ascii")
        self._arrange(self.app.size.width, self.app.size.height)

    def on_resize(self, event: events.Resize) -> None:
        """Arrange for the new size."""
        self._arrange(event.size.width, event.size.height)

    @property
    def compact(self) -> bool:
        """The terminal is too small for panels."""
        return self.has_class("-compact")

    def _arrange(self, width: int, height: int) -> None:
        compact = width < 100 or height < 30
        tiny = width < 50 or height < 14
        self.set_class(compact, "-compact")
        self.set_class(not compact and (width < 170 or height < 44), "-normal")
        zoomed = self._zoomed
        show: dict[Widget, bool] = {
            self.meters: compact and not tiny and not zoomed,
            self.query_one("#resources"): zoomed in _RESOURCES or (not compact and not zoomed),
            self.findings: not zoomed and height >= 6,
            self.query_one("#body"): zoomed not in _RESOURCES,
            self.processes: zoomed in {"", "processes"},
            self.query_one("#words"): zoomed in {"analysis", "console"} or (not compact and not zoomed),
            self.analysis: zoomed in {"", "analysis"},
            self.console_panel: zoomed in {"", "console"},
            self.glimpse: compact and not tiny and not zoomed,
            self.status: not compact or zoomed in {"analysis", "console"},
            self.keys: height >= 6,
        }
        show.update({panel: zoomed in {"", name} for name, panel in self.resources.items()})
        with self.app.batch_update():
            self.query_one("#resources").set_class(bool(zoomed), "-zoomed")
            for widget, shown in show.items():
                widget.display = shown

    def action_zoom(self, name: str) -> None:
        """Give the screen to one panel; once more gives it back."""
        self._zoomed = "" if self._zoomed == name else name
        self._arrange(self.app.size.width, self.app.size.height)
        if self._zoomed == "console":
            self.set_focus(self.console_panel.prompt)
        elif self._zoomed == "analysis":
            self.set_focus(self.query_one("#analysis-paper"))
        else:
            self.set_focus(self.processes)

    # -- what the engine says

    async def tell(self, happened: list[Event]) -> None:
        """Show what the engine said since the last call."""
        for event in happened:
            if isinstance(event, SnapshotTaken):
                self._taken = event
                self.heed(event.snapshot)
                if not self._frozen:
                    self._show(event)
            else:
                await self._tell(event)

    @property
    def taken(self) -> SnapshotTaken | None:
        """The newest sample, shown or not."""
        return self._taken

    def _show(self, taken: SnapshotTaken) -> None:
        snapshot = taken.snapshot
        self.header.show(snapshot, taken.findings, frozen=self._frozen)
        self.meters.show(snapshot)
        for panel in self.resources.values():
            panel.show(snapshot)
        self.findings.show(taken.findings)
        self.processes.show(snapshot)
        self.status.show(snapshot)

    async def _tell(self, event: Event) -> None:
        match event:
            case AnalysisStarted():
                await self.analysis.begin(event)
                self.glimpse.show("reading the node")
            case AnalysisDelta():
                await self.analysis.feed(event)
                self.glimpse.show(self.analysis.text[-200:])
            case AnalysisFinished(analysis=analysis):
                await self.analysis.finish(event)
                self.glimpse.show(analysis.text)
                if analysis.source != "rules":
                    self.status.show_timings(analysis.timings)
            case AnswerStarted():
                await self.console_panel.begin(event)
            case AnswerDelta():
                await self.console_panel.feed(event)
            case AnswerFinished(answer=answer):
                await self.console_panel.finish(event)
                if answer.source != "rules":
                    self.status.show_timings(answer.timings)
            case ModelChanged():
                self.status.show_model(event)
            case Notice(text=text, severity=severity):
                self.notify(text, severity=severity, markup=False, timeout=12)
            case FindingOpened(finding=finding) if self._zoomed:
                self.notify(finding.sentence, title=finding.kind, severity="warning", markup=False)
            case FindingOpened() | FindingClosed() | SnapshotTaken():
                pass

    # -- what the operator does: the actions of tui/actions.py

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While somebody types, letters are text; the arrows belong to whatever has the focus."""
        if self.processes.entry is not None:
            return action in {"copy_or_leave", "suspend"}
        if self.console_panel.prompt.has_focus:
            return action in {"copy_or_leave", "stop", "suspend"}
        if action in {"move", "move_page", "open", "sideways", "tag"}:
            return self.focused in {None, self.processes}
        return True

    def action_help(self) -> None:
        """Open the help."""
        from tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self._look, read_only=self._read_only))

    def action_palette(self) -> None:
        """Open the command palette."""
        self.app.action_command_palette()

    async def action_leave(self) -> None:
        """Quit."""
        self.app.exit()

    def action_copy_or_leave(self) -> None:
        """Ctrl-C copies what is selected; with nothing selected it quits, as everywhere else."""
        selected = self.get_selected_text() or self.console_panel.prompt.selected_text
        if not selected:
            self.app.exit()
            return
        self.app.copy_to_clipboard(selected)
        self.clear_selection()
        self.notify("copied", timeout=2)

    def action_stop(self) -> None:
        """Esc: first what is being written, then the place."""
        at_prompt = self.console_panel.prompt.has_focus
        if self.console_panel.writing and (at_prompt or not self.analysis.writing):
            self._node.cancel(self.console_panel.writing)
        elif self.analysis.writing and not at_prompt:
            self._node.cancel(self.analysis.writing)
        elif self.processes.listing.filter_text and self.processes.has_focus:
            self.processes.set_filter("")
        elif self._zoomed:
            self.action_zoom(self._zoomed)
        else:
            self.set_focus(self.processes)

    def action_analyze(self) -> None:
        """Write an analysis, or stop the one that is being written."""
        if self.analysis.writing:
            self._node.cancel(self.analysis.writing)
        else:
            self._node.analyze()

    def action_ask(self) -> None:
        """Go to the prompt."""
        if self.compact and self._zoomed != "console":
            self.action_zoom("console")
        self.set_focus(self.console_panel.prompt)

    def on_console_panel_asked(self, message: ConsolePanel.Asked) -> None:
        """A question was sent."""
        self._node.ask(message.question)

    def action_explain(self) -> None:
        """Ask about the process under the cursor."""
        process = self.processes.selected
        if process is not None:
            self.action_ask()
            self._node.ask(f"What is process {process.pid} ({process.name}) doing, and does it trouble the node?")

    def action_open(self) -> None:
        """Show the analysis whole."""
        self.action_zoom("analysis")

    def action_copy(self) -> None:
        """Copy the newest words by OSC 52, which works through SSH."""
        text = self.console_panel.last_answer if self.console_panel.has_focus_within else ""
        text = text or self.analysis.text or self.console_panel.last_answer
        if text:
            self.app.copy_to_clipboard(text)
            self.notify(f"copied {len(text)} characters", timeout=2)

    async def action_forget(self) -> None:
        """Begin a new conversation."""
        self._node.forget()
        await self.console_panel.clear()

    def action_freeze(self) -> None:
        """Hold the figures still, or let them go on."""
        self._frozen = not self._frozen
        if self._taken is not None:
            self.header.show(self._taken.snapshot, self._taken.findings, frozen=self._frozen)
            if not self._frozen:
                self._show(self._taken)

    def show_table(self) -> None:
        """Bring the table on the screen, and the keys to it."""
        if self._zoomed not in {"", "processes"}:
            self.action_zoom("processes")
        self.set_focus(self.processes)

    def action_focus_findings(self) -> None:
        """Go to the findings."""
        self.set_focus(self.findings)

    def on_findings_panel_chosen(self, message: FindingsPanel.Chosen) -> None:
        """Jump to the process to blame."""
        culprits = message.finding.culprits
        if any(self.processes.jump(culprit.pid) for culprit in culprits):
            self.set_focus(self.processes)
        elif culprits:
            self.notify(f"{culprits[0].name} ({culprits[0].pid}) has ended", timeout=4, markup=False)
