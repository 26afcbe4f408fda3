import os
import threading
import time

import psutil
import pytest

from engine.telemetry.self_use import SelfReader


def burn(seconds: float) -> None:
    begun = time.thread_time()
    while time.thread_time() - begun < seconds:
        pass


def test_the_time_of_all_threads_and_the_memory() -> None:
    reader = SelfReader()
    first = reader.read(100.0)
    assert (first.pid, first.cpu_percent) == (os.getpid(), 0.0)
    thread = threading.Thread(target=burn, args=(0.2,))
    before = time.process_time()
    thread.start()
    thread.join()
    spent = time.process_time() - before
    use = reader.read(101.0)
    assert spent >= 0.2
    assert use.cpu_percent == pytest.approx(100 * spent, abs=2.0)
    assert use.rss_bytes == pytest.approx(psutil.Process().memory_info().rss, abs=4 * 2**20)


def test_without_statm_psutil_tells_the_memory() -> None:
    use = SelfReader(statm="/nonexistent/statm").read(0.0)
    assert use.rss_bytes == pytest.approx(psutil.Process().memory_info().rss, abs=4 * 2**20)
