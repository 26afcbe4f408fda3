"""The bytes of a GGUF header, read without trusting one of them.

The layout is that of the GGUF specification, versions 2 and 3: a magic word, counts, key-value pairs, tensor
descriptions, and the tensors' data. Every count and length is checked against a limit and against the file before it
is used, what is large and not asked for is stepped over, and memory is never set aside because the file says so.
"""

from __future__ import annotations

import os
from struct import Struct
from typing import NamedTuple

from engine.errors import ModelError
from engine.inference.ggml_types import TENSOR_TYPES, TensorType
from engine.units import size as readable

MAGIC = b"GGUF"
VERSIONS = (2, 3)

_WINDOW = 1 << 20
_MAX_PAIRS = 1 << 14
_MAX_TENSORS = 1 << 17
_MAX_NAME = 1 << 12
_MAX_STRINGS = 1 << 23  # tokens and merges of the largest vocabularies are under a million
_KEPT_STRING = 1 << 12
_KEPT_TEMPLATE = 1 << 20
_KEPT_ARRAY = 1 << 12
_TEMPLATE_KEY = "tokenizer.chat_template"

_U32 = Struct("<I")
_U64 = Struct("<Q")
_STRING, _ARRAY = 8, 9
_SCALARS = {
    0: Struct("<B"),
    1: Struct("<b"),
    2: Struct("<H"),
    3: Struct("<h"),
    4: _U32,
    5: Struct("<i"),
    6: Struct("<f"),
    7: Struct("<?"),
    10: _U64,
    11: Struct("<q"),
    12: Struct("<d"),
}

Scalar = int | float | bool | str


class Counted(NamedTuple):
    """An array that was stepped over: how many values it has."""

    length: int


Value = Scalar | tuple[Scalar, ...] | Counted


class Tensor(NamedTuple):
    """One tensor as the header describes it."""

    name: str
    shape: tuple[int, ...]
    type: TensorType
    offset: int
    """Bytes from the start of the data."""
    values: int
    size: int
    """Bytes of its data."""


class Parsed(NamedTuple):
    """A header that holds together; whether the data is all there is for the caller to judge."""

    version: int
    metadata: dict[str, Value]
    tensors: tuple[Tensor, ...]
    data_start: int
    """Offset of the first tensor's data in the file."""


class _Reader:
    """A position in a file that is read through a window, so that a file cut off meanwhile cannot hurt."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self.size = size
        self.position = 0
        self._base = 0
        self._window = b""
        self._strings = 0

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes; callers have checked that this is little."""
        start = self.position - self._base
        if start < 0 or start + count > len(self._window):
            self._slide(count)
            start = 0
        self.position += count
        return self._window[start : start + count]

    def _slide(self, count: int) -> None:
        self._base = self.position
        self._window = os.pread(self._descriptor, max(_WINDOW, count), self.position) if self._left() >= count else b""
        if len(self._window) < count:
            raise ModelError(f"is cut off in its header: only {readable(self.size)} are there; download it again")

    def _left(self) -> int:
        return self.size - self.position

    def skip(self, count: int) -> None:
        """Step over ``count`` bytes, which must be there."""
        if count > self._left():
            raise ModelError(f"is cut off in its header: only {readable(self.size)} are there; download it again")
        self.position += count

    def u32(self) -> int:
        return int(_U32.unpack(self.take(4))[0])

    def u64(self) -> int:
        return int(_U64.unpack(self.take(8))[0])

    def scalar(self, kind: int) -> Scalar:
        layout = _SCALARS[kind]
        value: Scalar = layout.unpack(self.take(layout.size))[0]
        return value

    def text(self, limit: int) -> str:
        """A string of which at most ``limit`` bytes are kept."""
        length = self.u64()
        kept = min(length, limit)
        if length > self._left():
            self.skip(length)  # says so
        raw = self.take(kept)
        self.skip(length - kept)
        return raw.decode("utf-8", "replace")

    def name(self, what: str) -> str:
        """A string that must be short: a key or a tensor's name."""
        length = self.u64()
        if length > _MAX_NAME:
            raise ModelError(f"is damaged: the name of a {what} has {length} bytes; download it again")
        return self.take(length).decode("utf-8", "replace")

    def skip_strings(self, count: int) -> None:
        """Step over an array of strings without making one of them."""
        self._strings += count
        if self._strings > _MAX_STRINGS or count * 8 > self._left():
            raise ModelError(f"is damaged: it claims an array of {count} strings; download it again")
        unpack = _U64.unpack_from
        while count:
            self.take(8)
            self.position -= 8
            window, local = self._window, self.position - self._base
            last = len(window) - 8
            while count and local <= last:
                local += 8 + unpack(window, local)[0]
                count -= 1
            self.skip(self._base + local - self.position)


