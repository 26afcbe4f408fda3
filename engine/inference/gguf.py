"""What a GGUF file says of itself, checked before llama.cpp sees it: a model file is hostile input like any other."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections import Counter
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from engine.errors import ModelError
from engine.inference.gguf_parse import Counted, Parsed, Value, parse
from engine.text import inert
from engine.units import size as readable

_MAX_LAYERS = 4096
_MAX_WIDTH = 1 << 20
_MAX_CONTEXT = 1 << 31
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")
_FORMATS = {
    b"PK\x03\x04": "a zip archive, as PyTorch saves models",
    b"\x80\x02": "a Python pickle",
    b"\x1f\x8b": "compressed with gzip",
    b"<!DO": "a web page: the download went wrong",
    b"<htm": "a web page: the download went wrong",
    b"vers": "a Git LFS pointer: the model itself was not downloaded",
    b"lmgg": "in a format older than GGUF",
    b"tjgg": "in a format older than GGUF",
}


class GgufHeader(Struct, frozen=True):
    """A model file's own description. Numbers that it does not give are 0, texts empty."""

    path: Path
    architecture: str
    name: str
    parameters: int
    file_bytes: int
    """Size of the file, or of all parts of a model in several files."""
    tensor_bytes: int
    """What the weights occupy in memory."""
    quantization: str
    """The number format that most of the weights have, ``Q4_K``."""
    context_length: int
    """Tokens that the model was trained on at once."""
    layers: int
    embedding: int
    feed_forward: int
    heads: int
    kv_heads: tuple[int, ...]
    """Of each layer; 0 for a layer without attention."""
    key_length: int
    value_length: int
    vocabulary: int
    chat_template: str | None
    header_bytes: int = 0
    """Where in the file the first tensor's data begins."""


def read_header(path: Path) -> GgufHeader:
    """Read and check the header of the model at ``path``.

    Raises :class:`ModelError` for a path without a readable file and for a file that is not a whole GGUF model.
    A model in several files is read from its first one; the others must lie beside it.
    """
    parsed, size = _load(path)
    header = _describe(path, parsed, size)
    for part in _other_parts(path, parsed):
        more, part_size = _load(part)
        header = _joined(header, more, part_size)
    if not header.tensor_bytes:
        raise ModelError(f"The model {inert(str(path))} holds no weights, only a vocabulary; choose a whole model.")
    return header


def _load(path: Path) -> tuple[Parsed, int]:
    shown = inert(str(path))
    try:
        descriptor = _open(path)
        try:
            size = os.fstat(descriptor).st_size
            parsed = _checked(descriptor, size)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ModelError(f"The model {shown} cannot be read: {_reason(error)}.") from error
    except ModelError as error:
        raise ModelError(f"The model {shown} {error}.") from None
    return parsed, size


def _reason(error: OSError) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return "there is no such file; check the path"
        case errno.EACCES | errno.EPERM:
            return "permission denied; make it readable for the user who runs telltop"
        case _:
            return (error.strerror or "unknown error").lower()


def _open(path: Path) -> int:
    """Open a regular file; anything else could block or never end."""
    try:
        mode = path.stat().st_mode
    except ValueError:
        raise ModelError("cannot be read: the path holds a zero byte") from None
    if stat.S_ISDIR(mode):
        raise ModelError("is a directory; name the .gguf file in it")
    if not stat.S_ISREG(mode):
        raise ModelError("is not a regular file; name a .gguf file")
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _checked(descriptor: int, size: int) -> Parsed:
    if size == 0:
        raise ModelError("is empty; download it again")
    start = os.pread(descriptor, 4, 0)
    for magic, what in _FORMATS.items():
        if start.startswith(magic):
            raise ModelError(f"is not a GGUF file: it is {what}")
    if os.pread(descriptor, 2, 8) == b'{"':
        raise ModelError("is not a GGUF file: it is in the safetensors format; look for a GGUF of the same model")
    parsed = parse(descriptor, size)
    needed = max((parsed.data_start + tensor.offset + tensor.size for tensor in parsed.tensors), default=0)
    if needed > size:
        raise ModelError(f"is cut off: it should be {readable(needed)} and is {readable(size)}; download it again")
    return parsed


