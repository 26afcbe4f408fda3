"""The catalogue over folders as the programs themselves lay them out, and over lists that are wrong."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import ModelError
from engine.inference.catalogue import Catalogue, Roots, listing
from engine.inference.catalogue.entry import is_model, parts, stem


def put(path: Path, content: bytes = b"GGUF") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def listed(folder: Path, content: object) -> None:
    put(folder / ".config.json", content if isinstance(content, bytes) else json.dumps(content).encode())


def names(catalogue: Catalogue) -> list[str]:
    return [entry.name for entry in catalogue.entries]


def refusal(catalogue: Catalogue, name: str) -> str:
    with pytest.raises(ModelError) as caught:
        catalogue.resolve(Path(name))
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


# -- the folder of models


def test_a_folder_that_is_not_there_is_empty(folder: Path) -> None:
    catalogue = Catalogue(folder, Roots())
    assert (names(catalogue), catalogue.default, catalogue.listing.problems) == ([], None, ())


def test_files_are_called_by_their_names(folder: Path) -> None:
    for name in ("b.gguf", "a.GGUF", "sub/c.gguf", "d-00001-of-00002.gguf", "d-00002-of-00002.gguf"):
        put(folder / name)
    for name in ("notes.txt", "mmproj-b.gguf", ".pull/x.gguf", "link-to-nothing.gguf"):
        put(folder / name)
    (folder / "link-to-nothing.gguf").unlink()
    (folder / "link-to-nothing.gguf").symlink_to("nowhere")
    assert names(Catalogue(folder, Roots())) == ["a", "b", "d", "sub/c"]


def test_odd_names_and_links_that_go_round_are_let_be(folder: Path) -> None:
    put(folder / "a.gguf")
    (folder / "round.gguf").symlink_to("round.gguf")
    put(Path(os.fsdecode(os.fsencode(folder) + b"/\xff.gguf")))
    listed(folder, {"available_models": [{"path": "round.gguf"}], "default_model": "round"})
    catalogue = Catalogue(folder, Roots())
    assert names(catalogue) == ["round", "a", "\udcff"]
    assert catalogue.default is None
    with pytest.raises(ModelError, match="rename its file"):
        catalogue.use(catalogue.entries[2])


def test_a_list_names_files_and_goes_before_their_own_names(folder: Path, tmp_path: Path) -> None:
    put(folder / "a.gguf")
    outside = put(tmp_path / "elsewhere" / "x.gguf")
    listed(
        folder,
        {
            "available_models": [
                {"name": "quick", "path": "a.gguf", "size_gb": 1, "context_length": 4096, "recommended": True},
                {"path": str(outside), "framework": "llama.cpp", "quantization": "Q4_K_M"},
                {"name": "not ours", "path": "y", "framework": "vllm"},
            ],
            "default_model": "gone",
            "fallback_model": "quick",
            "more": [1, 2],
        },
    )
    catalogue = Catalogue(folder, Roots())
    assert names(catalogue) == ["quick", "x"]
    assert catalogue.entries[0].recommended
    assert catalogue.resolve(Path("x")) == outside
    assert catalogue.resolve(Path("a")) == catalogue.resolve(Path("quick")) == folder / "a.gguf"
    assert catalogue.default == catalogue.entries[0], "the fallback, for the default is not there"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "is ignored: Input data was truncated."),
        (b"[]", "is ignored: Expected `object`, got `array`."),
        (b'{"available_models": [' + b"[" * 100_000, "is ignored: "),
        (b"\xff", "is ignored: "),
        (b'{"available_models": 7}', "is ignored: Expected `array`, got `int` - at `$.available_models`."),
        (b'{"available_models": [{"path": 7}]}', "Model 1 in "),
        (b'{"available_models": [{"path": "~nobody-here/x"}]}', "the home of an unknown user."),
        (b'{"available_models": [{"path": "a\\u0000b"}]}', "it has no path."),
        (b" " * (1 << 20) + b"{}", "is larger than 1 MiB."),
    ],
    ids=["cut", "array", "deep", "encoding", "type", "path", "home", "zero", "huge"],
)
def test_a_list_that_is_wrong_is_told_and_the_files_are_there_all_the_same(
    content: bytes, sentence: str, folder: Path
) -> None:
    put(folder / "a.gguf")
    listed(folder, content)
    catalogue = Catalogue(folder, Roots())
    (told,) = catalogue.listing.problems
    assert sentence in told
    assert told.isprintable()
    assert names(catalogue) == ["a"]


def test_a_list_that_is_a_folder_or_unreadable(folder: Path) -> None:
    (folder / ".config.json").mkdir(parents=True)
    assert "is not a regular file" in listing.read(folder).problems[0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(
    content=st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["available_models", "path", "name", "default_model", "recommended"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_the_list_holds_the_catalogue_works(content: bytes, folder: Path) -> None:
    put(folder / "a.gguf")
    listed(folder, content)
    catalogue = Catalogue(folder, Roots())
    assert folder / "a.gguf" in [entry.path for entry in catalogue.entries]
    assert all(problem.isprintable() for problem in catalogue.listing.problems)


# -- names


def test_a_beginning_is_enough_where_only_one_model_has_it(folder: Path) -> None:
    for name in ("qwen-7b", "qwen-1b", "llama", "llama-big"):
        put(folder / f"{name}.gguf")
    catalogue = Catalogue(folder, Roots())
    assert catalogue.resolve(Path("qwen-7")) == folder / "qwen-7b.gguf"
    assert catalogue.resolve(Path("LLAMA")) == folder / "llama.gguf", "a whole name is none of the longer ones"
    assert refusal(catalogue, "qwen") == (
        'The name "qwen" means several models: give the whole name (qwen-1b, qwen-7b).'
    )
    assert refusal(catalogue, "lama-big") == 'No model is called "lama-big": did you mean llama-big?'
    assert refusal(catalogue, "\x1b[2J").startswith('No model is called "\\x1b[2J": telltop models list')


def test_a_path_is_a_path(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put(folder / "qwen.gguf")
    catalogue = Catalogue(folder, Roots())
    (tmp_path / "qwen").mkdir()
    assert catalogue.resolve(Path("qwen")) == folder / "qwen.gguf", "a folder is no model"
    put(tmp_path / "other.bin")
    for path in ("other.bin", "missing.gguf", "/missing"):
        assert catalogue.resolve(Path(path)) == Path(path), "who reads it says what is wrong with it"


def test_two_files_of_one_name_are_told_apart_by_their_paths(folder: Path, tmp_path: Path) -> None:
    one, other = put(folder / "m.gguf"), put(tmp_path / "cache" / "m.gguf", b"other")
    catalogue = Catalogue(folder, Roots(llama_cpp=(tmp_path / "cache",)))
    catalogue.use(catalogue.find(str(other)))
    assert listing.read(folder).default_model == str(other)
    catalogue = Catalogue(folder, Roots(llama_cpp=(tmp_path / "cache",)))
    assert catalogue.default == catalogue.find(str(other))
    told = refusal(catalogue, "m")
    assert told == f'The name "m" means several models: give the whole path ({one}, {other}).'


def test_parts_of_a_model_and_what_is_none() -> None:
    assert [path.name for path in parts(Path("/x/m-00001-of-00003.gguf"))] == [
        f"m-0000{number}-of-00003.gguf" for number in (1, 2, 3)
    ]
    assert parts(Path("m-00001-of-99999.gguf")) == [Path("m-00001-of-99999.gguf")]
    assert stem(Path("m-00001-of-00003.gguf")) == "m"
    assert [is_model(name) for name in ("a.gguf", "a-00002-of-00003.gguf", "mmproj-a.gguf", "a.bin")] == [
        True,
        False,
        False,
        False,
    ]


# -- what other programs hold


def test_models_of_ollama(folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "ollama"
    blobs = {}
    for content in (b"one", b"two", b"three"):
        digest = hashlib.sha256(content).hexdigest()
        blobs[content] = put(root / "blobs" / f"sha256-{digest}", content)

    def manifest(name: str, content: bytes, kind: str = "application/vnd.ollama.image.model") -> None:
        layers = [
            {"mediaType": "application/vnd.ollama.image.template", "digest": "sha256:" + "0" * 64, "size": 5},
            {"mediaType": kind, "digest": f"sha256:{hashlib.sha256(content).hexdigest()}", "size": 3},
        ]
        put(root / "manifests" / name, json.dumps({"schemaVersion": 2, "layers": layers}).encode())

    manifest("registry.ollama.ai/library/llama3.2/latest", b"one")
    manifest("registry.ollama.ai/someone/model/7b", b"two")
    manifest("hf.co/owner/repo-GGUF/Q4_K_M", b"three")
    manifest("registry.ollama.ai/library/lost/latest", b"not downloaded")
    manifest("registry.ollama.ai/library/adapter/latest", b"one", "application/vnd.ollama.image.adapter")
    put(root / "manifests/registry.ollama.ai/library/bad/latest", b'{"layers": 7}')
    put(
        root / "manifests/registry.ollama.ai/library/evil/latest",
        b'{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../../etc/passwd"}]}',
    )
    catalogue = Catalogue(folder, Roots(ollama=(root, tmp_path / "none")))
    assert sorted(names(catalogue)) == ["hf.co/owner/repo-GGUF:Q4_K_M", "llama3.2:latest", "someone/model:7b"]
    assert catalogue.resolve(Path("llama3.2")) == blobs[b"one"]
    assert catalogue.find("someone/model").sha256 == hashlib.sha256(b"two").hexdigest()
    with pytest.raises(ModelError, match=r"is not removed, for .* is not in the folder of models"):
        catalogue.remove(catalogue.find("llama3.2"))
    assert blobs[b"one"].exists()


def test_models_of_lm_studio_llama_cpp_and_hugging_face(folder: Path, tmp_path: Path) -> None:
    studio = put(tmp_path / "studio/owner/repo/m-Q4.gguf")
    put(tmp_path / "studio/owner/repo/mmproj-m.gguf")
    cached = put(tmp_path / "llama.cpp/owner_repo_n.gguf")
    hub = tmp_path / "hub"
    repository = hub / "models--owner--name"
    blob = put(repository / "blobs" / ("a" * 64))
    put(repository / "refs/main", b"newer")
    for revision in ("older", "newer"):
        link = repository / "snapshots" / revision / "w.gguf"
        link.parent.mkdir(parents=True)
        link.symlink_to(f"../../blobs/{blob.name}")
    put(hub / "models--owner--other/refs/main", b"\xff" * 999)
    put(hub / "version.txt")
    roots = Roots(lm_studio=(tmp_path / "studio",), llama_cpp=(tmp_path / "llama.cpp",), hugging_face=(hub,))
    catalogue = Catalogue(folder, roots)
    assert names(catalogue) == ["owner/repo/m-Q4", "owner_repo_n", "owner/name:w"]
    assert catalogue.resolve(Path("m-q4")) == studio
    assert catalogue.resolve(Path("owner_")) == cached
    found = catalogue.find("owner/name")
    assert (found.path.parent.name, found.sha256, found.origin) == ("newer", "a" * 64, "hugging-face")


def test_where_other_programs_keep_their_files(tmp_path: Path) -> None:
    usual = Roots.standard({}, tmp_path)
    assert usual.ollama[0] == tmp_path / ".ollama/models"
    assert usual.hugging_face == (tmp_path / ".cache/huggingface/hub",)
    told = Roots.standard({"OLLAMA_MODELS": "/o", "LLAMA_CACHE": "/l", "HF_HOME": "/h"}, tmp_path)
    assert (told.ollama[0], told.llama_cpp[0]) == (Path("/o"), Path("/l"))
    assert told.hugging_face == (Path("/h/hub"),)
    assert Roots.standard({"HF_HUB_CACHE": "/c", "HF_HOME": "/h"}, tmp_path).hugging_face == (Path("/c"),)


# -- changes


def test_the_default_is_written_beside_what_is_there(folder: Path) -> None:
    put(folder / "a.gguf")
    listed(folder, {"default_model": "x", "theirs": {"deep": [1]}})
    catalogue = Catalogue(folder, Roots())
    catalogue.use(catalogue.find("a"))
    assert json.loads((folder / ".config.json").read_bytes()) == {"default_model": "a", "theirs": {"deep": [1]}}
    again = Catalogue(folder, Roots())
    assert again.default == again.entries[0]
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == [".config.json"]


@pytest.mark.parametrize("content", [b"{", b"[]", b"[" * 100_000], ids=["cut", "array", "deep"])
def test_a_list_that_is_wrong_is_not_overwritten(content: bytes, folder: Path) -> None:
    put(folder / "a.gguf")
    listed(folder, content)
    catalogue = Catalogue(folder, Roots())
    with pytest.raises(ModelError, match=r"is not changed, for .*; mend it"):
        catalogue.use(catalogue.find("a"))
    assert (folder / ".config.json").read_bytes() == content


def test_removing_takes_all_parts_and_the_default(folder: Path) -> None:
    for name in ("d-00001-of-00002.gguf", "d-00002-of-00002.gguf", "d-00001-of-00002.gguf.sha256", "e.gguf"):
        put(folder / name)
    catalogue = Catalogue(folder, Roots())
    catalogue.use(catalogue.find("d"))
    catalogue = Catalogue(folder, Roots())
    assert len(catalogue.remove(catalogue.find("d"))) == 2
    assert sorted(path.name for path in folder.iterdir()) == [".config.json", "e.gguf"]
    assert json.loads((folder / ".config.json").read_bytes()) == {}


def test_nothing_outside_of_the_folder_is_removed(folder: Path, tmp_path: Path) -> None:
    outside = put(tmp_path / "precious.gguf")
    listed(
        folder,
        {
            "available_models": [
                {"name": "up", "path": "../precious.gguf"},
                {"name": "through", "path": "sub/precious.gguf"},
            ]
        },
    )
    (folder / "sub").symlink_to(tmp_path)
    (folder / "link.gguf").symlink_to(outside)
    catalogue = Catalogue(folder, Roots())
    for entry in (*catalogue.listing.models, *catalogue.entries):
        with pytest.raises(ModelError, match="is not removed"):
            catalogue.remove(entry)
    assert outside.exists()
    listed(folder, {})
    catalogue = Catalogue(folder, Roots())
    assert catalogue.remove(catalogue.find("link")) == [folder / "link.gguf"], "the link, not what it leads to"
    assert outside.exists()
