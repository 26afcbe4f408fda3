"""A real model of a few hundred kilobytes: llama architecture, random weights, one token a byte.

What it writes is noise, but deterministic noise that depends on every token before: enough to see whether an engine
keeps its promises. By default it writes printable ASCII and never ends of itself, so that a test can cancel in time.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

SPECIAL = ("<|end|>", "<|user|>", "<|assistant|>", "<|system|>")
CHAT_TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
HEAD = 16
"""Width of one attention head."""


def _byte_tokens() -> list[str]:
    """The 256 bytes in the alphabet of GPT-2's tokenizer, which shifts those that do not print."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    shifted = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(shifted)) for byte in range(256)]


def write_tiny_gguf(
    path: Path,
    *,
    architecture: str = "llama",
    name: str = "tiny",
    chat_template: str | None = CHAT_TEMPLATE,
    layers: int = 2,
    width: int = 64,
    context: int = 4096,
    seed: int = 0,
    ending: bool = False,
    half: bool = False,
) -> Path:
    """Write the model to ``path`` and return it.

    ``ending`` lets it choose its end token now and then; ``half`` stores the matrices in f16 rather than f32.
    """
    heads, kv_heads, feed_forward = width // HEAD, max(1, width // HEAD // 2), width * 2
    tokens = [*SPECIAL, *_byte_tokens()]
    random = np.random.default_rng(seed)
    out = gguf.GGUFWriter(str(path), architecture)
    out.add_name(name)
    out.add_context_length(context)
    out.add_embedding_length(width)
    out.add_block_count(layers)
    out.add_feed_forward_length(feed_forward)
    out.add_head_count(heads)
    out.add_head_count_kv(kv_heads)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_freq_base(10000.0)
    out.add_rope_dimension_count(HEAD)
    out.add_vocab_size(len(tokens))
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("default")
    out.add_token_list(tokens)
    out.add_token_types([gguf.TokenType.CONTROL] * len(SPECIAL) + [gguf.TokenType.NORMAL] * 256)
    out.add_token_merges(["t 1"])
    out.add_bos_token_id(0)
    out.add_eos_token_id(0)
    out.add_add_bos_token(False)
    if chat_template is not None:
        out.add_chat_template(chat_template)

    def matrix(label: str, rows: int, columns: int, scale: float = 1.0) -> NDArray[np.float32]:
        values = random.standard_normal((rows, columns), dtype=np.float32) * np.float32(scale / columns**0.5)
        if label.endswith(("attn_output.weight", "ffn_down.weight")):
            values[0] = 0  # dimension 0 of the residual stays what the embedding made it
        return values

    def add(label: str, values: NDArray[np.float32]) -> None:
        out.add_tensor(label, values.astype(np.float16) if half and values.ndim == 2 else values)

    embedding = matrix("token_embd.weight", len(tokens), width, width**0.5)
    embedding[:, 0] = 1.0
    add("token_embd.weight", embedding)
    head = matrix("output.weight", len(tokens), width, 2.0)
    head[:, 0] = -100.0
    head[len(SPECIAL) + ord(" ") : len(SPECIAL) + ord("~") + 1, 0] = 0.0
    if ending:
        head[0, 0] = 0.5
    add("output.weight", head)
    add("output_norm.weight", np.ones(width, np.float32))
    for layer in range(layers):
        block = f"blk.{layer}."
        for norm in ("attn_norm.weight", "ffn_norm.weight"):
            add(block + norm, np.ones(width, np.float32))
        for label, rows, columns in (
            ("attn_q.weight", heads * HEAD, width),
            ("attn_k.weight", kv_heads * HEAD, width),
            ("attn_v.weight", kv_heads * HEAD, width),
            ("attn_output.weight", width, heads * HEAD),
            ("ffn_gate.weight", feed_forward, width),
            ("ffn_up.weight", feed_forward, width),
            ("ffn_down.weight", width, feed_forward),
        ):
            add(block + label, matrix(label, rows, columns, 1.5))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path
