"""Which of the sources decides who writes: a model in this process, or one behind an endpoint.

``--model`` names a file (or a model of the catalogue) without an endpoint, and the model's name there with one. The
stronger source decides: a file that is named by a flag goes before an endpoint of the environment, and an endpoint
named by a flag makes no use of a file that the configuration names.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def settled(values: Mapping[str, Any], ranks: Mapping[str, int]) -> dict[str, Any]:
    """``values`` with at most one of ``model`` and ``endpoint``; ``ranks`` tells how strong the source of each is."""
    out = dict(values)
    if "endpoint" not in out or "model" not in out:
        return out
    model = out.pop("model")
    if _is_file(model) and ranks["model"] != ranks["endpoint"]:
        if ranks["model"] > ranks["endpoint"]:
            del out["endpoint"]
            out["model"] = model
    elif "endpoint_model" not in out or ranks["endpoint_model"] < ranks["model"]:
        out["endpoint_model"] = str(model)
    return out


def _is_file(model: Path) -> bool:
    """Whether it is meant as a file; a server's model may be called much else, even ``owner/model``."""
    return model.is_absolute() or model.suffix.lower() == ".gguf"
