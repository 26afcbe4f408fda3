"""The engine knows no screen, and the command line costs nothing that it does not use: seen from the inside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def loaded_after(script: str) -> set[str]:
    """The top-level packages in ``sys.modules`` of a fresh interpreter after ``script``."""
    told = (
        "import sys\nnames = {name.partition('.')[0] for name in sys.modules}\nimport json\nprint(json.dumps([*names]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{script}\n{told}"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


def test_the_whole_engine_imports_no_screen_and_only_its_own_part_imports_llama() -> None:
    script = """
import importlib, pkgutil, engine
names = [module.name for module in pkgutil.walk_packages(engine.__path__, "engine.")]
assert "engine.wire" in names and "engine.telemetry.sampler" in names
for name in names:
    if not name.startswith("engine.inference.llama"):
        importlib.import_module(name)
"""
    assert loaded_after(script) & {"textual", "rich", "typer", "tui", "llama_cpp"} == set()


def test_the_command_line_imports_nothing_heavy() -> None:
    heavy = {"textual", "rich", "llama_cpp", "psutil", "httpx", "asyncio", "jinja2", "numpy", "pydantic"}
    script = "import tui.cli; tui.cli.main(['--no-color', '--frobnicate', 'analyze', '--short', '--model', 'x'])"
    assert loaded_after(f"try:\n    {script}\nexcept SystemExit as ended:\n    assert ended.code == 2") & heavy == set()


def test_a_headless_command_imports_no_screen() -> None:
    script = "import tui.headless.analyze, tui.headless.ask, tui.headless.watch, tui.headless.snapshot"
    assert loaded_after(script) & {"textual", "rich", "llama_cpp"} == set()
