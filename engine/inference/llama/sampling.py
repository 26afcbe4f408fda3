"""llama.cpp's sampler chain for a request's :class:`Sampling`, and its grammar."""

from __future__ import annotations

import math
import secrets
from typing import Any

from engine.errors import GenerationError
from engine.inference import json_grammar
from engine.inference.llama.library import library, lines
from engine.inference.protocol import Sampling
from engine.text import inert

_SEEDS = 1 << 32
_MOST_BIASES = 4096
_MOST_LOGPROBS = 20
_DEEPEST_GROUP = 200  # llama.cpp's reader of grammars calls itself for each


def sampler(sampling: Sampling, vocabulary: int) -> Any:
    """A chain that the caller must free with ``llama_sampler_free``; temperature 0 takes the likeliest token.

    ``vocabulary`` is the number of the model's tokens. Raises :class:`GenerationError` for values that make no sense.
    """
    _check(sampling, vocabulary)
    api = library()
    parameters = api.llama_sampler_chain_default_params()
    parameters.no_perf = True
    chain = api.llama_sampler_chain_init(parameters)
    for stage in _stages(api, sampling, vocabulary):
        api.llama_sampler_chain_add(chain, stage)
    return chain


def _stages(api: Any, sampling: Sampling, vocabulary: int) -> list[Any]:
    stages = []
    if sampling.logit_bias:
        biases = (api.llama_logit_bias * len(sampling.logit_bias))(*sampling.logit_bias)
        stages.append(api.llama_sampler_init_logit_bias(vocabulary, len(biases), biases))
    repeat = sampling.repeat_penalty if sampling.repeat_penalty > 0 else 1.0
    penalties = (repeat, sampling.frequency_penalty, sampling.presence_penalty)
    if sampling.penalty_window > 0 and penalties != (1.0, 0.0, 0.0):
        stages.append(api.llama_sampler_init_penalties(vocabulary, sampling.penalty_window, *penalties))
    if sampling.temperature <= 0:
        stages.append(api.llama_sampler_init_greedy())
        return stages
    if sampling.top_k > 0:
        stages.append(api.llama_sampler_init_top_k(sampling.top_k))
    if 0 < sampling.typical_p < 1:
        stages.append(api.llama_sampler_init_typical(sampling.typical_p, 1))
    if 0 < sampling.top_p < 1:
        stages.append(api.llama_sampler_init_top_p(sampling.top_p, 1))
    if 0 < sampling.min_p < 1:
        stages.append(api.llama_sampler_init_min_p(sampling.min_p, 1))
    stages.append(api.llama_sampler_init_temp(sampling.temperature))
    seed = secrets.randbelow(_SEEDS) if sampling.seed is None else sampling.seed % _SEEDS
    stages.append(api.llama_sampler_init_dist(seed))
    return stages


def _check(sampling: Sampling, vocabulary: int) -> None:
    numbers = (
        *(sampling.temperature, sampling.top_p, sampling.min_p, sampling.typical_p),
        *(sampling.repeat_penalty, sampling.frequency_penalty, sampling.presence_penalty),
    )
    if not all(map(math.isfinite, numbers)):
        raise GenerationError("A number of the request's sampling is not finite: correct it.")
    if len(sampling.logit_bias) > _MOST_BIASES:
        raise GenerationError(f"The request biases more than {_MOST_BIASES} tokens: name fewer.")
    for token, bias in sampling.logit_bias:
        if not 0 <= token < vocabulary or math.isnan(bias) or bias == math.inf:
            raise GenerationError(
                f"The request's bias of token {token} is impossible: the model's tokens are numbered from 0 to "
                f"{vocabulary - 1}, and a bias is a number."
            )
    if sampling.top_logprobs is not None and not 0 <= sampling.top_logprobs <= _MOST_LOGPROBS:
        raise GenerationError(f"At most {_MOST_LOGPROBS} log-probabilities a token can be reported: ask for fewer.")


def grammar(sampling: Sampling, vocab: Any) -> Any:
    """The sampler that forbids what the request's grammar or schema does not admit, or ``None`` where it has none.

    To be freed as a chain is. Raises :class:`GenerationError` for a grammar that llama.cpp cannot read.
    """
    if sampling.grammar and sampling.json_schema:
        raise GenerationError("The request has both a grammar and a JSON schema: leave one out.")
    text = json_grammar.grammar(sampling.json_schema) if sampling.json_schema else sampling.grammar
    if not text:
        return None
    if sampling.grammar and (len(text) > json_grammar.LONGEST or text.count("(") > _DEEPEST_GROUP):
        raise GenerationError(
            f"The grammar is larger than {json_grammar.LONGEST} characters or {_DEEPEST_GROUP} groups: simplify it."
        )
    lines.errors.clear()
    made = library().llama_sampler_init_grammar(vocab, text.encode("utf-8", "replace"), b"root")
    if not made:
        told = f" ({inert(lines.errors[-1], 200)})" if lines.errors else ""
        raise GenerationError(f"llama.cpp cannot read the grammar{told}: it must be GBNF with a rule named root.")
    return made
