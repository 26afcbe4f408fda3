"""``telltop models`` as it is typed: what it prints, what it refuses, what it changes."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_gguf import write_tiny_gguf
from tests.tui.test_cli import Telltop

VARIABLES = (
    "OLLAMA_MODELS",
    "LLAMA_CACHE",
    "HF_HOME",
    "HF_HUB_CACHE",
    "HERMES_MODEL_DIR",
    "LLM_ENDPOINT",
    "LLM_BASE_URL",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models with two in it, and a home of its own."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    models = tmp_path / "models"
    models.mkdir()
    monkeypatch.setenv("TELLTOP_MODELS_DIR", str(models))
    write_tiny_gguf(models / "one.gguf", name="The One", context=2048)
    write_tiny_gguf(models / "two.gguf", half=True)
    return models


@pytest.fixture
def telltop(capfd: pytest.CaptureFixture[str], folder: Path) -> Telltop:
    return Telltop(capfd)


def of(telltop: Telltop, *arguments: str) -> Any:
    code, out, err = telltop("models", *arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def said(telltop: Telltop, *arguments: str) -> str:
    code, out, err = telltop("models", *arguments)
    assert (code, err) == (0, "")
    return out


def refused(telltop: Telltop, *arguments: str, code: int = 3) -> str:
    found, out, err = telltop("models", *arguments)
    assert (found, out) == (code, ""), err
    assert err.startswith("telltop: ")
    assert err.count("\n") == 1, err
    return err.removeprefix("telltop: ").strip()


def test_the_list(telltop: Telltop, folder: Path) -> None:
    (folder / "bad.gguf").write_bytes(b"GGUF")
    (folder / ".config.json").write_text('{"default_model": "two", "fallback_model": "one"}')
    for listed in (said(telltop), said(telltop, "list")):
        lines = [line.split() for line in listed.splitlines()]
        assert lines[0] == ["NAME", "SIZE", "TYPE", "CONTEXT", "FROM"]
        assert lines[1][:3] == ["bad", "folder:", "The"]
        assert lines[2][:2] == ["-", "one"]
        assert lines[2][-3:] == ["F32", "2048", "folder"]
        assert lines[3][:2] == ["*", "two"]
    told = of(telltop, "list")
    assert told["folder"] == str(folder)
    by_name = {model["name"]: model for model in told["models"]}
    assert by_name["two"]["default"]
    assert by_name["one"]["title"] == "The One"
    assert by_name["one"]["size_bytes"] == (folder / "one.gguf").stat().st_size
    assert "cut off" in by_name["bad"]["problem"] or "damaged" in by_name["bad"]["problem"]


def test_names_that_are_no_text(telltop: Telltop, folder: Path) -> None:
    (folder / "one.gguf").rename(os.fsdecode(os.fsencode(folder) + b"/\xff\x1b[2J.gguf"))
    out = said(telltop, "list")
    assert "\x1b" not in out
    assert "\\x1b[2J" in out
    assert len(of(telltop, "list")["models"]) == 2


def test_an_empty_list_and_a_bad_one(telltop: Telltop, folder: Path) -> None:
    (folder / ".config.json").write_text("{")
    code, out, err = telltop("models")
    assert (code, err.count("\n")) == (0, 1)
    assert "is ignored: " in err
    assert "one" in out
    assert said(telltop, "--models-dir", str(folder / "none")).startswith("No models are in ")


def test_what_is_known_of_one(telltop: Telltop, folder: Path) -> None:
    lines = said(telltop, "info", "on").splitlines()
    assert lines[0] == "one: The One"
    assert any(line.startswith("context ") and "2048 tokens" in line for line in lines)
    told = of(telltop, "info", "one")
    assert (told["name"], told["architecture"], told["layers"], told["sha256"]) == ("one", "llama", 2, None)
    assert of(telltop, "info", str(folder / "one.gguf"))["name"] == "one"


def test_how_one_fits(telltop: Telltop, folder: Path) -> None:
    told = of(telltop, "fit", "one", "--context", "1024")
    assert (told["fits"], told["context"]) == (True, 1024)
    assert told["needed_bytes"] == told["weights_bytes"] + told["context_bytes"] + told["compute_bytes"]
    out = said(telltop, "fit", str(folder / "two.gguf"))
    assert "F16" in out
    assert "free" in out
    assert "needs" in refused(telltop, "fit", "one", "--context", "1048576", "--models-dir", huge(folder))


def huge(folder: Path) -> str:
    """A folder with a model that says it has so many heads that no context of it would ever fit."""
    other = folder.parent / "huge"
    other.mkdir()
    path = write_tiny_gguf(other / "one.gguf")
    before, key, after = path.read_bytes().partition(b"llama.attention.head_count_kv")
    path.write_bytes(before + key + after[:4] + (1 << 20).to_bytes(4, "little") + after[8:])
    return str(other)


def test_a_default_is_chosen_and_used(telltop: Telltop, folder: Path) -> None:
    assert said(telltop, "use", "tw").startswith("two (")
    assert json.loads((folder / ".config.json").read_text()) == {"default_model": "two"}
    code, out, err = telltop("analyze", "--json", "--max-tokens", "2", "--threads", "1", "--context", "2048")
    assert (code, err) == (0, "")
    assert (json.loads(out)["source"], json.loads(out)["model"]) == ("model", "tiny")
    assert "No model is called" in refused(telltop, "use", "nothing")


def test_a_model_of_the_catalogue_is_named(telltop: Telltop) -> None:
    code, out, err = telltop("analyze", "--json", "--model", "on", "--max-tokens", "2", "--context", "2048")
    assert (code, err) == (0, "")
    assert json.loads(out)["model"] == "The One"
    code, out, err = telltop("analyze", "--model", "onne")
    assert (code, out) == (3, "")
    assert err == 'telltop: No model is called "onne": did you mean one?\n'


def test_a_model_is_checked(telltop: Telltop, folder: Path) -> None:
    digest = hashlib.sha256((folder / "one.gguf").read_bytes()).hexdigest()
    assert said(telltop, "verify", "one").endswith(f"sha256 {digest}, nothing is known to compare it with.\n")
    (folder / "one.gguf.sha256").write_text(f"{digest}  one.gguf\n")
    assert said(telltop, "verify", "one").endswith("as it should be.\n")
    (folder / "one.gguf.sha256").write_text(f"{'0' * 64}  one.gguf\n")
    assert "is damaged: its checksum is " in refused(telltop, "verify", "one")
    (folder / "two.gguf").write_bytes((folder / "two.gguf").read_bytes()[:-1])
    assert "is cut off" in refused(telltop, "verify", "two")


def test_removing_wants_a_yes(telltop: Telltop, folder: Path) -> None:
    assert "without a terminal give --yes" in refused(telltop, "remove", "one", code=2)
    assert (folder / "one.gguf").exists()
    assert said(telltop, "remove", "one", "--yes") == f"removed {folder / 'one.gguf'}\n"
    assert sorted(path.name for path in folder.iterdir()) == ["two.gguf"]


@pytest.mark.parametrize("command", ["info", "fit", "use", "verify", "remove", "pull"])
def test_a_name_is_needed_and_one_only(command: str, telltop: Telltop) -> None:
    assert refused(telltop, command, code=2).startswith(f"models {command} needs ")
    assert refused(telltop, command, "a", "b", code=2) == f"models {command} takes one name, but was given 2"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("lst",), "the command lst is unknown: did you mean list?"),
        (("list", "--jsn"), "--jsn is unknown: did you mean --json?"),
        (("list", "x"), 'list takes no argument, but was given "x"'),
        (("use", "one", "--threads", "x"), '--threads must be a whole number from 1 to 1024, not "x"'),
    ],
)
def test_what_is_wrong_is_told(arguments: tuple[str, ...], sentence: str, telltop: Telltop) -> None:
    assert refused(telltop, *arguments, code=2) == sentence


@pytest.mark.parametrize("command", ["", "list", "info", "fit", "use", "pull", "verify", "remove"])
def test_help(command: str, telltop: Telltop) -> None:
    out = said(telltop, *([command] if command else []), "--help")
    assert "--models-dir" in out
    assert "--api-key" not in out
