"""The in-process engine: llama.cpp's low-level API, one thread that owns it, and nothing else that imports it."""

from engine.inference.llama.engine import LlamaEngine

__all__ = ["LlamaEngine"]
