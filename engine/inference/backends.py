"""Who writes the words, by the settings: the model in this process, or one behind an endpoint, behind one surface."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Protocol

from engine.config import Config
from engine.errors import ModelError
from engine.events import ModelChanged
from engine.inference.protocol import Backend, Failed, Generation, Request
from engine.report import Source
from engine.text import inert

OnState = Callable[[ModelChanged], None]


class Engine(Backend, Protocol):
    """A backend that must be started, may fail, and is closed at the end."""

    @property
    def state(self) -> ModelChanged:
        """What ``on_state`` was told last."""

    def start(self) -> None:
        """Begin to get ready, on a running event loop; returns at once."""

    def close(self) -> None:
        """Abort what is under way; waits until it is done, so call it in another thread than the loop's."""


def asked(config: Config) -> bool:
    """Whether the settings ask for a model at all, also as the default of the folder of models."""
    if config.model is not None or config.endpoint is not None:
        return True
    from engine.inference.catalogue import listing

    told = listing.read(config.models_path)
    return bool(told.default_model or told.fallback_model)


def make(config: Config, on_state: OnState) -> Engine | None:
    """The engine that the settings ask for, not started; ``None`` if they ask for none.

    Never raises: an engine that cannot be had says why once it is started, as one does that cannot load its model.
    ``on_state`` may be called from another thread and must not block.
    """
    if config.endpoint is not None:
        from engine.inference.openai import EndpointEngine

        return EndpointEngine(config.endpoint, config.endpoint_model, config.api_key, on_state=on_state)
    from engine.inference.catalogue import Catalogue

    catalogue = Catalogue.of(config)
    told = catalogue.listing
    wanted = str(config.model) if config.model is not None else told.default_model or told.fallback_model
    if not wanted:
        return None
    try:
        default = None if config.model is not None else catalogue.default
        path = default.path if default is not None else catalogue.resolve(Path(wanted))
    except ModelError as error:
        return Unusable(wanted, str(error), on_state)
    from engine.inference.llama import LlamaEngine

    return LlamaEngine(path, context=config.context, threads=config.threads, on_state=on_state)


class Unusable:
    """In place of an engine that cannot be made: fails with a sentence, as an engine does."""

    source: Source = "model"

    def __init__(self, name: str, sentence: str, on_state: OnState) -> None:
        self._failed = ModelChanged("failed", inert(name, 100), sentence)
        self._on_state = on_state
        self._state = ModelChanged("none", self._failed.name)

    @property
    def model(self) -> str:
        """The name that was asked for."""
        return self._failed.name

    @property
    def state(self) -> ModelChanged:
        """What ``on_state`` was told last."""
        return self._state

    def start(self) -> None:
        """Say what is wrong."""
        if self._state is not self._failed:
            self._state = self._failed
            self._on_state(self._failed)

    def close(self) -> None:
        """Nothing is held."""

    async def generate(self, request: Request) -> AsyncGenerator[Generation, None]:
        """Say what is wrong."""
        yield Failed(self._failed.detail)
