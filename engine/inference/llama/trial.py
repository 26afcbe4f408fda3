"""Trying a model file in a child process before it is loaded here: what only llama.cpp can find out may end a process.

A header that holds together can still make llama.cpp abort: an assertion on shapes while it builds its graph, a
tokenizer that throws. The child loads the file as the engine does, with the weights mapped, and evaluates two tokens.
"""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from engine.errors import ModelError
from engine.inference.gguf import GgufHeader
from engine.inference.llama import cache
from engine.text import inert
from engine.units import size as readable

_SAFE, _DEADLY = b"safe", b"deadly"
_LOOK_S = 0.1
_PATIENCE_S = 30.0
_SLOWEST_BYTES_S = 20 << 20  # what a slow disk or a busy processor makes of the weights
_MOST_FILES = 512
_PR_SET_PDEATHSIG = 1
_PACKAGES = Path(__file__).resolve().parents[3]
_CHILD = (
    "import sys; sys.path.insert(0, sys.argv[1]); from engine.inference.llama.trial import child; child(sys.argv[2])"
)


def try_out(header: GgufHeader, folder: Path, going: Callable[[], bool]) -> bool:
    """Let a child process load the model, unless it is known that one could; ``folder`` is where that is remembered.

    ``going`` is asked every tenth of a second whether to go on; returns whether it went on to the end. Raises
    :class:`ModelError` if the child died of the file. That llama.cpp refuses the file in good order is no concern of
    this: it will again, with its reason.
    """
    try:
        known = folder / "trials" / cache.identity(header)
        verdict = known.read_bytes()
    except FileNotFoundError:
        verdict = b""
    except OSError:  # the file has gone, which loading will tell, or nothing can be remembered here
        return True
    if not verdict:
        status = _run(header, going)
        if status is None:
            return False
        verdict = _judge(header, status)
        cache.write(known, verdict)
        cache.bound(known.parent, "*", 1 << 20, _MOST_FILES)
    if verdict != _SAFE:
        raise ModelError(_sentence(header, "crashes llama.cpp"))
    return True


def _sentence(header: GgufHeader, what: str) -> str:
    return (
        f"The model {inert(str(header.path))} {what}, tried in a process of its own: it is damaged or made for another "
        "version; choose another file."
    )


def _judge(header: GgufHeader, status: int) -> bytes:
    if status >= 0:
        return _SAFE
    if -status in {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}:  # not the file's doing, or not surely
        raise ModelError(
            f"Loading the model {inert(str(header.path))} was tried in a process of its own, which was killed "
            f"({signal.Signals(-status).name}), perhaps for lack of memory: free some, or choose a smaller model."
        )
    return _DEADLY


def _run(header: GgufHeader, going: Callable[[], bool]) -> int | None:
    """The child's exit status; ``None`` if it was not to go on."""
    command = [sys.executable, "-P", "-c", _CHILD, str(_PACKAGES), str(header.path)]
    patience = _PATIENCE_S + header.file_bytes / _SLOWEST_BYTES_S
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "GGML_NO_BACKTRACE": "1"},
    ) as process:
        ended = False
        try:
            ended = _wait(process, going, time.monotonic() + patience)
        finally:
            if not ended:
                process.kill()
        if ended:
            return process.wait()
    if not going():
        return None
    raise ModelError(_sentence(header, f"of {readable(header.file_bytes)} takes llama.cpp more than {patience:.0f} s"))


def _wait(process: subprocess.Popen[bytes], going: Callable[[], bool], deadline: float) -> bool:
    """Wait for the end of the child's output, which is the child's end; false if it was not to be waited for."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while going() and time.monotonic() < deadline:
            if selector.select(_LOOK_S):
                return True
    return False


def child(path: str) -> None:
    """The child's part: load and use the model at ``path``; ends the process."""
    _prepare()
    from engine.inference.fit import LoadPlan
    from engine.inference.llama.context import Context
    from engine.inference.llama.model import Model

    try:
        model = Model(Path(path), lambda _: True)
        plan = LoadPlan(256, 1, 1, "f16", 0, 0, 0, 0)
        context = Context(model, plan)
        tokens = [token % model.vocabulary for token in model.prompt("A try: 1, 2.\n") or [0]][:8]
        context.extend(tokens, 0, 0, last=True)
        context.decode()
        context.logits(len(tokens) - 1)
        for token in tokens:
            model.piece(token)
    except ModelError:
        pass
    os._exit(0)  # what is done at exit in good order is not what is tried here


def _prepare() -> None:
    """Die with the parent, leave no core file, and let the node's own work go first.

    The parent listens for the end of standard output, so nothing may be written to it.
    """
    os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.nice(10)
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
