"""A request that is being worked on: its tokens, and how far the context holds them."""

from __future__ import annotations

from typing import Any

from engine.inference.llama.job import Job
from engine.inference.llama.slots import Slot


class Run:
    """A request that holds a slot, or that lost it for lack of room and waits to go on."""

    def __init__(self, job: Job, tokens: list[int], chain: Any) -> None:
        self.job = job
        self.tokens = tokens
        """The prompt and all that has been written."""
        self.chain = chain
        self.slot = Slot(-1)
        self.place = 0
        """Where in the batch its last token is."""
        self.chunk = 0
        """How many of its tokens are in the batch."""

    @property
    def unread(self) -> int:
        """Tokens that the context does not hold yet; one while it writes."""
        return len(self.tokens) - len(self.slot.tokens)