class _Metadata:
    """Typed and bounded access to the key-value pairs of one architecture."""

    def __init__(self, pairs: dict[str, Value], architecture: str) -> None:
        self._pairs = pairs
        self._architecture = architecture

    def text(self, key: str) -> str:
        value = self._pairs.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str, limit: int, default: int = 0) -> int:
        """A count under ``limit`` that may stand for all layers at once or for each; of the latter the largest."""
        return max(self.numbers(key, limit) or (default,))

    def numbers(self, key: str, limit: int) -> tuple[int, ...]:
        value = self._pairs.get(f"{self._architecture}.{key}")
        found = value if isinstance(value, tuple) else () if value is None or isinstance(value, Counted) else (value,)
        for each in found:
            if not isinstance(each, int) or not 0 <= each <= limit:
                raise ModelError(f"is damaged: its {key.replace('_', ' ')} is impossible")
        return tuple(int(each) for each in found)

    def count(self, key: str) -> int:
        value = self._pairs.get(key)
        return value.length if isinstance(value, Counted) else len(value) if isinstance(value, tuple) else 0


def _describe(path: Path, parsed: Parsed, size: int) -> GgufHeader:
    shown = inert(str(path))
    architecture = parsed.metadata.get("general.architecture")
    if not isinstance(architecture, str) or not architecture:
        raise ModelError(f"The model {shown} does not say what architecture it has; it is not a model for llama.cpp.")
    data = _Metadata(parsed.metadata, architecture)
    try:
        layers = data.number("block_count", _MAX_LAYERS)
        embedding = data.number("embedding_length", _MAX_WIDTH)
        heads = data.number("attention.head_count", _MAX_WIDTH)
        width = embedding // heads if heads else 0
        shared = data.numbers("attention.head_count_kv", _MAX_WIDTH) or (heads,)
        header = GgufHeader(
            path=path,
            architecture=inert(architecture, 64),
            name=inert(data.text("general.name").strip(), 64) or inert(path.stem, 64),
            parameters=sum(tensor.values for tensor in parsed.tensors),
            file_bytes=size,
            tensor_bytes=sum(tensor.size for tensor in parsed.tensors),
            quantization=_commonest(parsed),
            context_length=data.number("context_length", _MAX_CONTEXT),
            layers=layers,
            embedding=embedding,
            feed_forward=data.number("feed_forward_length", _MAX_WIDTH),
            heads=heads,
            kv_heads=shared * layers if len(shared) == 1 else shared,
            key_length=data.number("attention.key_length", _MAX_WIDTH, width),
            value_length=data.number("attention.value_length", _MAX_WIDTH, width),
            vocabulary=data.count("tokenizer.ggml.tokens"),
            chat_template=data.text("tokenizer.chat_template") or None,
            header_bytes=parsed.data_start,
        )
    except ModelError as error:
        raise ModelError(f"The model {shown} {error}; download it again.") from None
    return header


def _commonest(parsed: Parsed) -> str:
    sizes: Counter[str] = Counter()
    for tensor in parsed.tensors:
        sizes[tensor.type.name] += tensor.size
    return sizes.most_common(1)[0][0] if sizes else ""


def _other_parts(path: Path, parsed: Parsed) -> list[Path]:
    """The files beside ``path`` that hold the rest of a model in several files."""
    count = parsed.metadata.get("split.count", 0)
    if not isinstance(count, int) or count < 2:
        return []
    named = _PART.search(path.name)
    if named is None or int(named[2]) != count or count > 999:
        raise ModelError(f"The model {inert(str(path))} is one of {count} parts but is not named so; rename it back.")
    first = path.with_name(f"{path.name[: named.start()]}-00001-of-{count:05}.gguf")
    if int(named[1]) != 1:
        raise ModelError(
            f"The model {inert(str(path))} is not the first of its {count} parts; give {inert(str(first))}."
        )
    return [first.with_name(first.name.replace("-00001-of-", f"-{n:05}-of-")) for n in range(2, count + 1)]


def _joined(header: GgufHeader, more: Parsed, size: int) -> GgufHeader:
    return replace(
        header,
        parameters=header.parameters + sum(tensor.values for tensor in more.tensors),
        tensor_bytes=header.tensor_bytes + sum(tensor.size for tensor in more.tensors),
        file_bytes=header.file_bytes + size,
        quantization=header.quantization or _commonest(more),
    )
