"""A request that is being worked on: its tokens, and how far the context holds them."""

from __future__ import annotations

from typing import Any

from engine.inference.llama.job import Job
from engine.inference.llama.library import library
from engine.inference.llama.slots import Slot


class Run:
    """A request that holds a slot, or that lost it for lack of room and waits to go on."""

    def __init__(self, job: Job, tokens: list[int], chain: Any) -> None:
        """``chain`` is a sampler that :meth:`free` gives back."""
        self.job = job
        self.tokens = tokens
        """The prompt and all that has been written."""
        self.chain = chain
        self.grammar: Any = None
        sampling = job.request.sampling
        self.most = sampling.max_tokens
        self.top = sampling.top_logprobs
        self.plain = self.top is None
        """llama.cpp's one call is enough to choose its tokens."""
        self.leader: Run | None = None
        """Reads the beginning of the same prompt: this one waits and then shares it."""
        self.common = 0
        """How many tokens the two have in common."""
        self.slot = Slot(-1)
        self.place = 0
        """Where in the batch its last token is."""
        self.chunk = 0
        """How many of its tokens are in the batch."""

    @property
    def unread(self) -> int:
        """Tokens that the context does not hold yet; one while it writes."""
        return len(self.tokens) - len(self.slot.tokens)

    def restrict(self, grammar: Any) -> None:
        """Let it write only what ``grammar`` admits, unless that is ``None``; :meth:`free` gives it back as well."""
        self.grammar = grammar
        self.plain = self.plain and grammar is None

    def free(self) -> None:
        """Give the samplers back."""
        for each in (self.chain, self.grammar):
            if each is not None:
                library().llama_sampler_free(each)
        self.chain = self.grammar = None
