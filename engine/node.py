"""One node: its sampling, findings, analysis and console behind one face, whichever front end looks at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from engine.events import Event
from engine.inference.protocol import Form

Listener = Callable[[Event], None]


class Node(Protocol):
    """What a front end needs of a node, be it this one or one behind a server."""

    def start(self, listener: Listener) -> None:
        """Begin to sample and to load the model; returns at once. Call it on a running event loop.

        ``listener`` is called from any thread and must not block. Snapshots may be skipped, other events never.
        """

    async def close(self) -> None:
        """End everything: threads are joined, a load or a generation under way is aborted."""

    def analyze(self, form: Form = "full") -> str:
        """Write an analysis of the newest snapshot; returns its id. One that is being written is cancelled."""

    def ask(self, question: str) -> str:
        """Answer a question from the newest snapshot and the conversation so far; returns the answer's id."""

    def cancel(self, identity: str) -> bool:
        """Stop writing the analysis or answer of this id; false if it is not being written."""

    def forget(self) -> None:
        """Begin a new conversation."""
