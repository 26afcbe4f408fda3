from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from textual.pilot import Pilot

from engine.config import Config
from tests.tui.recorded import RecordedNode
from tui.app import TelltopApp

Open = Callable[..., AbstractAsyncContextManager[tuple[TelltopApp, Pilot[int]]]]


@pytest.fixture
def dashboard() -> Open:
    """Open the dashboard of a recorded node at a size."""

    @asynccontextmanager
    async def opened(
        size: tuple[int, int] = (120, 40), node: RecordedNode | None = None, config: Config | None = None
    ) -> AsyncIterator[tuple[TelltopApp, Pilot[int]]]:
        app = TelltopApp(node or RecordedNode(), config or Config())
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await pilot.pause()
            yield app, pilot

    return opened
