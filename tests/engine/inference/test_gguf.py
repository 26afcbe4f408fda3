"""A model file is hostile input: whatever its bytes are, the reader gives a header or a sentence, soon."""

from __future__ import annotations

import os
import random
import struct
from contextlib import suppress
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.errors import ModelError
from engine.inference.ggml_types import TENSOR_TYPES
from engine.inference.gguf import read_header
from tests.tiny_gguf import CHAT_TEMPLATE, write_tiny_gguf


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_header(path)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert sentence.isprintable()
    return sentence


def test_says_what_the_file_says_of_itself(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "m.gguf", name="some \x1b[31m name", layers=3, context=2048)
    header = read_header(path)
    assert header.architecture == "llama"
    assert header.name == "some \\x1b[31m name"
    assert (header.layers, header.embedding, header.heads, header.context_length) == (3, 64, 4, 2048)
    assert header.kv_heads == (2, 2, 2)
    assert (header.key_length, header.value_length, header.feed_forward) == (16, 16, 128)
    assert header.vocabulary == 260
    assert header.quantization == "F32"
    assert header.chat_template == CHAT_TEMPLATE
    assert header.file_bytes == path.stat().st_size
    assert header.tensor_bytes == 4 * header.parameters
    reader = gguf.GGUFReader(path)
    assert header.parameters == sum(int(tensor.n_elements) for tensor in reader.tensors)


def test_half_precision_and_no_template(tmp_path: Path) -> None:
    header = read_header(write_tiny_gguf(tmp_path / "m.gguf", half=True, chat_template=None, name=""))
    assert header.quantization == "F16"
    assert header.chat_template is None
    assert header.name == "m"


def test_the_sizes_of_types_are_those_of_the_gguf_package() -> None:
    for kind, (block, size) in gguf.GGML_QUANT_SIZES.items():
        if kind.value in TENSOR_TYPES and kind.name != "Q8_1":  # the package counts that one as ggml did long ago
            assert TENSOR_TYPES[kind.value] == (kind.name, block, size)


def test_paths_that_hold_no_model(tmp_path: Path) -> None:
    assert "there is no such file" in refusal(tmp_path / "none.gguf")
    assert "there is no such file" in refusal(tmp_path / "none.gguf" / "deeper")
    assert "is a directory" in refusal(tmp_path)
    assert "zero byte" in refusal(Path("a\0b"))
    assert "file name too long" in refusal(tmp_path / ("x" * 5000))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "not a regular file" in refusal(pipe)
    assert "\\x1b[2J" in refusal(tmp_path / "\x1b[2J.gguf")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "m.gguf")
    path.chmod(0)
    assert "permission denied" in refusal(path)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "is empty"),
        (b"GG", "is cut off in its header"),
        (b"GGUF", "is cut off in its header"),
        (b"PK\x03\x04" + bytes(100), "zip archive"),
        (b"\x80\x02" + bytes(100), "pickle"),
        (b"\x00\x10\x00\x00\x00\x00\x00\x00" + b'{"a":1}' + bytes(100), "safetensors"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"<!DOCTYPE html>", "web page"),
        (b"hello world, this is text", "is not a GGUF file"),
        (struct.pack(">4sIQQ", b"GGUF", 3, 0, 0), "big-endian"),
        (struct.pack("<4sIQQ", b"GGUF", 1, 0, 0), "outdated version 1"),
        (struct.pack("<4sIQQ", b"GGUF", 99, 0, 0), "version 99"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 1 << 63, 0), "claims 9223372036854775808 tensors"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 0, 1 << 40), "properties"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 0, 1), "cut off in its header"),
        (struct.pack("<4sIQQQ", b"GGUF", 3, 0, 1, 1 << 50), "name of a property"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 0, 0), "does not say what architecture"),
    ],
)
def test_files_that_are_no_model(tmp_path: Path, raw: bytes, said: str) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(raw)
    assert said in refusal(path)


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def pair(key: bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def model(*pairs: bytes, tensors: tuple[bytes, ...] = (), data: int = 0) -> bytes:
    known = pair(b"general.architecture", 8, text(b"llama"))
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), 1 + len(pairs)) + known + b"".join(pairs) + b"".join(tensors)
    return head + bytes(-len(head) % 32 + data)


