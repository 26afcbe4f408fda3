"""One text about the node, from the first look at it to the last byte of the output."""

from __future__ import annotations

from engine import wire
from engine.analysis import prompt
from engine.analysis.analyst import Analyst
from engine.analysis.console import Conversation
from engine.config import Config
from engine.errors import GenerationError
from engine.inference.protocol import Backend, Briefing, Form
from engine.node import Listener
from engine.report import Analysis, Answer
from engine.text import inert
from tui.headless.observing import observe
from tui.headless.output import Standard, WholeFile, colored
from tui.headless.writing import put, writer


async def tell(config: Config, form: Form, question: str = "", *, json: bool, file: WholeFile | None = None) -> int:
    """Write an analysis, or the answer to ``question``, to ``file`` or else to standard output, there as it comes.

    Returns the exit code. Raises GenerationError if the text is not whole; what there is of it has been written then.
    """
    standard = Standard() if file is None else None
    streamed = standard is not None and form != "short" and not json
    async with writer(config) as backend:
        seen = await observe()
        briefing = Briefing(seen.snapshot, seen.findings, form, question)
        text, failure = await put(
            standard.write if standard and streamed else None, lambda emit: _work(config, backend, briefing, emit)
        )
    if file is not None:
        file.write(_whole(text, form, json=json))
    elif standard is not None:
        await standard.write(_colophon(text, color=colored(config)) if streamed else _whole(text, form, json=json))
    if failure:
        raise GenerationError(failure)
    return 0


async def _work(config: Config, backend: Backend, briefing: Briefing, emit: Listener) -> None:
    if briefing.form == "answer":
        await Conversation(prompt.wished(config)).ask(backend, briefing, identity="q1", degraded=False, emit=emit)
    else:
        analyst = Analyst(prompt.wished(config))
        await analyst.analyse(backend, briefing, identity="a1", trigger="demand", degraded=False, emit=emit)


def _whole(text: Analysis | Answer, form: Form, *, json: bool) -> bytes:
    if json:
        return wire.encode(wire.analysis(text) if isinstance(text, Analysis) else wire.answer(text))
    if form == "short":
        return f"{' '.join(text.text.split())} [{_signature(text)}]\n".encode()
    return text.text.encode() + _colophon(text, color=False)


def _colophon(text: Analysis | Answer, *, color: bool) -> bytes:
    """What follows the words: who wrote them."""
    line = f"[{_signature(text)}]"
    return f"\n\n\x1b[2m{line}\x1b[0m\n".encode() if color else f"\n\n{line}\n".encode()


def _signature(text: Analysis | Answer) -> str:
    """Who wrote it and how far it can be trusted."""
    parts = [text.source if text.model == text.source else f"{text.source} {inert(text.model, 100)}"]
    if text.grounding.claims:
        parts.append(f"{text.grounding.grounded} of {text.grounding.claims} claims borne out by the telemetry")
    if text.outcome == "length":
        parts.append(f"cut off at {text.timings.completion_tokens} tokens")
    return "; ".join(parts)
