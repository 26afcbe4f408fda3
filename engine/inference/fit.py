"""Whether a model fits this node: what it needs, worked out from its header alone, against what is free.

Needed are the weights, the keys and values of the context, and llama.cpp's compute buffers. Free is what the
kernel can give without swapping (``MemAvailable`` of ``/proc/meminfo``), or less where a cgroup limits this process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import psutil
from msgspec import Struct

from engine.errors import ModelError
from engine.inference.gguf import GgufHeader
from engine.text import inert
from engine.units import size as readable

DEFAULT_CONTEXT = 4096
"""Tokens; a digest of the node and a conversation fit well, and the context's memory stays small."""
SMALLEST_CONTEXT = 512
"""Tokens below which not even a short digest fits."""
MICRO_BATCH = 256
"""Tokens that llama.cpp evaluates at once: as fast as more, and a cancel waits for the shorter steps."""

_BLOCK = 32  # values of a head that q8_0 and q4_0 pack together
_BITS = {"Q8_0": 8.5, "Q6_K": 6.6, "Q5_K_M": 5.7, "Q4_K_M": 4.9, "Q3_K_M": 3.9, "Q2_K": 3.2}
"""Bits that a weight takes in the usual quantizations, all tensors of a model averaged."""
_STEP = 256  # llama.cpp rounds a context up to a multiple of this
_F32 = 4
_LIBRARY_BYTES = 7 << 20  # llama.cpp itself, measured with a model of next to nothing
_TOKEN_BYTES = 128  # of llama.cpp's tables for each token of the vocabulary
_MASK = 2.5  # bytes for each token of a batch and of the context: in f16, and a part of it in f32
_UNLIMITED = 1 << 60  # cgroup v1 says "no limit" by a number near 2**63


