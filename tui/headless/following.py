"""``telltop analyze --stream``: an analysis whenever something goes wrong or right again."""

from __future__ import annotations

from engine import wire
from engine.config import Config
from engine.events import AnalysisFinished, Event, FindingClosed, FindingOpened
from engine.finding import Finding
from engine.inference.protocol import Form
from engine.local_node import LocalNode
from engine.report import Analysis
from tui.headless.output import Standard
from tui.headless.telling import matches
from tui.headless.watch import Mailbox


async def follow(config: Config, form: Form, *, json: bool, only: str) -> int:
    """Write analyses until interrupted; one of the node as it is comes first. Raises as ``telltop watch`` does.

    With ``only`` those are written while a finding of this kind or severity is open, and the one after it has closed.
    """
    mailbox, standard = Mailbox(), Standard()
    node = LocalNode(config)
    open_now: dict[str, Finding] = {}
    node.start(mailbox)
    try:
        while True:
            for event in await mailbox.take():
                if _note(event, open_now, only):
                    node.analyze(form)
                elif isinstance(event, AnalysisFinished) and _told(event.analysis, open_now, only):
                    await standard.write(_shown(event.analysis, json=json))
    finally:
        await node.close()


def _note(event: Event, open_now: dict[str, Finding], only: str) -> bool:
    """Keep account of what is open; true if the event closes one of them."""
    if isinstance(event, FindingOpened) and matches(event.finding, only):
        open_now[event.finding.id] = event.finding
    return isinstance(event, FindingClosed) and open_now.pop(event.finding.id, None) is not None


def _told(analysis: Analysis, open_now: dict[str, Finding], only: str) -> bool:
    whole = analysis.outcome in {"stop", "length"}
    return whole and (bool(open_now) or not only or analysis.trigger == "demand")


def _shown(analysis: Analysis, *, json: bool) -> bytes:
    if json:
        return wire.encode(wire.analysis(analysis))
    return f"{wire.time(analysis.time)}\n{analysis.text}\n\n".encode()