def tensor(name: bytes, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (model(pair(b"a", 9, struct.pack("<IQ", 8, 1 << 62))), "strings"),
        (model(pair(b"a", 9, struct.pack("<IQ", 8, 1 << 22)), data=1000), "strings"),
        (model(pair(b"a", 9, struct.pack("<IQ", 8, 3) + struct.pack("<Q", 1 << 63)), data=1000), "cut off"),
        (model(pair(b"a", 9, struct.pack("<IQ", 9, 1))), "list of lists"),
        (model(pair(b"a", 9, struct.pack("<IQ", 4, 1 << 61))), "cut off"),
        (model(pair(b"a", 77, b"")), "unknown type 77"),
        (model(pair(b"a", 8, struct.pack("<Q", 1 << 63))), "cut off"),
        (model(pair(b"general.alignment", 4, struct.pack("<I", 0))), "alignment"),
        (model(pair(b"general.alignment", 4, struct.pack("<I", 33))), "alignment"),
        (model(pair(b"llama.block_count", 4, struct.pack("<I", 4_000_000_000))), "block count is impossible"),
        (model(pair(b"llama.attention.head_count", 5, struct.pack("<i", -1))), "head count is impossible"),
        (model(pair(b"llama.block_count", 6, struct.pack("<f", float("nan")))), "block count is impossible"),
        (model(), "holds no weights"),
        (model(tensors=(tensor(b"t", (1 << 62, 4, 4, 4), 0, 0),)), "impossible"),
        (model(tensors=(tensor(b"t", (0,), 0, 0),)), "impossible"),
        (model(tensors=(tensor(b"t", (31,), 8, 0),)), "impossible"),
        (model(tensors=(tensor(b"t", (32,), 0, 5),)), "impossible"),
        (model(tensors=(tensor(b"t", (1, 1, 1, 1, 1), 0, 0),)), "5 dimensions"),
        (model(tensors=(tensor(b"t", (32,), 4, 0),)), "unknown type 4"),
        (model(tensors=(tensor(b"t", (32,), 0, 0),)), "should be"),
        (model(tensors=(tensor(b"t", (32,), 0, 1 << 50),), data=1000), "should be 1.0 PiB"),
        (model(tensors=(tensor(b"t", (32,), 0, 0), tensor(b"t", (32,), 0, 128)), data=256), "same name"),
        (model(tensors=(tensor(b"t", (32,), 0, 0), tensor(b"u", (32,), 0, 64)), data=256), "over one another"),
    ],
)
def test_headers_that_cannot_be(tmp_path: Path, raw: bytes, said: str) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(raw)
    assert said in refusal(path)


def test_a_file_cut_off_in_its_data_says_how_much_is_missing(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "m.gguf", width=256, layers=4)
    whole = path.stat().st_size
    os.truncate(path, whole // 2)
    assert f"should be {whole / 2**20:.1f} MiB and is {whole / 2**21:.1f} MiB" in refusal(path)


def test_every_place_to_cut_a_file_gives_a_sentence(tmp_path: Path) -> None:
    raw = write_tiny_gguf(tmp_path / "m.gguf").read_bytes()
    cut = tmp_path / "cut.gguf"
    for length in [*range(0, 8000, 37), len(raw) - 1]:
        cut.write_bytes(raw[:length])
        refusal(cut)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_tiny_gguf(tmp_path_factory.mktemp("whole") / "m.gguf", width=16, layers=1).read_bytes()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 12))
@example(seed=0, changes=1)
def test_no_mutation_of_a_header_does_harm(tmp_path: Path, whole: bytes, seed: int, changes: int) -> None:
    chance = random.Random(seed)
    raw = bytearray(whole)
    for _ in range(changes):
        at = chance.randrange(9000)  # the header
        width = chance.choice([1, 2, 4, 8])
        value = chance.choice([0, 1, 255, (1 << 8 * width) - 1, 1 << (8 * width - 1), chance.getrandbits(8 * width)])
        raw[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, "little")
    path = tmp_path / "m.gguf"
    path.write_bytes(raw)
    with suppress(ModelError):
        header = read_header(path)
        assert 0 < header.tensor_bytes <= len(raw)
        assert header.name.isprintable()


def test_a_model_in_parts_is_one(tmp_path: Path) -> None:
    paths = [tmp_path / f"big-0000{n}-of-00002.gguf" for n in (1, 2)]
    for number, path in enumerate(paths):
        out = gguf.GGUFWriter(str(path), "llama")
        out.add_uint16("split.count", 2)
        out.add_uint16("split.no", number)
        if number == 0:
            out.add_block_count(1)
        out.add_tensor(f"t{number}", np.zeros((2, 32), np.float32))
        out.write_header_to_file()
        out.write_kv_data_to_file()
        out.write_tensors_to_file()
        out.close()
    header = read_header(paths[0])
    assert header.parameters == 128
    assert header.tensor_bytes == 512
    assert header.file_bytes == sum(path.stat().st_size for path in paths)
    assert str(paths[0]) in refusal(paths[1])
    paths[1].rename(tmp_path / "elsewhere.gguf")
    assert "big-00002-of-00002.gguf cannot be read: there is no such file" in refusal(paths[0])
    paths[0].rename(tmp_path / "renamed.gguf")
    assert "rename it back" in refusal(tmp_path / "renamed.gguf")
