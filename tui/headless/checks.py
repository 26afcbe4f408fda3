"""What telltop itself needs here: a terminal, its files, the right to act, its model."""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from engine.config import Config
from engine.control import Control
from engine.errors import ModelError
from engine.logs import where
from engine.telemetry.capabilities import Capability
from engine.text import inert
from engine.units import size


def surroundings(
    config: Config, file: Path | None, environment: Mapping[str, str] = os.environ
) -> Iterator[Capability]:
    """All but the model, in the order in which they are told."""
    yield _terminal(environment)
    yield _characters(config)
    yield _colour(config, environment)
    yield _settings(file)
    yield _log(config)
    yield _acting(config)


def _terminal(environment: Mapping[str, str]) -> Capability:
    kind = environment.get("TERM", "")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        cure = "Run telltop in a terminal, over SSH with ssh -t; telltop watch and telltop analyze need none."
        return Capability("terminal", False, "Input or output is not a terminal: the dashboard cannot open.", cure)
    if kind in {"", "dumb", "unknown"}:
        why = f"TERM is {inert(kind, 40) or 'not set'}: the terminal may not move its cursor."
        return Capability("terminal", False, why, "Set TERM to what the terminal is, such as xterm-256color.")
    columns, lines = os.get_terminal_size(sys.stdout.fileno())
    return Capability("terminal", True, f"{inert(kind, 40)}, {columns}x{lines}.")


def _characters(config: Config) -> Capability:
    encoding = (sys.stdout.encoding or locale.getpreferredencoding(do_setlocale=False)).lower()
    if config.ascii:
        return Capability("Unicode", True, "Not used: ASCII characters were asked for.")
    if encoding.replace("-", "") != "utf8":
        why = f"Output is {inert(encoding, 40)}: frames and graphs cannot be shown."
        return Capability("Unicode", False, why, "Set LC_ALL=C.UTF-8 or use --ascii.")
    return Capability("Unicode", True, "Output is UTF-8.")


def _colour(config: Config, environment: Mapping[str, str]) -> Capability:
    if config.color == "never":
        why = "NO_COLOR is set." if environment.get("NO_COLOR") else "Switched off by the settings."
        return Capability("colour", False, why, "Use --color always.")
    kind = environment.get("TERM", "")
    deep = environment.get("COLORTERM", "") or ("256" in kind and "256") or ""
    if not deep:
        why = f"TERM ({inert(kind, 40) or 'not set'}) does not tell of 256 colours: some may look alike."
        return Capability("colour", False, why, "Set TERM to xterm-256color if the terminal has them.")
    return Capability("colour", True, f"{'True colour' if deep in {'truecolor', '24bit'} else '256 colours'}.")


def _settings(file: Path | None) -> Capability:
    if file is None:
        return Capability("settings", True, "No configuration file; the defaults hold.")
    return Capability("settings", True, f"Read from {inert(str(file), 300)}.")


def _log(config: Config) -> Capability:
    path = where()
    if path is None:
        why = f"Nothing is logged: {inert(str(config.log_path), 300)} cannot be written."
        return Capability("log", False, why, "Name a file that can be written by --log-file.")
    return Capability("log", True, f"{inert(str(path), 300)}.")


def _acting(config: Config) -> Capability:
    if config.read_only:
        return Capability("acting on processes", False, "Switched off: telltop looks only.", "Leave out --read-only.")
    how = "a pidfd" if Control().safe else "the start time alone"
    if os.geteuid() == 0:
        return Capability("acting on processes", True, f"On all of them, each named by {how}.")
    why = f"On your own only, each named by {how}; no niceness can be lowered."
    return Capability("acting on processes", True, why, "Run telltop as root to act on others.")


def library(*, load: bool) -> Capability:
    """The linked llama.cpp; it is loaded into this process only if a model is asked for."""
    try:
        version = metadata.version("llama-cpp-python")
    except metadata.PackageNotFoundError:
        why = "llama-cpp-python is not installed: the rules narrate."
        return Capability("llama.cpp", False, why, "pip install llama-cpp-python")
    told = f"llama-cpp-python {version}"
    if load:
        from engine.inference.llama.library import library as loaded

        try:
            abilities = loaded().llama_print_system_info().decode("utf-8", "replace")
        except ModelError as error:
            return Capability("llama.cpp", False, str(error), "pip install --force-reinstall llama-cpp-python")
        told += f": {inert(abilities.strip(' |'), 400)}"
    return Capability("llama.cpp", True, f"{told}.")


def model(config: Config) -> Capability:
    """The model file: whole, of a known kind, and small enough for the memory that is free."""
    if config.model is None:
        return Capability("model", True, "None: the rules narrate; --model FILE.gguf loads one.")
    from engine.inference import fit, gguf

    try:
        header = gguf.read_header(config.model)
        plan = fit.plan(header, config.context, threads=config.threads)
    except ModelError as error:
        return Capability("model", False, str(error), "Choose a whole and smaller GGUF file by --model.")
    told = f"{inert(header.name or header.path.name, 80)}, {header.architecture} {header.quantization}"
    room = f"needs {size(plan.needed_bytes)} of {size(plan.free_bytes)} free, with a context of {plan.context}"
    return Capability("model", True, f"{told}: {room}.")