def parse(descriptor: int, size: int) -> Parsed:
    """Read the header of the open file of ``size`` bytes.

    Raises :class:`ModelError` whose sentence lacks its subject ("is cut off ..."), for the caller knows the name.
    """
    reader = _Reader(descriptor, size)
    version = _opening(reader)
    tensor_count, pair_count = reader.u64(), reader.u64()
    if tensor_count > _MAX_TENSORS or pair_count > _MAX_PAIRS:
        raise ModelError(f"is damaged: it claims {tensor_count} tensors and {pair_count} properties; download it again")
    metadata: dict[str, Value] = {}
    for _ in range(pair_count):
        key = reader.name("property")
        metadata[key] = _value(reader, key)
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1) or alignment > 1 << 20:
        raise ModelError("is damaged: the alignment of its data is not a power of two; download it again")
    tensors = tuple(_tensor(reader, alignment) for _ in range(tensor_count))
    _apart(tensors)
    return Parsed(version, metadata, tensors, -(-reader.position // alignment) * alignment)


def _opening(reader: _Reader) -> int:
    if reader.take(4) != MAGIC:
        raise ModelError("is not a GGUF file; telltop reads models in llama.cpp's GGUF format")
    version = reader.u32()
    if version in VERSIONS:
        return version
    if version & 0xFFFF == 0:
        raise ModelError("is a GGUF file for big-endian machines; choose one made for this machine")
    if version == 1:
        raise ModelError("is a GGUF file of the outdated version 1; convert it again with a recent llama.cpp")
    raise ModelError(f"is a GGUF file of version {version}, which this telltop cannot read; versions 2 and 3 it can")


def _value(reader: _Reader, key: str) -> Value:
    kind = reader.u32()
    if kind in _SCALARS:
        return reader.scalar(kind)
    if kind == _STRING:
        return reader.text(_KEPT_TEMPLATE if key == _TEMPLATE_KEY else _KEPT_STRING)
    if kind != _ARRAY:
        raise ModelError(f"is damaged: a property has the unknown type {kind}; download it again")
    kind, count = reader.u32(), reader.u64()
    if kind == _STRING:
        reader.skip_strings(count)
        return Counted(count)
    if kind not in _SCALARS:
        raise ModelError("is damaged: a property is a list of lists or of an unknown type; download it again")
    if count > _KEPT_ARRAY:
        reader.skip(count * _SCALARS[kind].size)
        return Counted(count)
    return tuple(reader.scalar(kind) for _ in range(count))


def _tensor(reader: _Reader, alignment: int) -> Tensor:
    name = reader.name("tensor")
    dimensions = reader.u32()
    if not 1 <= dimensions <= 4:
        raise ModelError(f"is damaged: a tensor has {dimensions} dimensions; download it again")
    shape = tuple(reader.u64() for _ in range(dimensions))
    number, offset = reader.u32(), reader.u64()
    kind = TENSOR_TYPES.get(number)
    if kind is None:
        raise ModelError(f"has a tensor of the unknown type {number}; choose another quantization")
    values = 1
    for length in shape:
        values *= length
    if not 0 < values < 1 << 62 or shape[0] % kind.block or offset % alignment:
        raise ModelError("is damaged: a tensor's shape or place is impossible; download it again")
    return Tensor(name, shape, kind, offset, values, values // kind.block * kind.size)


def _apart(tensors: tuple[Tensor, ...]) -> None:
    """No two tensors may lie over one another or bear the same name."""
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise ModelError("is damaged: two of its tensors have the same name; download it again")
    end = 0
    for tensor in sorted(tensors, key=lambda each: each.offset):
        if tensor.offset < end:
            raise ModelError("is damaged: two of its tensors lie over one another; download it again")
        end = tensor.offset + tensor.size
