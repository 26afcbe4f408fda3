"""One text about the node, from the first look at it to the last byte of the output."""

from __future__ import annotations

from engine import wire
from engine.analysis import prompt
from engine.analysis.analyst import Analyst
from engine.analysis.console import Conversation
from engine.analysis.digest import digest
from engine.analysis.insights import insights
from engine.config import Config
from engine.errors import GenerationError
from engine.finding import Finding
from engine.inference.protocol import Backend, Briefing, Form
from engine.node import Listener
from engine.report import Analysis, Answer
from engine.text import inert
from tui.headless.observing import observe
from tui.headless.output import Standard, WholeFile, colored
from tui.headless.writing import put, writer


async def tell(
    config: Config,
    form: Form,
    question: str = "",
    *,
    json: bool,
    file: WholeFile | None = None,
    only: str = "",
    facts: bool = False,
) -> int:
    """Write an analysis, or the answer to ``question``, to ``file`` or else to standard output, there as it comes.

    ``only`` findings of this kind or severity are told of; with ``facts`` what the writer was given follows.
    Returns the exit code. Raises GenerationError if the text is not whole; what there is of it has been written then.
    """
    standard = Standard() if file is None else None
    streamed = standard is not None and form in {"full", "answer"} and not json
    async with writer(config) as backend:
        seen = await observe()
        findings = tuple(finding for finding in seen.findings if matches(finding, only))
        briefing = Briefing(seen.snapshot, findings, form, question)
        text, failure = await put(
            standard.write if standard and streamed else None, lambda emit: _work(config, backend, briefing, emit)
        )
    rest = _colophon(text, color=colored(config)) if streamed else _whole(text, briefing, json=json, facts=facts)
    if facts and not json and form != "insights":
        rest += digest(briefing.snapshot, briefing.findings).text.encode() + b"\n"
    if file is not None:
        file.write(rest)
    elif standard is not None:
        await standard.write(rest)
    if failure:
        raise GenerationError(failure)
    return 0


def matches(finding: Finding, tag: str) -> bool:
    """Whether the finding is of the kind or the severity ``tag``, or of the resource with which its kind begins."""
    return not tag or tag in {finding.kind, finding.severity} or finding.kind.startswith(f"{tag}_")


async def _work(config: Config, backend: Backend, briefing: Briefing, emit: Listener) -> None:
    if briefing.form == "answer":
        await Conversation(prompt.wished(config)).ask(backend, briefing, identity="q1", degraded=False, emit=emit)
    else:
        analyst = Analyst(prompt.wished(config))
        await analyst.analyse(backend, briefing, identity="a1", trigger="demand", degraded=False, emit=emit)


def _whole(text: Analysis | Answer, briefing: Briefing, *, json: bool, facts: bool) -> bytes:
    given = digest(briefing.snapshot, briefing.findings)
    if isinstance(text, Analysis) and briefing.form == "insights":
        shape = wire.insights(text, insights(text, given, briefing.snapshot, briefing.findings))
    elif json:
        shape = wire.analysis(text) if isinstance(text, Analysis) else wire.answer(text)
    else:
        return _in_words(text, briefing.form)
    return wire.encode(
        shape | ({"facts": [{"id": fact.id, "text": fact.text} for fact in given.facts]} if facts else {})
    )


def _in_words(text: Analysis | Answer, form: Form) -> bytes:
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
