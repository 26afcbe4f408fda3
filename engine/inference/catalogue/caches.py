"""Where other programs keep GGUF files on this machine. They are used in place, never copied and never changed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from engine.inference.catalogue.entry import Entry, is_model, stem

_MOST_ENTRIES = 20_000
"""Names in a folder tree that are looked at; no collection of models has as many."""
_DEEPEST = 6
_MOST_MANIFEST = 1 << 20
_MODEL_LAYER = "application/vnd.ollama.image.model"
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_HASH = re.compile(r"[0-9a-f]{64}")
_LIBRARY = "registry.ollama.ai/library/"
_REGISTRY = "registry.ollama.ai/"


class Roots(Struct, frozen=True):
    """The folders of other programs; those that are not there hold nothing."""

    ollama: tuple[Path, ...] = ()
    lm_studio: tuple[Path, ...] = ()
    llama_cpp: tuple[Path, ...] = ()
    hugging_face: tuple[Path, ...] = ()

    @classmethod
    def standard(cls, env: Mapping[str, str], home: Path) -> Roots:
        """Where those programs keep their files by default, or by their variables."""
        cache = Path(env["XDG_CACHE_HOME"]) if env.get("XDG_CACHE_HOME") else home / ".cache"
        hub = Path(env["HF_HOME"]) / "hub" if env.get("HF_HOME") else cache / "huggingface" / "hub"
        return cls(
            ollama=(_named(env, "OLLAMA_MODELS", home / ".ollama/models"), Path("/usr/share/ollama/.ollama/models")),
            lm_studio=(home / ".lmstudio/models", home / ".cache/lm-studio/models"),
            llama_cpp=(_named(env, "LLAMA_CACHE", cache / "llama.cpp"), home / "Library/Caches/llama.cpp"),
            hugging_face=(_named(env, "HF_HUB_CACHE", hub),),
        )


def _named(env: Mapping[str, str], variable: str, otherwise: Path) -> Path:
    return Path(env[variable]) if env.get(variable) else otherwise


def found(roots: Roots) -> Iterator[Entry]:
    """All models of the other programs, each as its program calls it; one file may come under several names."""
    for root in roots.ollama:
        yield from _ollama(root)
    for root in roots.lm_studio:
        for path in walk(root):
            where = path.relative_to(root).parent.as_posix()
            yield Entry(f"{where}/{stem(path)}".removeprefix("./"), path, "lm-studio")
    for root in roots.llama_cpp:
        for path in walk(root):
            yield Entry(stem(path), path, "llama.cpp")
    for root in roots.hugging_face:
        yield from _hugging_face(root)


def real(path: Path) -> Path:
    """Where the path leads; one in a loop of links leads to itself."""
    return Path(os.path.realpath(path))


def walk(root: Path) -> Iterator[Path]:
    """The model files under a folder, in order. Hidden folders and links to folders are not followed."""
    left = _MOST_ENTRIES
    depth = len(root.parts)
    for folder, folders, files in os.walk(root):  # what cannot be read is left out
        here = Path(folder)
        left -= len(folders) + len(files)
        if left < 0:
            return
        deep = len(here.parts) - depth >= _DEEPEST
        folders[:] = [] if deep else sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = here / name
            if is_model(name) and os.path.isfile(path):  # noqa: PTH113 - Path.is_file() raises where it may not look
                yield path


class _Layer(Struct):
    mediaType: str = ""  # noqa: N815 - the manifest's own name for it
    digest: str = ""


class _Manifest(Struct):
    layers: list[_Layer] = []


def _ollama(root: Path) -> Iterator[Entry]:
    """``manifests/HOST/OWNER/MODEL/TAG`` name the content of ``blobs/sha256-...``."""
    manifests = root / "manifests"
    left = _MOST_ENTRIES
    for folder, folders, files in os.walk(manifests):
        folders.sort()
        left -= len(folders) + len(files)
        if left < 0:
            return
        for name in sorted(files):
            path = Path(folder) / name
            digest = _digest(path)
            blob = root / "blobs" / f"sha256-{digest}"
            if digest and os.path.isfile(blob):  # noqa: PTH113 - as below
                model, _, tag = path.relative_to(manifests).as_posix().rpartition("/")
                model = model.removeprefix(_LIBRARY).removeprefix(_REGISTRY)
                yield Entry(f"{model}:{tag}", blob, "ollama", sha256=digest)


def _digest(manifest: Path) -> str:
    """Of the layer that is the model; empty if this is no manifest."""
    try:
        if not manifest.is_file() or manifest.stat().st_size > _MOST_MANIFEST:
            return ""
        layers = msgspec.json.decode(manifest.read_bytes(), type=_Manifest).layers
    except (OSError, ValueError, RecursionError):
        return ""
    told = next((layer.digest for layer in layers if layer.mediaType == _MODEL_LAYER), "")
    digest = _DIGEST.fullmatch(told)
    return digest[1] if digest else ""


def _hugging_face(root: Path) -> Iterator[Entry]:
    """``models--OWNER--NAME/snapshots/REVISION/...`` are links to ``blobs``; one revision is the main one."""
    try:
        repositories = sorted(path for path in root.iterdir() if path.name.startswith("models--"))
    except OSError:
        return
    for repository in repositories[:_MOST_ENTRIES]:
        name = repository.name.removeprefix("models--").replace("--", "/")
        main = _revision(repository / "refs" / "main")
        try:
            revisions = sorted((repository / "snapshots").iterdir(), key=lambda path: (path.name != main, path.name))
        except OSError:
            continue
        for revision in revisions:
            for path in walk(revision):
                blob = real(path).name
                digest = blob if _HASH.fullmatch(blob) else ""
                yield Entry(f"{name}:{stem(path)}", path, "hugging-face", sha256=digest)


def _revision(ref: Path) -> str:
    try:
        with ref.open(encoding="ascii", errors="replace") as stream:
            return stream.read(64).strip()
    except OSError:
        return ""
