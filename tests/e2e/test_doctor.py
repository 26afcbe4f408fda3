"""``telltop doctor``, as a person and as a script run it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.e2e.conftest import Run
from tests.e2e.screen import TELLTOP, Terminal

NODE = {"other users' processes", "disk use of processes", "pressure (PSI)", "GPUs", "the whole node"}
OWN = {"terminal", "Unicode", "colour", "settings", "log", "acting on processes", "llama.cpp", "model"}


def test_as_json(telltop: Run, tmp_path: Path) -> None:
    done = telltop("doctor", "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    told = json.loads(done.stdout)
    assert done.stdout.count(b"\n") == 1
    assert (told["host"], told["usable"]) == (os.uname().nodename, True)
    node, own = ({one["name"]: one for one in told[part]} for part in ("node", "own"))
    assert set(node) >= NODE
    assert set(own) == OWN
    for one in (*node.values(), *own.values()):
        assert one["why"].endswith(".")
        assert one["seen"] in {True, False}
    assert own["terminal"]["seen"] is False
    assert "telltop watch" in own["terminal"]["cure"]
    assert str(tmp_path / "state" / "telltop" / "telltop.log") in own["log"]["why"]
    assert own["settings"]["why"].startswith("No configuration file")


def test_in_words_every_line_fits_and_every_cure_is_said(telltop: Run) -> None:
    done = telltop("doctor")
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode()
    assert max(map(len, text.splitlines())) <= 120
    assert b"\x1b" not in done.stdout
    told = json.loads(telltop("doctor", "--json").stdout)
    flat = "".join(text.split())  # long paths are cut in two
    for one in (*told["node"], *told["own"]):
        mark = "yes" if one["seen"] else "no"
        assert f"{mark}{one['name']}{one['why']}".replace(" ", "") in flat
        assert one["seen"] or one["cure"].replace(" ", "") in flat


def test_the_files_and_settings_in_use_are_named(telltop: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("read_only = true\nascii = true\ncolor = 'never'\n")
    done = telltop("doctor", "--json", "--config", file, "--log-file", tmp_path)
    assert done.returncode == 0
    own = {one["name"]: one for one in json.loads(done.stdout)["own"]}
    assert str(file) in own["settings"]["why"]
    assert own["log"]["seen"] is False
    assert own["acting on processes"] == {
        "name": "acting on processes",
        "seen": False,
        "why": "Switched off: telltop looks only.",
        "cure": "Leave out --read-only.",
    }
    assert own["colour"]["seen"] is False
    assert own["Unicode"]["why"].startswith("Not used")


def test_a_model_is_checked(telltop: Run, tiny_gguf: Path, tmp_path: Path) -> None:
    done = telltop("doctor", "--json", "--model", tiny_gguf)
    assert (done.returncode, done.stderr) == (0, b"")
    own = {one["name"]: one for one in json.loads(done.stdout)["own"]}
    assert own["model"]["seen"]
    assert "with a context of" in own["model"]["why"]
    assert "llama-cpp-python" in own["llama.cpp"]["why"]
    assert "CPU" in own["llama.cpp"]["why"]
    bad = tmp_path / "bad.gguf"
    bad.write_text("no model at all")
    for path, word in ((bad, "not a GGUF"), (tmp_path / "none.gguf", "no such file")):
        done = telltop("doctor", "--json", "--model", path)
        assert done.returncode == 3
        told = json.loads(done.stdout)
        assert told["usable"] is False
        assert word in told["own"][-1]["why"]


@pytest.mark.parametrize(
    ("variables", "name", "why"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": ""}, "colour", "256 colours."),
        ({"COLORTERM": "truecolor"}, "colour", "True colour."),
        ({"TERM": "vt100", "COLORTERM": ""}, "colour", "does not tell of 256 colours"),
        ({"NO_COLOR": "1"}, "colour", "NO_COLOR is set"),
        ({"TERM": "dumb"}, "terminal", "may not move its cursor"),
        ({"TERM": "xterm"}, "terminal", "xterm, 100x30."),
        ({"PYTHONIOENCODING": "latin-1"}, "Unicode", "frames and graphs cannot be shown"),
    ],
    ids=str,
)
def test_at_a_terminal(environment: dict[str, str], variables: dict[str, str], name: str, why: str) -> None:
    command = [*TELLTOP, "doctor"]
    with Terminal(command, env=environment | variables, columns=100, lines=30) as terminal:
        assert terminal.wait() == 0
        flat = " ".join(terminal.raw.decode("latin-1").split())
        assert name in flat
        assert why in flat
