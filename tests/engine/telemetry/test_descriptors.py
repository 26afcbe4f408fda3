"""Open files against their limits, of this very process."""

from __future__ import annotations

import os
import resource
import sys
from contextlib import ExitStack

import pytest

from engine.snapshot import OpenFiles
from engine.telemetry.procfs.descriptors import MOST, DescriptorReader
from engine.telemetry.roots import Roots

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="read from procfs")


def mine(reader: DescriptorReader) -> OpenFiles | None:
    told = reader.read(0.0)
    assert len(told) <= MOST
    return next((files for files in told if files.pid == os.getpid()), None)


def test_a_process_with_many_open_files_is_told_with_its_limit() -> None:
    reader = DescriptorReader(Roots())
    with ExitStack() as stack:
        for _ in range(500):
            stack.enter_context(open(os.devnull, "rb"))  # noqa: PTH123 - the builtin is what opens a descriptor
        while (files := mine(reader)) is None:
            pass  # a pass looks at a slice
        assert files.count >= 500
        assert files.limit == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        assert files.percent == pytest.approx(100 * files.count / files.limit)
    closed = mine(reader)
    assert closed is None or closed.count < 500
