"""A server on loopback that speaks the part of the Hugging Face hub's protocol by which files are found and fetched."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

REVISION = "c0ffee" + "0" * 34


class Hub:
    """One repository, ``owner/name``, and what goes wrong with it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.files: dict[str, bytes] = {}
        self.sizes: dict[str, int] = {}
        """Sizes that are claimed in place of the true ones."""
        self.damaged = False
        """Content differs from its checksum."""
        self.cuts = 0
        """How many downloads break off in the middle."""
        self.refusal: tuple[int, dict[str, str]] | None = None
        self.ranges: list[str] = []
        self.hang = threading.Event()
        """While set, downloads stop in the middle and wait; ``reached`` tells that one does."""
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def siblings(self) -> list[dict[str, Any]]:
        return [
            {
                "rfilename": name,
                "size": self.sizes.get(name, len(content)),
                "blobId": "b" * 40,
                "lfs": {
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "size": self.sizes.get(name, len(content)),
                    "pointerSize": 130,
                },
            }
            for name, content in self.files.items()
        ]


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        path = urlsplit(self.path).path
        if self.hub.refusal is not None:
            status, headers = self.hub.refusal
            self._send(status, b"{}", headers, with_body=with_body)
        elif path.startswith("/api/models/owner/name"):
            body = {"id": "owner/name", "sha": REVISION, "siblings": self.hub.siblings()}
            self._send(200, json.dumps(body).encode(), {}, with_body=with_body)
        elif path.startswith(f"/owner/name/resolve/{REVISION}/"):
            self._file(path.partition(f"{REVISION}/")[2], with_body=with_body)
        else:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"}, with_body=with_body)

    def _file(self, name: str, *, with_body: bool) -> None:
        content = self.hub.files[name]
        headers = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Repo-Commit": REVISION,
            "Accept-Ranges": "bytes",
        }
        if self.hub.damaged:
            content = content[:-1] + bytes([content[-1] ^ 1])
        status, start = 200, 0
        if asked := self.headers.get("Range"):
            start = int(asked.removeprefix("bytes=").partition("-")[0])
            status = 206
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if with_body:
            self.hub.ranges.append(asked or "")
        self._send(status, content[start:], headers, with_body=with_body, breakable=True)

    def _send(
        self, status: int, body: bytes, headers: dict[str, str], *, with_body: bool, breakable: bool = False
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if not with_body:
            return
        half = len(body) // 2
        try:
            if breakable and self.hub.cuts > 0:
                self.hub.cuts -= 1
                self.wfile.write(body[:half])
                return
            self.wfile.write(body[:half])
            if breakable and self.hub.hang.is_set():
                self.wfile.flush()
                self.hub.reached.set()
                self.hub.go_on.wait()
            self.wfile.write(body[half:])
        except ConnectionError:
            pass

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name that the base class has
        pass


@contextmanager
def serving() -> Iterator[Hub]:
    class Handler(_Handler):
        pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        hub = Hub(f"http://127.0.0.1:{server.server_address[1]}")
        Handler.hub = hub
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield hub
        finally:
            hub.go_on.set()
            server.shutdown()
            thread.join()
