"""httpx without its command line, which would load a screen library into the engine and 40 ms into every start."""

from __future__ import annotations

import sys

if "httpx" not in sys.modules:
    # What ``None`` stands for cannot be imported: httpx then does without, as where its extra is not installed.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # documented in importlib, not in typeshed

import httpx

__all__ = ["httpx"]
