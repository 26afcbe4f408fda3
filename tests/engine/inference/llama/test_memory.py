"""What was planned from the header is what the process then holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MEASURE = """
import asyncio, sys
from pathlib import Path
import psutil
from engine.inference.llama.library import library
from tests.engine.inference.llama.conftest import collect, request, running

async def main():
    library()
    before = psutil.Process().memory_info().rss
    context = int(sys.argv[2])
    async with running(Path(sys.argv[1]), cache_type=sys.argv[3], context=context) as engine:
        await collect(engine, request("w" * (context - 100), tokens=50))
        print(engine.plan.needed_bytes / (psutil.Process().memory_info().rss - before))

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count mapped pages differently")
@pytest.mark.parametrize(("context", "kind"), [(4096, "f16"), (16384, "f16"), (4096, "f32")])
def test_the_plan_is_within_a_tenth_of_what_is_measured(tiny_gguf: Path, context: int, kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tiny_gguf), str(context), kind], capture_output=True, text=True, check=True
    )
    assert 0.9 < float(done.stdout) < 1.1
