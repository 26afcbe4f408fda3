"""The folder where the engine keeps what it need not find out again, and the identity of a model file in it."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import secrets
from contextlib import suppress
from pathlib import Path

import platformdirs

from engine import __version__
from engine.inference.gguf import GgufHeader

_CHUNK = 1 << 20


def default_cache() -> Path:
    """The platform's folder for caches."""
    return Path(platformdirs.user_cache_dir("telltop"))


@functools.cache
def version() -> str:
    """That of the installed llama-cpp-python, empty where it cannot be told."""
    try:
        return importlib.metadata.version("llama-cpp-python")
    except importlib.metadata.PackageNotFoundError:
        return ""


def identity(header: GgufHeader) -> str:
    """A name for this model file as it is now and this llama.cpp: size, time of change and every byte of the header.

    Raises ``OSError`` if the file has gone.
    """
    digest = hashlib.blake2b(digest_size=16)
    status = header.path.stat()
    digest.update(f"{__version__} {version()} {status.st_size} {status.st_mtime_ns} {header.file_bytes} ".encode())
    with header.path.open("rb", buffering=0) as file:
        left = header.header_bytes
        while left > 0 and (chunk := file.read(min(left, _CHUNK))):
            digest.update(chunk)
            left -= len(chunk)
    return digest.hexdigest()


def write(path: Path, *parts: bytes | memoryview) -> bool:
    """Write a file that is there whole or not at all, for this user only; false where it cannot be written."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, no path
                file.writelines(parts)
            temporary.replace(path)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            return False
    except OSError:
        return False
    return True


def bound(folder: Path, pattern: str, most_bytes: int, most_files: int) -> None:
    """Remove the files of ``folder`` that were used longest ago until the rest is within both limits."""
    found = []
    with suppress(OSError):
        for each in folder.glob(pattern):
            status = each.stat()
            found.append((status.st_mtime_ns, status.st_size, each))
    found.sort(reverse=True)
    total = 0
    for number, (_, size, path) in enumerate(found):
        total += size
        if number >= most_files or total > most_bytes:
            with suppress(OSError):
                path.unlink()
