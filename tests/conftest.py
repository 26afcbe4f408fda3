"""What tests of every part share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_gguf import write_tiny_gguf


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small real model that never ends of itself; see :mod:`tests.tiny_gguf`."""
    return write_tiny_gguf(tmp_path_factory.mktemp("models") / "tiny.gguf")
