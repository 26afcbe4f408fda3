"""What is being typed into the process table: a filter, something to search for, or a pid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual import events

Kind = Literal["filter", "search", "pid"]
PROMPTS: dict[Kind, str] = {"filter": "/", "search": "find ", "pid": "pid "}


@dataclass
class Entry:
    """One line of text."""

    kind: Kind
    text: str = ""

    def edit(self, event: events.Key) -> bool:
        """Let a key change the text; false where it means something else."""
        match event.key:
            case "backspace":
                self.text = self.text[:-1]
            case "ctrl+u":
                self.text = ""
            case "ctrl+w":
                self.text = self.text.rstrip().rpartition(" ")[0]
            case _ if event.is_printable and event.character:
                return self.add(event.character)
            case _:
                return False
        return True

    def add(self, text: str) -> bool:
        """Append text; a pid takes digits only. What was pasted may be long: the first line counts."""
        line = text.splitlines()[0] if text else ""
        if self.kind == "pid":
            line = "".join(char for char in line if char in "0123456789")[:10]
        self.text += line
        return True
