"""Where a server is: the address as people give it, with or without its version and its last part."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import ip_address

from engine.errors import ModelError
from engine.inference.web import httpx
from engine.text import inert

_VERSION = re.compile(r"/v\d+\w*(/|$)")


class Address:
    """The base address of a server's API."""

    def __init__(self, text: str) -> None:
        """``http://host:port``, with ``/v1`` or without, or the address of the chat itself. Raises ModelError."""
        try:
            url = httpx.URL(text)
            usable = url.scheme in {"http", "https"} and bool(url.host)
        except (httpx.InvalidURL, ValueError):  # the host may be no name, which is found out when it is asked for
            usable = False
        if not usable:
            raise ModelError(f"The address {inert(text, 300)} is no http:// or https:// address of a server.")
        path = url.path.rstrip("/").removesuffix("/completions").removesuffix("/chat")
        self._base = url.copy_with(path=path if _VERSION.search(path) else f"{path}/v1", query=None, fragment=None)
        self.shown = inert(str(self._base.copy_with(username=None, password=None)), 300)
        """For people: without the user and the password that it may hold."""

    @property
    def is_here(self) -> bool:
        """Whether the server is on this node, by its address: no proxy leads there."""
        host = self._base.host
        with suppress(ValueError):
            return ip_address(host).is_loopback
        return host == "localhost" or host.endswith(".localhost")

    @property
    def chat(self) -> httpx.URL:
        """Where texts are written."""
        return self._at("/chat/completions")

    @property
    def models(self) -> httpx.URL:
        """Where the server lists its models."""
        return self._at("/models")

    def _at(self, part: str) -> httpx.URL:
        return self._base.copy_with(path=self._base.path + part)
