"""``.config.json`` in the folder of models: names, a default and a fallback, as a person or a program wrote it."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw, Struct

from engine.errors import ModelError
from engine.inference.catalogue.entry import Entry, stem
from engine.text import inert

NAME = ".config.json"
_MOST = 1 << 20
_MOST_MODELS = 1000
_OURS = frozenset({"", "gguf", "ggml", "llama.cpp", "llama_cpp", "llamacpp", "llama-cpp-python", "llama_cpp_python"})
"""Frameworks whose models llama.cpp reads."""


class _Model(Struct):
    path: str
    name: str | None = None
    size_gb: float | None = None  # what the file itself says is believed in place of these three
    context_length: int | None = None
    quantization: str | None = None
    framework: str | None = None
    recommended: bool = False


class _File(Struct):
    available_models: list[Raw] = []
    default_model: str | None = None
    fallback_model: str | None = None


class Listing(Struct, frozen=True):
    """What the file says, as far as it can be believed."""

    models: tuple[Entry, ...] = ()
    default_model: str = ""
    fallback_model: str = ""
    problems: tuple[str, ...] = ()
    """What is wrong with it, a sentence each; the rest holds."""


def read(folder: Path) -> Listing:
    """Read the file; without one, nothing is listed. Never raises: a folder of models works with a bad one too."""
    file = folder / NAME
    try:
        content = _content(file)
        if content is None:
            return Listing()
        told = msgspec.json.decode(content, type=_File)
    except ModelError as error:
        return Listing(problems=(str(error),))
    except (ValueError, RecursionError) as error:
        return Listing(problems=(f"The list of models {_shown(file)} is ignored: {_why(error)}.",))
    models: list[Entry] = []
    problems: list[str] = []
    for number, raw in enumerate(told.available_models[:_MOST_MODELS], start=1):
        try:
            if entry := _entry(folder, msgspec.json.decode(raw, type=_Model)):
                models.append(entry)
        except (ValueError, RecursionError) as error:
            problems.append(f"Model {number} in {_shown(file)} is ignored: {_why(error)}.")
    return Listing(tuple(models), told.default_model or "", told.fallback_model or "", tuple(problems))


def _content(file: Path) -> bytes | None:
    try:
        if file.exists() and not file.is_file():
            raise ModelError(f"The list of models {_shown(file)} is ignored: it is not a regular file.")
        with file.open("rb") as stream:
            content = stream.read(_MOST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelError(f"The list of models {_shown(file)} cannot be read: {error.strerror or error}.") from error
    if len(content) > _MOST:
        raise ModelError(f"The list of models {_shown(file)} is ignored: it is larger than 1 MiB.")
    return content


def _entry(folder: Path, model: _Model) -> Entry | None:
    """Nothing for a model of another framework."""
    if (model.framework or "").lower() not in _OURS:
        return None
    if not model.path or "\0" in model.path:
        raise ValueError("it has no path")
    try:
        path = folder / Path(model.path).expanduser()
    except RuntimeError:
        raise ValueError("its path begins with the home of an unknown user") from None
    return Entry(model.name or stem(path), path, "folder", recommended=model.recommended)


def _why(error: ValueError | RecursionError) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else inert(str(error), 200).rstrip(".")


def _shown(file: Path) -> str:
    return inert(str(file), 300)


def change(folder: Path, **values: str | None) -> None:
    """Set keys of the file and keep all others, also those that telltop does not know; ``None`` removes a key.

    The file is replaced whole. Raises ModelError if it cannot be written, or is there and is no JSON object.
    """
    file = folder / NAME
    content = _content(file)
    try:
        former: Any = msgspec.json.decode(content) if content else {}
    except (ValueError, RecursionError) as error:
        raise ModelError(f"The list of models {_shown(file)} is not changed, for {_why(error)}; mend it.") from None
    if not isinstance(former, dict):
        raise ModelError(f"The list of models {_shown(file)} is not changed, for it holds no object; mend it.")
    merged = {key: value for key, value in (former | values).items() if value is not None}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(file, msgspec.json.format(msgspec.json.encode(merged)) + b"\n")
    except UnicodeEncodeError:
        raise ModelError("The name of this model is no text that a file could hold: rename its file.") from None
    except OSError as error:
        raise ModelError(f"The list of models {_shown(file)} cannot be written: {error.strerror or error}.") from error


def _replace(file: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f"{NAME}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        draft.chmod(0o644)
        draft.replace(file)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise
