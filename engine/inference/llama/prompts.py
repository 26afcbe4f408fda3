"""From a request's messages to the tokens to be continued, its oldest turns left out where the context is too short."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import GenerationError
from engine.inference.llama.job import Job
from engine.inference.llama.model import Model
from engine.inference.protocol import Message
from engine.inference.template import ChatTemplate
from engine.inference.thinking import Harmony, Thinking

_MOST_PROMPT = 64  # bytes a token; the longest tokens are about as long
_ROOM = 4  # a conversation leaves the text at least this part of the context, if it has turns to leave out
_OPEN = "<think>"


class Prompts:
    """Makes the prompts of one loaded model."""

    def __init__(self, model: Model, template: ChatTemplate, context: int) -> None:
        """``context`` is in tokens."""
        self._model = model
        self._template = template
        self._context = context

    def __call__(self, job: Job) -> list[int]:
        """The tokens of ``job``, which is told how its text is to be taken apart. Raises :class:`TelltopError`."""
        messages = [Message(each.role, self._model.disarm(each.content)) for each in job.request.messages]
        text, tokens, dropped = self._fitting(messages, job.request.sampling.max_tokens)
        job.prepared(self._template.stop, self._thinking(job, text), dropped)
        return tokens

    def lead(self, job: Job) -> list[int]:
        """The tokens that every conversation with the same system messages begins with; none without any."""
        system = [each for each in job.request.messages if each.role == "system"]
        if not system:
            return []
        system = [Message("system", self._model.disarm(each.content)) for each in system]
        one, other = (self._tokens([*system, Message("user", text)])[1] for text in ("a", "\n1"))
        count = next((n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
        return one[:count]

    def _thinking(self, job: Job, text: str) -> Thinking | Harmony | None:
        sampling = job.request.sampling
        if sampling.grammar or sampling.json_schema:
            return None
        if self._model.harmony:
            return Harmony()
        return Thinking(begun=text.rstrip().endswith(_OPEN))

    def _tokens(self, messages: Sequence[Message]) -> tuple[str, list[int]]:
        text = self._template.render(messages)
        if len(text) > self._context * _MOST_PROMPT:
            return text, []
        return text, self._model.prompt(text)

    def _fitting(self, messages: list[Message], wanted: int) -> tuple[str, list[int], int]:
        """Text, tokens, and how many messages were left out: as few as let it fit."""
        room = self._context - min(wanted, self._context // _ROOM)
        turns = [at for at, each in enumerate(messages[:-1]) if each.role != "system"]
        cuts = [n for n in range(1, len(turns) + 1) if _begins(messages, turns, n)]

        def attempt(cut: int) -> tuple[str, list[int], int]:
            left_out = set(turns[:cut])
            return *self._tokens([each for at, each in enumerate(messages) if at not in left_out]), cut

        def fits(made: tuple[str, list[int], int]) -> bool:
            return 0 < len(made[1]) <= room

        made = attempt(0)
        if cuts and not fits(made):
            low, high = 0, len(cuts) - 1  # the last cut is taken whether it fits or not
            while low < high:
                middle = (low + high) // 2
                low, high = (low, middle) if fits(attempt(cuts[middle])) else (middle + 1, high)
            made = attempt(cuts[low])
        if not made[1]:
            raise GenerationError(
                f"The prompt has {len(made[0])} characters, far more than a context of {self._context} tokens holds: "
                "ask for less, or load the model with a longer context."
            )
        return made


def _begins(messages: list[Message], turns: list[int], count: int) -> bool:
    """Whether what is left after the first ``count`` turns begins with a question: templates insist on it."""
    return count == len(turns) or messages[turns[count]].role == "user"
