"""``--endpoint`` as scripts use it: the real command against a server on loopback."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from tests.e2e.conftest import Run, Start
from tests.e2e.screen import PATIENCE_S


class _Handler(BaseHTTPRequestHandler):
    status: ClassVar[int]
    asked: ClassVar[list[tuple[str, Any]]]
    writing: ClassVar[threading.Event]
    go_on: ClassVar[threading.Event]

    def do_GET(self) -> None:
        self._begin(200)
        self.wfile.write(json.dumps({"data": [{"id": "far"}]}).encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append((self.headers.get("authorization", ""), body))
        self._begin(self.status)
        if self.status != 200:
            return
        try:
            for word in ("All ", "is ", "well."):
                self._event({"choices": [{"delta": {"content": word}}]})
                self.writing.set()
                if word == "is ":
                    self.go_on.wait()
            self._event({"choices": [{"delta": {}, "finish_reason": "stop"}]})
            self.wfile.write(b"data: [DONE]\n\n")
        except ConnectionError:
            pass

    def _begin(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()

    def _event(self, body: object) -> None:
        self.wfile.write(b"data: " + json.dumps(body).encode() + b"\n\n")
        self.wfile.flush()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name that the base class has
        pass


@pytest.fixture
def handler() -> Iterator[type[_Handler]]:
    class Handler(_Handler):
        status = 200
        asked: ClassVar[list[tuple[str, Any]]] = []
        writing = threading.Event()
        go_on = threading.Event()

    yield Handler
    Handler.go_on.set()


@pytest.fixture
def url(handler: type[_Handler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        handler.go_on.set()
        server.shutdown()
        thread.join()


def test_a_remote_model_writes(telltop: Run, url: str, handler: type[_Handler]) -> None:
    handler.go_on.set()
    done = telltop("analyze", "--json", "--endpoint", url, LLM_API_KEY="hush")
    assert (done.returncode, done.stderr) == (0, b"")
    told = json.loads(done.stdout)
    assert (told["source"], told["model"], told["text"]) == ("remote", "far", "All is well.")
    ((authorization, body),) = handler.asked
    assert (authorization, body["model"]) == ("Bearer hush", "far")
    assert "telltop" not in body["messages"][0]["role"]
    assert body["messages"][0]["role"] == "system"


def test_variables_choose_it_for_every_command(telltop: Run, url: str, handler: type[_Handler]) -> None:
    handler.go_on.set()
    done = telltop("ask", "how is it?", LLM_BASE_URL=f"{url}/v1", LLM_MODEL="mine")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"All is well.\n\n[remote mine")
    assert handler.asked[0][1]["model"] == "mine"


def test_a_server_that_refuses_and_one_that_is_not_there(telltop: Run, url: str, handler: type[_Handler]) -> None:
    handler.status = 404
    done = telltop("analyze", "--endpoint", url, "--model", "nobody")
    assert done.returncode == 5
    assert done.stderr.decode() == (
        f'telltop: The server {url}/v1 has no model "nobody" there: check --model and --endpoint.\n'
    )
    done = telltop("analyze", "--endpoint", "http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (3, b"")
    assert done.stderr.startswith(b"telltop: The server http://127.0.0.1:9/v1 cannot be reached (")
    assert telltop("analyze", "--endpoint", "localhost").returncode == 2


def test_an_interrupt_closes_the_connection(started: Start, url: str, handler: type[_Handler]) -> None:
    process = started("analyze", "--endpoint", url)
    assert handler.writing.wait(PATIENCE_S)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (130, b"")


def test_the_node_has_its_analyses_written_there(started: Start, url: str, handler: type[_Handler]) -> None:
    handler.go_on.set()
    process = started("watch", "--json", "--endpoint", url)
    assert process.stdout is not None
    analysis: dict[str, Any] = {}
    while analysis.get("event") != "analysis":
        line = process.stdout.readline()
        assert line, "it ended"
        analysis = json.loads(line)
    assert (analysis["source"], analysis["model"], analysis["degraded"]) == ("remote", "far", False)
    assert analysis["text"] == "All is well."
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 143
