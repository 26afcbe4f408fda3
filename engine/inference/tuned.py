"""What the operator set about sampling, applied to whatever asks for a text."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from engine.config import Config
from engine.inference.protocol import Backend, Generation, Request
from engine.report import Source


class Tuned:
    """A backend that writes with the temperature, seed and length of the settings in place of the request's own.

    One line stays as short as the request has it.
    """

    def __init__(self, backend: Backend, config: Config) -> None:
        self._backend = backend
        self._config = config

    @property
    def source(self) -> Source:
        """That of the backend."""
        return self._backend.source

    @property
    def model(self) -> str:
        """That of the backend."""
        return self._backend.model

    async def generate(self, request: Request) -> AsyncGenerator[Generation, None]:
        """Write one text: see :meth:`Backend.generate`."""
        wanted, config = request.sampling, self._config
        longest = min(wanted.max_tokens, config.max_tokens) if request.briefing.form == "short" else config.max_tokens
        sampling = msgspec.structs.replace(
            wanted,
            temperature=config.temperature,
            seed=wanted.seed if config.seed is None else config.seed,
            max_tokens=longest,
        )
        async with aclosing(self._backend.generate(msgspec.structs.replace(request, sampling=sampling))) as stream:
            async for event in stream:
                yield event
