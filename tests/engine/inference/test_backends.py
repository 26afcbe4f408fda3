"""Which engine the settings choose, and that one which cannot be had says why when it is started."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.config import Config
from engine.events import ModelChanged
from engine.inference import backends
from engine.inference.backends import Engine, asked, make
from engine.inference.llama import LlamaEngine
from engine.inference.openai import EndpointEngine
from engine.inference.protocol import Failed
from tests.engine.inference.openai.conftest import request


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models, and a home of its own."""
    for name in ("OLLAMA_MODELS", "LLAMA_CACHE", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def unheard(change: ModelChanged) -> None:
    raise AssertionError(change)


def test_nothing_is_asked_for(folder: Path) -> None:
    config = Config(models_dir=folder)
    assert not asked(config)
    assert make(config, unheard) is None
    assert make(Config(), unheard) is None


def test_an_endpoint(folder: Path) -> None:
    config = Config(endpoint="http://h:1", endpoint_model="m", models_dir=folder)
    engine = make(config, unheard)
    assert asked(config)
    assert isinstance(engine, EndpointEngine)
    assert (engine.source, engine.model, engine.state.state) == ("remote", "m", "none")


@pytest.mark.parametrize("by", ["path", "name", "default", "fallback"])
def test_a_model(by: str, folder: Path, tiny_gguf: Path) -> None:
    shutil.copy(tiny_gguf, folder / "small.gguf")
    model = {"path": folder / "small.gguf", "name": Path("sma")}.get(by)
    if model is None:
        (folder / ".config.json").write_text(f'{{"{by}_model": "small"}}')
    config = Config(model=model, models_dir=folder)
    engine = make(config, unheard)
    assert asked(config)
    assert isinstance(engine, LlamaEngine)
    assert (engine.source, engine.model, engine.state.state) == ("model", "small", "none")
    engine.close()


@pytest.mark.parametrize("by", ["name", "default"])
async def test_a_model_that_there_is_not(by: str, folder: Path) -> None:
    (folder / ".config.json").write_text('{"default_model": "nobody"}')
    states: list[ModelChanged] = []
    config = Config(model=Path("nobody") if by == "name" else None, models_dir=folder)
    engine: Engine | None = make(config, states.append)
    assert isinstance(engine, backends.Unusable)
    assert asked(config)
    assert engine.state.state == "none"
    engine.start()
    engine.start()
    (state,) = states
    assert state == engine.state
    assert (state.state, state.name) == ("failed", "nobody")
    assert state.detail.startswith('No model is called "nobody"')
    assert [event async for event in engine.generate(request())] == [Failed(state.detail)]
    engine.close()
