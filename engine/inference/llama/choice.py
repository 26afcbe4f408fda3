"""Choosing a token where llama.cpp's one call for it is not enough: under a grammar, or with log-probabilities."""

from __future__ import annotations

import ctypes
import math
from array import array
from typing import Any

from engine.inference.llama.library import library
from engine.inference.llama.model import Model
from engine.inference.protocol import TokenLogprob

_LEAST = -104.0  # the natural logarithm of what a float can hardly tell from nothing
NONE = -1
"""No token is admitted."""


class Candidates:
    """An array of all tokens with their logits, filled for each choice. Belongs to the model's thread."""

    def __init__(self, model: Model) -> None:
        api = library()
        self._api = api
        self._model = model
        count = model.vocabulary
        self._data = (api.llama_token_data * count)()
        self._array = api.llama_token_data_array(self._data, count, -1, False)
        self._ids = memoryview(self._data).cast("B").cast("i")[0::3]
        self._logits = memoryview(self._data).cast("B").cast("f")[1::3]
        self._numbers = memoryview(array("i", range(count)))
        self._one = (api.llama_token_data * 1)()
        self._single = api.llama_token_data_array(self._one, 1, -1, False)
        self._softmax = api.llama_sampler_init_dist(0)
        self._best: dict[int, Any] = {}

    def free(self) -> None:
        """Give the samplers back."""
        for each in (self._softmax, *self._best.values()):
            self._api.llama_sampler_free(each)
        self._best.clear()

    def choose(self, chain: Any, grammar: Any, logits: Any) -> int:
        """The token that ``chain`` chooses among those that ``grammar``, or ``None``, admits; both take note of it.

        The choice is made freely first and only then shown to the grammar: a model that was asked for JSON mostly
        writes it, and looking at one token is cheaper than looking at them all.
        """
        api = self._api
        token = self._pick(chain, logits)
        if grammar is not None:
            if not self.admitted(grammar, token):
                self._fill(logits)
                api.llama_sampler_apply(grammar, ctypes.byref(self._array))
                api.llama_sampler_apply(chain, ctypes.byref(self._array))
                token = self._selected()
                if token < 0 or not self.admitted(grammar, token):
                    return NONE
            api.llama_sampler_accept(grammar, token)
        api.llama_sampler_accept(chain, token)
        return token

    def _pick(self, chain: Any, logits: Any) -> int:
        self._fill(logits)
        self._api.llama_sampler_apply(chain, ctypes.byref(self._array))
        return self._selected()

    def _selected(self) -> int:
        at = self._array.selected
        return int(self._array.data[at].id) if 0 <= at < self._array.size else NONE

    def admitted(self, grammar: Any, token: int) -> bool:
        """Whether ``grammar`` lets ``token`` come next."""
        one = self._one[0]
        one.id, one.logit, one.p = token, 1.0, 0.0
        self._single.size, self._single.selected, self._single.sorted = 1, -1, False
        self._api.llama_sampler_apply(grammar, ctypes.byref(self._single))
        return bool(self._one[0].logit > -math.inf)

    def _fill(self, logits: Any) -> None:
        """All tokens in their order; a sampler has sorted or cut the array of the choice before."""
        count = self._model.vocabulary
        address = ctypes.addressof(logits.contents)
        self._ids[:] = self._numbers
        self._logits[:] = memoryview((ctypes.c_float * count).from_address(address)).cast("B").cast("f")
        whole = self._array
        whole.data = self._data  # samplers may point it to memory of their own
        whole.size, whole.selected, whole.sorted = count, -1, False

    def logprob(self, token: int, top: int, logits: Any) -> TokenLogprob:
        """How likely ``token`` was by the model alone, and the ``top`` likeliest."""
        api = self._api
        self._fill(logits)
        api.llama_sampler_apply(self._softmax, ctypes.byref(self._array))
        own = self._told(token, float(self._array.data[token].p))
        if not top:
            return own
        if top not in self._best:
            self._best[top] = api.llama_sampler_init_top_k(top)
        api.llama_sampler_apply(self._best[top], ctypes.byref(self._array))
        best = [self._array.data[place] for place in range(min(top, int(self._array.size)))]
        likeliest = tuple(self._told(int(each.id), float(each.p)) for each in best)
        return TokenLogprob(own.id, own.text, own.logprob, likeliest)

    def _told(self, token: int, share: float) -> TokenLogprob:
        return TokenLogprob(token, self._model.piece(token) or b"", math.log(share) if share > 0 else _LEAST)
