"""What fits is planned, what does not is refused with the numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.errors import ModelError
from engine.inference.fit import LoadPlan, context_bytes, default_threads, describe, free_bytes, plan
from engine.inference.gguf import GgufHeader, read_header

GIB = 1 << 30


@pytest.fixture
def header(tiny_gguf: Path) -> GgufHeader:
    """Shaped like a model of three billion parameters in Q5_K."""
    return replace(
        read_header(tiny_gguf),
        tensor_bytes=int(2.1 * GIB),
        layers=28,
        embedding=3072,
        feed_forward=8192,
        heads=24,
        kv_heads=(8,) * 28,
        key_length=128,
        value_length=128,
        vocabulary=128256,
        context_length=131072,
    )


class Node:
    """A fake /proc and /sys/fs/cgroup."""

    def __init__(self, root: Path) -> None:
        self.proc = root / "proc"
        self.cgroup = root / "cgroup"
        (self.proc / "self").mkdir(parents=True)
        self.cgroup.mkdir()

    def available(self, size: int) -> None:
        (self.proc / "meminfo").write_text(f"MemTotal: 99999999 kB\nMemAvailable: {size // 1024} kB\n")

    def limit(self, folder: str, files: dict[str, str]) -> None:
        where = self.cgroup / folder
        where.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (where / name).write_text(content)

    def member(self, line: str) -> None:
        (self.proc / "self/cgroup").write_text(line)

    @property
    def free(self) -> int:
        return free_bytes(self.proc, self.cgroup)

    def plan(self, header: GgufHeader, wanted: int | None = None) -> LoadPlan:
        return plan(header, wanted, proc=self.proc, cgroup=self.cgroup)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_keys_and_values_take_what_the_arithmetic_says(header: GgufHeader) -> None:
    assert context_bytes(header, 4096) == 4096 * 28 * 8 * 256 * 2 == 448 << 20
    assert context_bytes(header, 4096, "q8_0") == (448 << 20) * 34 // 64
    assert context_bytes(replace(header, kv_heads=(8, 0, 8)), 1000) == 1000 * 16 * 256 * 2


def test_a_model_that_fits_gets_the_context_it_wants(node: Node, header: GgufHeader) -> None:
    node.available(16 * GIB)
    assert node.plan(header).context == 4096
    assert node.plan(header, 8000).context == 8192
    assert node.plan(replace(header, context_length=2048)).context == 2048
    assert node.plan(replace(header, context_length=0)).context == 4096
    chosen = node.plan(header)
    assert chosen.needed_bytes == chosen.weights_bytes + chosen.context_bytes + chosen.compute_bytes <= 16 * GIB
    assert chosen.threads == default_threads() >= 1


def test_the_number_format_gives_way_first_then_the_context_then_the_format_again(
    node: Node, header: GgufHeader
) -> None:
    seen: list[tuple[int, str]] = []
    for mib in range(3000, 2200, -10):
        node.available(mib << 20)
        try:
            chosen = node.plan(header)
        except ModelError:
            break
        assert chosen.needed_bytes <= mib << 20
        if not seen or seen[-1] != (chosen.context, chosen.cache_type):
            seen.append((chosen.context, chosen.cache_type))
    assert seen[:4] == [(4096, "f16"), (4096, "q8_0"), (2048, "f16"), (2048, "q8_0")]
    assert seen[-2:] == [(512, "q8_0"), (512, "q4_0")]


def test_a_number_format_that_was_asked_for_is_kept(node: Node, header: GgufHeader) -> None:
    node.available(int(2.5 * GIB))
    chosen = plan(header, cache_type="f16", proc=node.proc, cgroup=node.cgroup)
    assert chosen.cache_type == "f16"
    assert 512 <= chosen.context < 4096
    larger = replace(chosen, context_bytes=context_bytes(header, chosen.context * 2))
    assert larger.needed_bytes > int(2.5 * GIB)


def test_heads_that_no_block_divides_are_not_packed(node: Node, header: GgufHeader) -> None:
    node.available(int(2.5 * GIB))
    assert node.plan(replace(header, key_length=80, value_length=80)).cache_type == "f16"


def test_what_cannot_fit_is_refused_with_the_numbers_and_the_nearest_that_would(node: Node, header: GgufHeader) -> None:
    header = replace(header, parameters=3_200_000_000)
    node.available(GIB)
    with pytest.raises(ModelError) as caught:
        node.plan(header)
    sentence = str(caught.value)
    assert "2.1 GiB of weights" in sentence
    assert "15.8 MiB for a context of 512 tokens in q4_0" in sentence
    assert "1.0 GiB is free: a model of up to 1.6 billion parameters in Q4_K_M would fit" in sentence
    node.available(int(2.0 * GIB))
    with pytest.raises(ModelError, match="the same model in Q4_K_M would fit"):
        node.plan(header)
    node.available(GIB // 16)
    with pytest.raises(ModelError, match="no model of use would fit, free some memory"):
        node.plan(header)


def test_a_plan_is_told_with_its_numbers(node: Node, header: GgufHeader) -> None:
    node.available(16 * GIB)
    chosen = node.plan(header)
    told = describe(header, chosen)
    for number in ("2.1 GiB", "448 MiB for 4096 tokens in f16 (trained on 131072)", "4 texts", "16.0 GiB"):
        assert number in told


def test_a_small_context_that_was_asked_for_is_not_enlarged(node: Node, header: GgufHeader) -> None:
    node.available(16 * GIB)
    assert node.plan(header, 100).context == 256
    node.available(GIB)
    with pytest.raises(ModelError, match="context of 256 tokens"):
        node.plan(header, 100)


def test_free_is_what_the_kernel_can_give(node: Node) -> None:
    node.available(3 * GIB)
    assert node.free == 3 * GIB


def test_a_cgroup_of_version_2_limits_and_its_page_cache_does_not_count(node: Node) -> None:
    node.available(16 * GIB)
    node.member("0::/a/b\n")
    node.limit("a", {"memory.max": f"{8 * GIB}\n", "memory.current": f"{GIB}\n"})
    node.limit("a/b", {"memory.max": "max\n", "memory.current": f"{GIB}\n"})
    assert node.free == 7 * GIB
    node.limit("a/b", {"memory.max": f"{4 * GIB}", "memory.current": f"{3 * GIB}", "memory.stat": "anon 5\n"})
    assert node.free == GIB
    node.limit("a/b", {"memory.stat": f"anon 5\nactive_file {GIB}\ninactive_file {GIB // 2}\n"})
    assert node.free == GIB * 5 // 2


def test_a_cgroup_of_version_1_limits(node: Node) -> None:
    node.available(16 * GIB)
    node.member("5:cpu:/x\n4:memory,hugetlb:/a\n0::/\n")
    node.limit("memory/a", {"memory.limit_in_bytes": f"{2 * GIB}", "memory.usage_in_bytes": f"{GIB}"})
    node.limit("memory", {"memory.limit_in_bytes": "9223372036854771712", "memory.usage_in_bytes": f"{9 * GIB}"})
    assert node.free == GIB
    node.limit("memory/a", {"memory.usage_in_bytes": f"{3 * GIB}"})
    assert node.free == 0


def test_files_that_make_no_sense_limit_nothing(node: Node) -> None:
    node.available(GIB)
    node.member("nonsense\n0::/a\n\n")
    node.limit("a", {"memory.max": "many", "memory.current": ""})
    assert node.free == GIB


def test_without_proc_psutil_answers(node: Node) -> None:
    assert node.free > 0
