"""Reading the kernel's small files whole, by as few system calls as they take."""

from __future__ import annotations

import os

_CHUNK = 65536


def read_bytes(path: str) -> bytes:
    """All bytes of a file of procfs or sysfs; their size is not known before they are read. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        chunks = []
        while chunk := os.read(descriptor, _CHUNK):
            chunks.append(chunk)
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(descriptor)
    return b"".join(chunks)


def read_text(path: str) -> str:
    r"""The same as text without the blanks around it; bytes that are not UTF-8 become ``\xNN``. Raises OSError."""
    return read_bytes(path).decode("utf-8", "backslashreplace").strip()


def read_number(path: str) -> float | None:
    """The one number of a sysfs file, ``None`` where the file is absent, unreadable or holds no number."""
    try:
        return float(read_bytes(path))
    except (OSError, ValueError):
        return None


def listing(path: str) -> list[str]:
    """The names in a folder in order, none where it is absent or unreadable."""
    try:
        return sorted(os.listdir(path))  # noqa: PTH208 - names are wanted, not a Path object for each
    except OSError:
        return []
