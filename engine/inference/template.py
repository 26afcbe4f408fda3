"""From a conversation to the text that a model was trained to continue, by the chat template inside its file."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from jinja2 import TemplateError

from engine.errors import ModelError
from engine.inference.protocol import Message
from engine.inference.sandbox import Rejected, Sandbox, TooMuch
from engine.text import inert

log = logging.getLogger("telltop.template")
log.addHandler(logging.NullHandler())

MOST_TEMPLATE = 1 << 17
"""Characters of a template; the longest in use have a tenth of it."""

_CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_CHATML_STOP = ("<|im_end|>", "<|im_start|>")
_FAILURES = (
    *(TemplateError, Rejected),  # what Jinja and the sandbox find
    *(ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError),  # a faulty template's own
    *(MemoryError, RecursionError, SyntaxError),  # one nested so deeply that Python gives up on it
)


class ChatTemplate:
    """A compiled template. What does not work is replaced by ChatML, and :attr:`note` says why."""

    def __init__(self, source: str | None, *, bos: str = "", eos: str = "") -> None:
        """``bos`` and ``eos`` are the texts of the model's tokens for the beginning and the end of a text."""
        self._variables = {"bos_token": bos, "eos_token": eos}
        self._sandbox = Sandbox()
        self.stop: tuple[str, ...] = ()
        """Strings that end a text written with this template, besides the model's own end tokens."""
        self.note = ""
        """Why the model's own template is not used, a sentence; empty if it is."""
        if source is None:
            self._fall_back("the file has none")
        elif len(source) > MOST_TEMPLATE:
            self._fall_back(f"it has {len(source)} characters")
        else:
            try:
                self._template = self._sandbox.compile(source)
                self._try_out()
            except _FAILURES as error:
                self._fall_back(_short(error))

    def _fall_back(self, reason: str) -> None:
        self.note = f"The chat template inside the model cannot be used ({reason}): a plain one takes its place."
        log.warning("%s", self.note)
        self._template = self._sandbox.compile(_CHATML)
        self.stop = _CHATML_STOP
        self._system = True

    def _try_out(self) -> None:
        """Find out whether the template takes a system message; many that do not raise."""
        user = Message("user", "u")
        self._system = True
        try:
            tried = self._once([Message("system", "sys-tem"), user])
            self._system = "sys-tem" in tried
        except TooMuch:
            raise  # and would again
        except _FAILURES:
            self._system = False
        if "u" not in self._once([user]):
            raise Rejected("it leaves the message out")

    def render(self, messages: Sequence[Message]) -> str:
        """The text to be continued. Raises :class:`ModelError` if the template fails on these messages."""
        try:
            return self._once(messages if self._system else merged(messages))
        except _FAILURES as error:
            raise ModelError(f"The model's chat template fails on this conversation ({_short(error)}).") from error

    def _once(self, messages: Sequence[Message]) -> str:
        turns = [{"role": message.role, "content": self._harmless(message.content)} for message in messages]
        return self._sandbox.render(
            self._template, {**self._variables, "messages": turns, "add_generation_prompt": True}
        )

    def _harmless(self, text: str) -> str:
        """``text`` without the marks of the plain template, which are no control tokens of the model's."""
        for mark in self.stop:
            text = text.replace(mark, f"{mark[0]} {mark[1:]}")
        return text


def merged(messages: Sequence[Message]) -> list[Message]:
    """The same with system messages put before the user message that follows them."""
    out: list[Message] = []
    before: list[str] = []
    for message in messages:
        if message.role == "system":
            before.append(message.content)
        elif message.role == "user" and before:
            out.append(Message("user", "\n\n".join([*before, message.content])))
            before = []
        else:
            out.append(message)
    if before:
        out.append(Message("user", "\n\n".join(before)))
    return out


def _short(error: Exception) -> str:
    return inert(str(error) or type(error).__name__, 200)
