"""The beginnings of prompts kept on disk per model, so that a restart does not read the same instructions again."""

from __future__ import annotations

import hashlib
import os
import struct
import time
import zlib
from array import array
from contextlib import suppress
from pathlib import Path

from engine.inference.llama import cache
from engine.inference.llama.context import Context
from engine.inference.llama.slots import Slots, common

SHORTEST = 32
"""Tokens below which a beginning is not worth a file."""
WORTH_S = 0.1
"""What reading it must take at least to be worth one."""
MOST_BYTES = 256 << 20
"""Of all files together; of one, half as much."""

_MOST_FILES = 64
_MOST_RESTORED = 2
_MAGIC = b"telltop prefix 1"
_HEAD = struct.Struct("<16s32sIIQ")  # magic, model, checksum of the rest, tokens, bytes of state


class Prefixes:
    """Those of one model in one number format. What is damaged, foreign or too large is left alone or removed."""

    def __init__(self, folder: Path, key: str, context: Context, *, worth_s: float = WORTH_S) -> None:
        """``key`` names model, llama.cpp and number format together."""
        self._folder = folder / "prefixes"
        self._key = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
        self._context = context
        self._known: set[bytes] = set()
        """Those that are there or were tried, by the digest of their tokens."""
        self.worth_s = worth_s

    def restore(self, slots: Slots) -> int:
        """Fill empty slots with what was used last; returns how many tokens that were."""
        total = 0
        with suppress(OSError):
            found = sorted(self._folder.glob(f"{self._key}-*.prefix"), key=lambda each: -each.stat().st_mtime_ns)
            for path, slot in zip(found[:_MOST_RESTORED], slots.all, strict=False):
                if tokens := self._read(path, slot.number):
                    slot.tokens = tokens
                    total += len(tokens)
                    self._known.add(_digest(tokens))
                    os.utime(path)
                else:
                    self._context.forget(slot.number)
                    path.unlink()
        return total

    def _read(self, path: Path, sequence: int) -> list[int]:
        """Put the state of a file into an empty sequence; its tokens, or none if it cannot be used."""
        if path.stat().st_size > MOST_BYTES:
            return []
        raw = path.read_bytes()
        if len(raw) < _HEAD.size:
            return []
        magic, key, checksum, count, size = _HEAD.unpack_from(raw)
        body = memoryview(raw)[_HEAD.size :]
        if (magic, key) != (_MAGIC, self._key.encode()) or len(body) != 4 * count + size:
            return []
        if zlib.crc32(body) != checksum or not self._context.set_state(sequence, bytes(body[4 * count :])):
            return []
        return array("i", bytes(body[: 4 * count])).tolist()

    def keep(self, tokens: list[int], slots: Slots) -> bool:
        """Write the state of ``tokens`` to disk, if some slot holds them and it is not there yet."""
        digest = _digest(tokens)
        if len(tokens) < SHORTEST or digest in self._known or not slots.rewindable:
            return False
        slot = next((each for each in slots.all if common(each.tokens, tokens) == len(tokens)), None)
        if slot is None:
            return False
        self._known.add(digest)
        state = self._context.state(slot.number, len(tokens), MOST_BYTES // 2)
        if state is None:
            return False
        numbers = array("i", tokens).tobytes()
        checksum = zlib.crc32(state, zlib.crc32(numbers))
        head = _HEAD.pack(_MAGIC, self._key.encode(), checksum, len(tokens), len(state))
        written = cache.write(self._folder / f"{self._key}-{digest.hex()}.prefix", head, numbers, state)
        cache.bound(self._folder, "*.prefix", MOST_BYTES, _MOST_FILES)
        self._tidy()
        return written

    def _tidy(self) -> None:
        """Remove what a process left that ended while it wrote."""
        with suppress(OSError):
            for each in self._folder.glob("*.part"):
                if each.stat().st_mtime < time.time() - 3600:
                    each.unlink()


def _digest(tokens: list[int]) -> bytes:
    return hashlib.blake2b(array("i", tokens).tobytes(), digest_size=12).digest()