CacheType = Literal["f16", "q8_0", "q4_0", "f32"]
"""Number format of the context's keys and values; ``f32`` is exact however texts are batched, for twice the memory."""
CACHE_BYTES: dict[CacheType, float] = {"f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32, "f32": 4.0}


class LoadPlan(Struct, frozen=True):
    """How a model is to be loaded so that it fits."""

    context: int
    """Tokens, a multiple of 256."""
    threads: int
    slots: int
    """Sequences that share the context."""
    cache_type: CacheType
    weights_bytes: int
    context_bytes: int
    compute_bytes: int
    free_bytes: int

    @property
    def needed_bytes(self) -> int:
        """Everything together."""
        return self.weights_bytes + self.context_bytes + self.compute_bytes


def plan(
    header: GgufHeader,
    wanted_context: int | None = None,
    *,
    threads: int | None = None,
    slots: int = 4,
    cache_type: CacheType | None = None,
    proc: Path = Path("/proc"),
    cgroup: Path = Path("/sys/fs/cgroup"),
) -> LoadPlan:
    """Choose the context, its number format and the threads, so that the model fits.

    ``wanted_context`` is in tokens; without it, it is the model's own but at most ``DEFAULT_CONTEXT``. Where f16 does
    not fit, q8_0 is tried, which costs hardly any quality; then the context shrinks by halves; q4_0 is the last
    resort. A ``cache_type`` that is given is kept. Raises :class:`ModelError` with the numbers, and the nearest that
    would fit, when not even the smallest context does.
    """
    free = free_bytes(proc, cgroup)
    context = _rounded(wanted_context or min(header.context_length or DEFAULT_CONTEXT, DEFAULT_CONTEXT))
    smallest = min(SMALLEST_CONTEXT, context)
    least = None
    for tokens, kind in _choices(header, context, smallest, cache_type):
        chosen = LoadPlan(
            context=tokens,
            threads=threads or default_threads(),
            slots=slots,
            cache_type=kind,
            weights_bytes=header.tensor_bytes,
            context_bytes=context_bytes(header, tokens, kind),
            compute_bytes=compute_bytes(header, tokens, slots, kind),
            free_bytes=free,
        )
        if chosen.needed_bytes <= free:
            return chosen
        least = chosen if least is None or chosen.needed_bytes < least.needed_bytes else least
    assert least is not None
    raise ModelError(_refusal(header, least))


def _choices(
    header: GgufHeader, context: int, smallest: int, kind: CacheType | None
) -> Iterator[tuple[int, CacheType]]:
    """Contexts and formats, the best first."""
    blocks = header.key_length % _BLOCK == 0 and header.value_length % _BLOCK == 0
    kinds: list[CacheType] = [kind] if kind else ["f16", "q8_0"] if blocks else ["f16"]
    while True:
        yield from ((context, each) for each in kinds)
        if context <= smallest:
            break
        context = max(smallest, _rounded(context // 2))
    if kind is None and blocks:
        yield context, "q4_0"


def describe(header: GgufHeader, chosen: LoadPlan) -> str:
    """The plan in lines for an operator, with its numbers."""
    bits = 8 * header.tensor_bytes / header.parameters if header.parameters else 0.0
    billions = header.parameters / 1e9
    spare = chosen.free_bytes - chosen.needed_bytes
    trained = f" (trained on {header.context_length})" if header.context_length else ""
    return "\n".join(
        [
            f"{header.name}: {billions:.2f} billion parameters, {header.quantization}, {bits:.1f} bits a weight",
            f"weights   {readable(chosen.weights_bytes)}, mapped from the file, dropped under pressure",
            f"context   {readable(chosen.context_bytes)} for {chosen.context} tokens in {chosen.cache_type}{trained}, "
            f"shared by {chosen.slots} texts",
            f"compute   {readable(chosen.compute_bytes)}, {chosen.threads} thread{'' if chosen.threads == 1 else 's'}",
            f"together  {readable(chosen.needed_bytes)} of {readable(chosen.free_bytes)} that are free, "
            f"{readable(spare)} stay",
        ]
    )


def _rounded(context: int) -> int:
    return max(1, -(-context // _STEP)) * _STEP


def _refusal(header: GgufHeader, smallest: LoadPlan) -> str:
    return (
        f"The model {inert(str(header.path))} needs {readable(smallest.needed_bytes)} "
        f"({readable(smallest.weights_bytes)} of weights, {readable(smallest.context_bytes)} for a context of "
        f"{smallest.context} tokens in {smallest.cache_type}, {readable(smallest.compute_bytes)} to compute) and "
        f"{readable(smallest.free_bytes)} is free: {_nearest(header, smallest)}."
    )


def _nearest(header: GgufHeader, smallest: LoadPlan) -> str:
    """What would fit instead."""
    room = smallest.free_bytes - smallest.context_bytes - smallest.compute_bytes
    own = 8 * header.tensor_bytes / header.parameters if header.parameters else 0.0
    fitting = [name for name, bits in _BITS.items() if bits < own and bits * header.parameters / 8 <= room]
    if fitting:
        return f"the same model in {fitting[0]} would fit, or free some memory"
    billions = max(0, room) * 8 / _BITS["Q4_K_M"] / 1e9
    if billions >= 0.1:
        return f"a model of up to {billions:.1f} billion parameters in Q4_K_M would fit, or free some memory"
    return "no model of use would fit, free some memory"


def context_bytes(header: GgufHeader, context: int, cache_type: CacheType = "f16") -> int:
    """Bytes of the keys and values of ``context`` tokens."""
    heads = sum(header.kv_heads)
    return int(context * heads * (header.key_length + header.value_length) * CACHE_BYTES[cache_type])


def compute_bytes(header: GgufHeader, context: int, slots: int, cache_type: CacheType = "f16") -> int:
    """Bytes of llama.cpp's working memory: the widest step of a layer, the attention mask, the logits, the vocabulary.

    An estimate: the largest live set is about four activations of the feed-forward layer's width. In f32 there is no
    flash attention, so the scores of all heads are held at once.
    """
    batch = min(MICRO_BATCH, context)
    wide = max(header.feed_forward, header.embedding, header.heads * header.key_length)
    activations = batch * (3 * wide + 3 * header.embedding) * _F32
    mask = int(batch * context * _MASK)
    scores = batch * context * header.heads * _F32 if cache_type == "f32" else 0
    logits = 3 * slots * header.vocabulary * _F32
    return activations + mask + scores + logits + _LIBRARY_BYTES + header.vocabulary * _TOKEN_BYTES


def default_threads() -> int:
    """Physical cores but one, which the node keeps; at least one."""
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = min(cores, len(os.sched_getaffinity(0)))
    return max(1, cores - 1)


def free_bytes(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """What may still be taken without swapping, bytes: the least of the node's and of each cgroup's above this one."""
    return min([_available(proc), *_cgroup_room(proc, cgroup)])


def _available(proc: Path) -> int:
    try:
        for line in (proc / "meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass  # no such file outside Linux
    return psutil.virtual_memory().available


def _cgroup_room(proc: Path, root: Path) -> list[int]:
    """Limit minus use, page cache not counted as use, of this process's cgroup and of all above it (v2 and v1)."""
    rooms = []
    for line in _lines(proc / "self/cgroup"):
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers == "":
            top, limit, usage, cache = root, "memory.max", "memory.current", ("inactive_file", "active_file")
        elif "memory" in controllers.split(","):
            top = root / "memory"
            limit, usage = "memory.limit_in_bytes", "memory.usage_in_bytes"
            cache = ("total_inactive_file", "total_active_file")
        else:
            continue
        own = top / path.lstrip("/")
        for folder in (own, *own.parents):
            room = _room(folder, limit, usage, cache)
            if room is not None:
                rooms.append(room)
            if folder == top:
                break
    return rooms


def _room(folder: Path, limit: str, usage: str, cache: tuple[str, ...]) -> int | None:
    try:
        most = int((folder / limit).read_text())  # v2 says "max" where there is no limit
        used = int((folder / usage).read_text())
    except (OSError, ValueError):
        return None
    if most >= _UNLIMITED:
        return None
    fields = dict(line.split(" ", 1) for line in _lines(folder / "memory.stat") if " " in line)
    held = sum(int(fields.get(name, "0")) for name in cache)
    return max(0, most - max(0, used - held))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
