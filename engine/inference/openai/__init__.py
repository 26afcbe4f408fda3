"""A model behind a server that speaks OpenAI's protocol: llama-server, Ollama, vLLM, TGI, LiteLLM and their like."""

from engine.inference.openai.engine import EndpointEngine
from engine.inference.openai.transfer import Patience

__all__ = ["EndpointEngine", "Patience"]
