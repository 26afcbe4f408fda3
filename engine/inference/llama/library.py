"""llama.cpp's shared library: imported once, silent, its log routed to ``logging``.

The high-level ``Llama`` class is never used: it points the process's descriptors 1 and 2 at /dev/null while it loads,
and whatever a screen paints meanwhile is lost.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib
import importlib.util
import logging
import sys
import threading
from collections import deque
from types import ModuleType
from typing import Any

from engine.errors import ModelError
from engine.text import inert

log = logging.getLogger("telltop.llama")
log.addHandler(logging.NullHandler())  # where nobody has configured logging, warnings must not go to the terminal

_PACKAGE = "llama_cpp"
_LEVELS = {2: logging.DEBUG, 3: logging.WARNING, 4: logging.ERROR}  # "info" is a page at each load: detail here
_ERROR = 4
_CONTINUED = 5
_lock = threading.Lock()
_library: Any = None


class _Lines:
    """Puts the pieces that llama.cpp logs together to lines and keeps the last errors."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._level = 0
        self.errors: deque[str] = deque(maxlen=16)
        self.expected = False
        """What is logged now follows from an abort that was asked for: no error, but a detail."""

    def write(self, level: int, text: bytes | None, _: int | None) -> None:
        """The callback of ``llama_log_set``; called in any thread that runs native code."""
        piece = (text or b"").decode("utf-8", "replace")
        if level != _CONTINUED:
            self._level = level
        self._parts.append(piece)
        if not piece.endswith("\n"):
            return
        line = inert("".join(self._parts).rstrip())
        self._parts.clear()
        if self._level == _ERROR:
            self.errors.append(line)
        known = logging.DEBUG if self.expected else _LEVELS.get(self._level)
        if known is not None:
            log.log(known, "%s", line)


lines = _Lines()


def library() -> Any:
    """The module of llama.cpp's functions, its backend initialized. Raises :class:`ModelError` where it is broken."""
    global _library  # noqa: PLW0603 - the library is one per process, as its global state is
    with _lock:
        if _library is None:
            try:
                api = _import()
            except (ImportError, OSError, RuntimeError) as error:
                reason = inert(str(error), 300)
                raise ModelError(f"llama-cpp-python cannot be loaded ({reason}): install it again.") from error
            _silence(api)
            api.llama_backend_init()
            _library = api
    return _library


def _import() -> ModuleType:
    """Import ``llama_cpp.llama_cpp`` without running the package's ``__init__``.

    That would bring the high-level class with numpy, a disk cache and all chat formats: 23 MiB and a tenth of a second
    of the interpreter, taken from the screen. The bare package is taken back, so that who imports it later gets all.
    """
    if _PACKAGE in sys.modules:
        return importlib.import_module(f"{_PACKAGE}.llama_cpp")
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError("no package of that name")
    bare = ModuleType(_PACKAGE)
    bare.__path__ = list(spec.submodule_search_locations)
    sys.modules[_PACKAGE] = bare
    try:
        return importlib.import_module(f"{_PACKAGE}.llama_cpp")
    finally:
        del sys.modules[_PACKAGE]


def _silence(api: Any) -> None:
    callback = api.llama_log_callback(lines.write)
    api.llama_log_set(callback, None)
    # Late log lines, of threads or of destructors at exit, must not call into an interpreter that is gone: then the
    # callback is a C function that takes anything and does nothing.
    nothing = ctypes.cast(ctypes.CDLL(None).abs, api.llama_log_callback)

    def unhook() -> None:
        api.llama_log_set(nothing, None)

    atexit.register(unhook)
    _kept.extend((callback, nothing))


_kept: list[Any] = []  # ctypes callbacks live as long as the process, for native code may call them at any time


def native_flag() -> tuple[Any, ctypes.Array[ctypes.c_char]]:
    """A callback that native code may ask "stop?" without the interpreter, and the byte to set to answer yes.

    llama.cpp asks at each of the hundreds of steps of a graph; a Python callback would wait for the interpreter's lock
    each time. ``strlen`` of a one-byte string is 0 or 1: just the answer that is wanted, read from memory.
    """
    flag = ctypes.create_string_buffer(2)
    return ctypes.cast(ctypes.CDLL(None).strlen, library().ggml_abort_callback), flag


def quick(function: Any) -> Any:
    """The same function called without giving up the interpreter's lock, for calls that take a microsecond."""
    address = ctypes.cast(function, ctypes.c_void_p).value
    if address is None:
        raise ModelError("llama-cpp-python lacks a function that telltop needs: install it again.")
    return ctypes.PYFUNCTYPE(function.restype, *function.argtypes)(address)
