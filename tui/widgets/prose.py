"""Markdown that grows while it is written, at most as fast as it can be drawn."""

from __future__ import annotations

from markdown_it import MarkdownIt
from textual.widgets import Markdown
from textual.widgets.markdown import MarkdownStream


def _parser() -> MarkdownIt:
    """Markdown with tables, where a name such as ``backup.sh`` is a name and not an address."""
    return MarkdownIt("gfm-like", {"linkify": False})


class Prose(Markdown):
    """Text from a writer: links do nothing, and the text so far is known."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes, open_links=False, parser_factory=_parser)
        self.written = ""
        self._stream: MarkdownStream | None = None

    async def begin(self) -> None:
        """Start over, with nothing written."""
        await self.end()
        self.written = ""
        await self.update("")
        self._stream = Markdown.get_stream(self)

    async def feed(self, text: str) -> None:
        """Append; what comes faster than it can be drawn is drawn together."""
        if self._stream is None:
            self._stream = Markdown.get_stream(self)
        self.written += text
        await self._stream.write(text)

    async def end(self) -> None:
        """Draw what is left and stop the stream."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await stream.stop()

    async def on_unmount(self) -> None:
        """No stream outlives its widget."""
        await self.end()
