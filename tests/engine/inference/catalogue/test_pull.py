"""Fetching models from a hub on loopback, by the real command in a process of its own."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from engine.inference.catalogue.pull import STAGING
from tests.e2e.screen import PATIENCE_S, REPOSITORY

from .hub import Hub, serving

COMMAND = (sys.executable, "-m", "tui.cli", "models", "pull")


@pytest.fixture
def hub(tiny_gguf: Path) -> Iterator[Hub]:
    with serving() as served:
        served.files = {"model-Q4_K_M.gguf": tiny_gguf.read_bytes(), "README.md": b"read me"}
        yield served


class Puller:
    """Runs the command."""

    def __init__(self, home: Path, hub: Hub) -> None:
        self.folder = home / "models"
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        folders = {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_STATE_HOME": str(home), "HF_HOME": str(home)}
        self.environment = kept | folders | {"HF_ENDPOINT": hub.url, "TELLTOP_MODELS_DIR": str(self.folder)}

    def start(self, spec: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, spec],
            cwd=REPOSITORY,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, spec: str = "owner/name", **variables: str) -> tuple[int, str, str]:
        self.environment |= variables
        process = self.start(spec)
        out, err = process.communicate(timeout=PATIENCE_S)
        return process.returncode, out, err

    def refused(self, spec: str = "owner/name", **variables: str) -> str:
        code, out, err = self(spec, **variables)
        assert (code, out) == (3, ""), err
        assert err.startswith("telltop: ")
        assert err.count("\n") == 1, err
        return err.removeprefix("telltop: ").strip()

    def there(self) -> list[str]:
        """What is in the folder of models, but for unfinished downloads."""
        return sorted(path.name for path in self.folder.iterdir() if path.name != STAGING)


@pytest.fixture
def pull(tmp_path: Path, hub: Hub) -> Puller:
    return Puller(tmp_path, hub)


def test_a_model_is_put_in_place_with_its_checksum(pull: Puller, hub: Hub) -> None:
    code, out, err = pull()
    assert (code, err) == (0, ""), "no progress where nobody watches"
    target = pull.folder / "model-Q4_K_M.gguf"
    assert out.startswith(f"{target}  ")
    assert target.read_bytes() == hub.files["model-Q4_K_M.gguf"]
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    assert (pull.folder / "model-Q4_K_M.gguf.sha256").read_text() == f"{digest}  model-Q4_K_M.gguf\n"
    assert pull.there() == ["model-Q4_K_M.gguf", "model-Q4_K_M.gguf.sha256"]
    assert not list((pull.folder / STAGING).glob("*"))
    hub.ranges.clear()
    assert pull()[0] == 0
    assert hub.ranges == [], "what is there is not downloaded again"
    target.write_bytes(b"other")
    assert "is there with other content: remove or rename it first." in pull.refused()
    assert target.read_bytes() == b"other"


def test_a_connection_that_is_cut_goes_on_where_it_was(pull: Puller, hub: Hub) -> None:
    hub.files["model-Q4_K_M.gguf"] += bytes(48 << 20)  # the library keeps pieces of 10 MiB
    hub.cuts = 2
    assert pull()[0] == 0
    assert hub.ranges[0] == ""
    starts = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in hub.ranges[1:]]
    assert len(starts) == 2
    assert 0 < starts[0] < starts[1]
    assert (pull.folder / "model-Q4_K_M.gguf").read_bytes() == hub.files["model-Q4_K_M.gguf"]


def test_an_interrupted_download_goes_on_in_the_next_run(pull: Puller, hub: Hub) -> None:
    hub.files["model-Q4_K_M.gguf"] += bytes(24 << 20)  # more than the library takes at once
    hub.hang.set()
    process = pull.start("owner/name")
    assert hub.reached.wait(PATIENCE_S)
    staged = pull.folder / STAGING
    while not any(path.stat().st_size for path in staged.rglob("*.part")):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (130, "")
    assert pull.there() == []
    hub.hang.clear()
    assert pull()[0] == 0
    assert hub.ranges[0] == ""
    assert hub.ranges[1].startswith("bytes=")
    assert int(hub.ranges[1][6:-1]) > 0
    assert (pull.folder / "model-Q4_K_M.gguf").read_bytes() == hub.files["model-Q4_K_M.gguf"]


def test_the_progress_is_shown_to_who_watches(pull: Puller) -> None:
    arguments = list(COMMAND[1:])
    watched = pexpect.spawn(
        COMMAND[0], [*arguments, "owner/name"], cwd=str(REPOSITORY), env=pull.environment, timeout=PATIENCE_S
    )
    watched.expect("downloading 1 file")
    watched.expect(r"model-Q4_K_M.gguf: 100%")
    watched.expect(pexpect.EOF)
    watched.close()
    assert watched.exitstatus == 0


def test_one_file_is_downloaded_by_one_process(pull: Puller, hub: Hub) -> None:
    hub.hang.set()
    first = pull.start("owner/name")
    assert hub.reached.wait(PATIENCE_S)
    assert pull.refused() == "The file model-Q4_K_M.gguf is being downloaded by another telltop: wait for that."
    hub.go_on.set()
    _, err = first.communicate(timeout=PATIENCE_S)
    assert (first.returncode, err) == (0, "")


def test_a_wrong_checksum_leaves_nothing_behind(pull: Puller, hub: Hub) -> None:
    hub.damaged = True
    assert pull.refused() == (
        "The file model-Q4_K_M.gguf was damaged on its way (wrong checksum) and deleted: run it again."
    )
    assert pull.there() == []
    hub.damaged = False
    assert pull()[0] == 0
    assert hub.ranges == ["", ""], "nothing of the damaged file was used again"


def test_what_is_no_model_is_not_put_in_place(pull: Puller, hub: Hub) -> None:
    hub.files = {"model.gguf": b"<!DOCTYPE html>"}
    assert "is not a GGUF file: it is a web page" in pull.refused()
    assert pull.there() == []


def test_a_model_is_chosen_among_several(pull: Puller, hub: Hub, tiny_gguf: Path) -> None:
    content = tiny_gguf.read_bytes()
    hub.files = {f"m-{kind}.gguf": content for kind in ("Q4_K_M", "Q5_K_M", "Q8_0")} | {"mmproj-m.gguf": content}
    assert pull("owner/name:q8_0")[0] == 0
    assert pull("owner/name:m-Q5_K_M.gguf")[0] == 0
    assert pull()[0] == 0, "without a name, the usual quantization"
    assert [name for name in pull.there() if name.endswith(".gguf")] == sorted(hub.files)[:3]
    assert pull.refused("owner/name:Q5_K_X") == (
        'The repository owner/name has none called "Q5_K_X": give one as owner/name:FILE (m-Q4_K_M, m-Q5_K_M, m-Q8_0).'
    )
    assert "has several models: give one as owner/name:FILE (m-Q4_K_M, m-Q5_K_M)" in pull.refused("owner/name:K_M")


def test_a_model_in_several_files_is_fetched_whole(pull: Puller, hub: Hub, tmp_path: Path, tiny_gguf: Path) -> None:
    first, second = "q/m-00001-of-00002.gguf", "q/m-00002-of-00002.gguf"
    hub.files = {first: tiny_gguf.read_bytes()}
    assert pull.refused() == f"The repository owner/name lacks 1 part(s) of {first}."
    hub.files = dict.fromkeys((first, second), tiny_gguf.read_bytes())
    assert pull()[0] == 0
    assert [name for name in pull.there() if name.endswith(".gguf")] == [
        "m-00001-of-00002.gguf",
        "m-00002-of-00002.gguf",
    ]
    assert len(hub.ranges) == 2


def test_names_that_could_do_harm_are_left_out(pull: Puller, hub: Hub, tiny_gguf: Path) -> None:
    content = tiny_gguf.read_bytes()
    hub.files = dict.fromkeys(("../up.gguf", "/root.gguf", "a/../../b.gguf", "\x1b[2J.gguf", ".h.gguf"), content)
    assert pull.refused() == ("The repository owner/name holds no GGUF file: look for one whose name ends in GGUF.")


def test_a_download_that_would_not_fit_does_not_begin(pull: Puller, hub: Hub) -> None:
    hub.sizes["model-Q4_K_M.gguf"] = 1 << 50
    assert pull.refused().startswith("The download needs 1.0 PiB and ")
    assert hub.ranges == []


@pytest.mark.parametrize(
    ("status", "headers", "sentence"),
    [
        (404, {"X-Error-Code": "RepoNotFound"}, "The hub has no repository or file owner/name, or it is private"),
        (401, {}, "The hub has no repository or file owner/name, or it is private"),
        (403, {"X-Error-Code": "GatedRepo"}, "The repository owner/name asks for consent: give it on its page"),
        (418, {}, "The hub refuses owner/name with 418: try again later."),
    ],
)
def test_what_the_hub_refuses(status: int, headers: dict[str, str], sentence: str, pull: Puller, hub: Hub) -> None:
    hub.refusal = status, headers
    assert pull.refused().startswith(sentence)


def test_a_hub_that_is_not_there_and_a_folder_that_cannot_be_written(pull: Puller, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (tmp_path / "file").write_text("")
    told = pull.refused(TELLTOP_MODELS_DIR=str(tmp_path / "file"))
    assert told.startswith("The download of owner/name cannot be written ")
    assert "run it again, it goes on." in pull.refused(HF_ENDPOINT=f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("spec", ["name", "a/b/c", "../x", "a/b:", "a/../b", "owner/\x1b"])
def test_what_is_no_repository(spec: str, pull: Puller) -> None:
    assert "is no repository: give OWNER/NAME or OWNER/NAME:FILE." in pull.refused(spec)
