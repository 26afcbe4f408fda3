"""``telltop models``: what there is, what fits, and putting it where telltop finds it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from engine import wire
from engine.config import Config
from engine.errors import ModelError, UsageError
from engine.inference.catalogue import Catalogue, Entry
from engine.inference.catalogue.entry import parts
from engine.inference.fit import describe, plan
from engine.inference.gguf import GgufHeader, read_header
from engine.text import inert
from engine.units import size as readable
from tui.headless.output import print_all, progress


def show_list(config: Config, *, json: bool) -> int:
    """Print all models of the catalogue. Raises OutputError, BrokenPipeError."""
    catalogue = Catalogue.of(config)
    told = [_told(catalogue, entry) for entry in catalogue.entries]
    problems = catalogue.listing.problems
    if json:
        print_all(wire.encode({"folder": str(catalogue.folder), "models": told, "problems": problems}))
        return 0
    for problem in problems:
        print(f"telltop: {problem}", file=sys.stderr)
    if not told:
        where = inert(str(catalogue.folder), 300)
        _print([f"No models are in {where}, nor where Ollama, LM Studio, llama.cpp or Hugging Face keep theirs."])
        return 0
    rows = [("", "NAME", "SIZE", "TYPE", "CONTEXT", "FROM"), *map(_row, told)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    _print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return 0


def _told(catalogue: Catalogue, entry: Entry) -> dict[str, Any]:
    """An entry as programs are told of it; what the file itself says goes before what a list says."""
    told: dict[str, Any] = {
        "name": entry.name,
        "path": str(entry.path),
        "from": entry.origin,
        "default": catalogue.listing.default_model in {entry.name, str(entry.path)},
        "fallback": catalogue.listing.fallback_model in {entry.name, str(entry.path)},
        "recommended": entry.recommended,
    }
    try:
        return told | _of_header(read_header(entry.path)) | {"problem": None}
    except ModelError as error:
        return told | {"problem": str(error)}


def _of_header(header: GgufHeader) -> dict[str, Any]:
    return {
        "title": header.name,
        "architecture": header.architecture,
        "parameters": header.parameters,
        "quantization": header.quantization,
        "size_bytes": header.file_bytes,
        "context_length": header.context_length,
        "layers": header.layers,
        "vocabulary": header.vocabulary,
        "chat_template": header.chat_template is not None,
    }


def _row(told: dict[str, Any]) -> tuple[str, ...]:
    mark = "*" if told["default"] else "-" if told["fallback"] else "+" if told["recommended"] else ""
    name, origin = inert(told["name"], 100), told["from"]
    if told["problem"] is not None:
        return mark, name, "", "", "", f"{origin}: {told['problem']}"
    return (
        mark,
        name,
        readable(told["size_bytes"]),
        told["quantization"],
        str(told["context_length"] or ""),
        origin,
    )


def show_info(config: Config, name: str, *, json: bool) -> int:
    """Print what is known of one model. Raises ModelError, OutputError, BrokenPipeError."""
    catalogue = Catalogue.of(config)
    entry = _entry(catalogue, name)
    header = read_header(entry.path)
    told = {**_told(catalogue, entry), "sha256": entry.sha256 or None}
    if json:
        print_all(wire.encode(told))
        return 0
    files = parts(entry.path) if header.file_bytes != entry.path.stat().st_size else [entry.path]
    lines = [
        f"{inert(entry.name, 100)}: {header.name}",
        f"file          {inert(str(entry.path))}" + (f" and {len(files) - 1} more" if len(files) > 1 else ""),
        f"from          {entry.origin}" + (", the default" if told["default"] else ""),
        f"size          {readable(header.file_bytes)}, {_count(header.parameters)} parameters, {header.quantization}",
        f"architecture  {header.architecture}, {header.layers} layers, vocabulary of {header.vocabulary}",
        f"context       {header.context_length} tokens",
        f"template      {'its own' if header.chat_template else 'none of its own: a plain one is used'}",
        f"checksum      {entry.sha256 or 'unknown'}",
    ]
    _print(lines)
    return 0


def _count(number: int) -> str:
    return f"{number / 1e9:.2f} G" if number >= 1e8 else f"{number / 1e6:.1f} M"


def show_fit(config: Config, name: str, *, json: bool) -> int:
    """Print how a model would be loaded here. Raises ModelError, with the numbers, if it does not fit."""
    entry = _entry(Catalogue.of(config), name)
    header = read_header(entry.path)
    chosen = plan(header, config.context, threads=config.threads)
    if json:
        numbers = msgspec.to_builtins(chosen) | {"needed_bytes": chosen.needed_bytes}
        print_all(wire.encode({"name": entry.name, "path": str(entry.path), "fits": True, **numbers}))
    else:
        _print(describe(header, chosen).splitlines())
    return 0


def use(config: Config, name: str) -> int:
    """Make a model the default. Raises ModelError."""
    catalogue = Catalogue.of(config)
    entry = catalogue.find(name)
    header = read_header(entry.path)
    catalogue.use(entry)
    _print([f"{inert(entry.name, 100)} ({readable(header.file_bytes)}) is used from now on where no --model is given."])
    return 0


def pull(config: Config, spec: str) -> int:
    """Download a model. Raises ModelError."""
    from engine.inference.catalogue.pull import pull as download

    path = download(spec, config.models_path, bar=sys.stderr.isatty(), say=progress)
    header = read_header(path)
    _print([f"{inert(str(path))}  {readable(header.file_bytes)}, {header.quantization}"])
    return 0


def verify(config: Config, name: str) -> int:
    """Read a model whole and compare it with its checksum, if that is known. Raises ModelError."""
    from engine.inference.catalogue.pull import sha256

    entry = _entry(Catalogue.of(config), name)
    header = read_header(entry.path)
    try:
        found = sha256(entry.path)
    except OSError as error:
        raise ModelError(f"The file {inert(str(entry.path))} cannot be read: {error.strerror or error}.") from error
    if entry.sha256 and entry.sha256 != found:
        raise ModelError(
            f"The file {inert(str(entry.path))} is damaged: its checksum is {found} and should be {entry.sha256}; "
            "download it again."
        )
    known = "as it should be" if entry.sha256 else "nothing is known to compare it with"
    _print([f"{inert(entry.name, 100)} is whole ({readable(header.file_bytes)}); sha256 {found}, {known}."])
    return 0


def remove(config: Config, name: str, *, sure: bool) -> int:
    """Delete a model of the folder; asks before, on a terminal. Raises ModelError, UsageError."""
    catalogue = Catalogue.of(config)
    entry = catalogue.find(name)
    if not sure and not _agreed(entry):
        _print(["Nothing was removed."])
        return 0
    gone = catalogue.remove(entry)
    _print(f"removed {inert(str(path))}" for path in gone)
    return 0


def _agreed(entry: Entry) -> bool:
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(["models remove asks before it deletes: without a terminal give --yes"])
    print(f"Remove {inert(str(entry.path))}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _entry(catalogue: Catalogue, name: str) -> Entry:
    """The model that a name means, or the file that a path does."""
    path = catalogue.resolve(Path(name))
    known = next((entry for entry in catalogue.entries if entry.path == path), None)
    return known or Entry(inert(path.stem, 100), path, "folder")


def _print(lines: Any) -> None:
    print_all("".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))
