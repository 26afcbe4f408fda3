"""A context of a model: the keys and values of its sequences, and the batch that is evaluated next."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from engine.errors import ModelError
from engine.inference.fit import MICRO_BATCH, LoadPlan
from engine.inference.llama.library import library, lines, native_flag
from engine.inference.llama.model import Model

DONE, FULL, ABORTED = 0, 1, 2
"""What :meth:`Context.decode` returns; anything else is an error of llama.cpp's."""


class Context:
    """Owned by one thread; only :meth:`abort` may be called from others. :meth:`free` ends it."""

    def __init__(self, model: Model, plan: LoadPlan) -> None:
        """Set the memory aside. Raises :class:`ModelError` if there is not enough."""
        api = library()
        self._api = api
        self.capacity = min(MICRO_BATCH, plan.context)
        """Tokens that one batch may hold."""
        abort, self._flag = native_flag()
        parameters = api.llama_context_default_params()
        parameters.n_ctx = plan.context
        parameters.n_batch = parameters.n_ubatch = self.capacity
        self._spare = plan.slots if model.rewindable else None
        parameters.n_seq_max = plan.slots + model.rewindable
        parameters.n_outputs_max = parameters.n_seq_max
        parameters.n_threads = parameters.n_threads_batch = plan.threads
        parameters.kv_unified = True
        parameters.type_k = parameters.type_v = getattr(api, f"GGML_TYPE_{plan.cache_type.upper()}")
        if plan.cache_type == "f32":  # flash attention would round it to f16
            parameters.flash_attn_type = api.LLAMA_FLASH_ATTN_TYPE_DISABLED
        parameters.no_perf = True
        parameters.abort_callback = abort
        parameters.abort_callback_data = ctypes.addressof(self._flag)
        self._abort = abort
        self._handle: Any = api.llama_init_from_model(model.handle, parameters)
        if not self._handle:
            raise ModelError("llama.cpp could not set memory aside for the context: choose a shorter context.")
        self._memory = api.llama_get_memory(self._handle)
        if not self._memory:
            self.free()
            raise ModelError("This model keeps no context, it only embeds texts: choose a chat model.")
        self.size = int(api.llama_n_ctx(self._handle))
        """Tokens that all sequences together may hold."""
        self._make_batch()
        self._decode = api.llama_decode
        self._sample = api.llama_sampler_sample

    def _make_batch(self) -> None:
        """One batch for ever, over arrays of this process: filling it is all that a step costs."""
        api, room = self._api, self.capacity
        self._token = (ctypes.c_int32 * room)()
        self._position = (ctypes.c_int32 * room)()
        self._sequence = (ctypes.c_int32 * room)()
        self._output = (ctypes.c_int8 * room)()
        self._ones = (ctypes.c_int32 * room)(*[1] * room)
        pointer = ctypes.POINTER(ctypes.c_int32)
        width = ctypes.sizeof(ctypes.c_int32)
        start = ctypes.addressof(self._sequence)
        self._sequences = (pointer * room)(
            *(ctypes.cast(start + width * place, pointer) for place in range(room)),
        )
        self._batch = api.llama_batch(
            0,
            ctypes.cast(self._token, pointer),
            None,
            ctypes.cast(self._position, pointer),
            ctypes.cast(self._ones, pointer),
            ctypes.cast(self._sequences, ctypes.POINTER(pointer)),
            ctypes.cast(self._output, ctypes.POINTER(ctypes.c_int8)),
        )
        self.filled = 0

    def free(self) -> None:
        """Give the memory back."""
        if self._handle:
            self._api.llama_free(self._handle)
            self._handle = None

    def clear(self) -> None:
        """Begin a new batch."""
        self.filled = 0

    def add(self, token: int, position: int, sequence: int) -> int:
        """Add a token whose successor is wanted; returns its place in the batch, for :meth:`sample`."""
        place = self.filled
        self._token[place] = token
        self._position[place] = position
        self._sequence[place] = sequence
        self._output[place] = 1
        self.filled = place + 1
        return place

    def extend(self, tokens: Sequence[int], position: int, sequence: int, *, last: bool) -> int:
        """Add tokens of a prompt; ``last`` if the successor of the last one is wanted. Returns that one's place."""
        start, count = self.filled, len(tokens)
        end = start + count
        self._token[start:end] = list(tokens)
        self._position[start:end] = list(range(position, position + count))
        self._sequence[start:end] = [sequence] * count
        self._output[start:end] = [0] * count
        self._output[end - 1] = last
        self.filled = end
        return end - 1

    def decode(self) -> int:
        """Evaluate the batch. ``DONE``; ``FULL``: no room, nothing has changed; ``ABORTED``; less than 0: an error."""
        self._batch.n_tokens = self.filled
        return int(self._decode(self._handle, self._batch))

    def sample(self, sampler: Any, place: int) -> int:
        """The successor of the token at ``place`` of the batch just evaluated."""
        return int(self._sample(sampler, self._handle, place))

    def logits(self, place: int) -> Any:
        """Those of the successor of the token at ``place``: a pointer, good until the next evaluation."""
        return self._api.llama_get_logits_ith(self._handle, place)

    def abort(self) -> None:
        """Make the evaluation under way, in another thread, stop at its next step."""
        self._flag[0] = b"\x01"
        lines.expected = True

    def arm(self) -> None:
        """Forget an :meth:`abort`."""
        self._flag[0] = b"\x00"
        lines.expected = False

    def forget(self, sequence: int, position: int = 0) -> bool:
        """Drop the tokens of ``sequence`` from ``position`` on; false if only all of them can be dropped."""
        return bool(self._api.llama_memory_seq_rm(self._memory, sequence, position, -1))

    def share(self, source: int, target: int, count: int) -> None:
        """Let ``target``, which is empty, begin with the first ``count`` tokens of ``source``; nothing is copied."""
        self._api.llama_memory_seq_cp(self._memory, source, target, 0, count)

    def state(self, sequence: int, count: int, most: int) -> bytes | None:
        """Keys and values of the first ``count`` tokens of ``sequence``, if they are at most ``most`` bytes."""
        api, spare = self._api, self._spare
        if spare is None:
            return None
        self.share(sequence, spare, count)
        try:
            size = int(api.llama_state_seq_get_size(self._handle, spare))
            if not 0 < size <= most:
                return None
            room = (ctypes.c_uint8 * size)()
            return bytes(room) if api.llama_state_seq_get_data(self._handle, room, size, spare) == size else None
        finally:
            self.forget(spare)

    def set_state(self, sequence: int, state: bytes) -> bool:
        """Put what :meth:`state` gave, by the same model and number format, into an empty sequence."""
        room = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        return bool(self._api.llama_state_seq_set_data(self._handle, room, len(state), sequence) == len(state))
