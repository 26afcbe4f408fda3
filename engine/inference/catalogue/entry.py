"""One model of the catalogue."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from msgspec import Struct

Origin = Literal["folder", "ollama", "lm-studio", "llama.cpp", "hugging-face"]
"""Who put the file there; ``folder`` is telltop's own folder of models, or a file that its ``.config.json`` names."""

_PART = re.compile(r"-(\d{5})-of-(\d{5})$")


class Entry(Struct, frozen=True):
    """A file that holds a model, and what it is called."""

    name: str
    path: Path
    origin: Origin
    recommended: bool = False
    sha256: str = ""
    """What the file's content must hash to, 64 hexadecimal digits, where that is known."""


def stem(path: Path) -> str:
    """What a file calls its model: the file's name without its ending, and without the number of its part."""
    name = path.name
    if name.lower().endswith(".gguf"):
        name = name[:-5]
    return _PART.sub("", name)


def parts(path: Path) -> list[Path]:
    """All files of a model in several files; of any other the one."""
    bare = path.name[:-5] if path.name.lower().endswith(".gguf") else path.name
    found = _PART.search(bare)
    if found is None or not 1 <= int(found[2]) <= 999:
        return [path]
    start, end = bare[: found.start()], path.name[len(bare) :]
    return [path.with_name(f"{start}-{number:05}-of-{found[2]}{end}") for number in range(1, int(found[2]) + 1)]


def is_model(name: str) -> bool:
    """Whether a file of this name can be a model by itself: no later part, and no projector of pictures."""
    lower = name.lower()
    if not lower.endswith(".gguf") or lower.startswith("mmproj"):
        return False
    part = _PART.search(lower[:-5])
    return part is None or int(part[1]) == 1
