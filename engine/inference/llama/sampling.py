"""llama.cpp's sampler chain for a request's :class:`Sampling`."""

from __future__ import annotations

import secrets
from typing import Any

from engine.inference.llama.library import library
from engine.inference.protocol import Sampling

_PENALTY_WINDOW = 64  # tokens, as llama.cpp's own tools have it
_SEEDS = 1 << 32


def sampler(sampling: Sampling, vocabulary: int) -> Any:
    """A chain that the caller must free with ``llama_sampler_free``; temperature 0 takes the likeliest token.

    ``vocabulary`` is the number of the model's tokens.
    """
    api = library()
    parameters = api.llama_sampler_chain_default_params()
    parameters.no_perf = True
    chain = api.llama_sampler_chain_init(parameters)
    stages = []
    if sampling.repeat_penalty > 0 and sampling.repeat_penalty != 1:
        penalties = (_PENALTY_WINDOW, sampling.repeat_penalty, 0.0, 0.0)
        stages.append(api.llama_sampler_init_penalties(vocabulary, *penalties))
    if sampling.temperature <= 0:
        stages.append(api.llama_sampler_init_greedy())
    else:
        if sampling.top_k > 0:
            stages.append(api.llama_sampler_init_top_k(sampling.top_k))
        if 0 < sampling.top_p < 1:
            stages.append(api.llama_sampler_init_top_p(sampling.top_p, 1))
        if 0 < sampling.min_p < 1:
            stages.append(api.llama_sampler_init_min_p(sampling.min_p, 1))
        stages.append(api.llama_sampler_init_temp(sampling.temperature))
        seed = secrets.randbelow(_SEEDS) if sampling.seed is None else sampling.seed % _SEEDS
        stages.append(api.llama_sampler_init_dist(seed))
    for stage in stages:
        api.llama_sampler_chain_add(chain, stage)
    return chain
