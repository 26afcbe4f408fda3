"""What a process belongs to - container, pod, systemd unit - told from the path of its cgroup (``cgroups(7)``)."""

from __future__ import annotations

import re
from collections import deque

from msgspec import Struct

from engine.text import inert

_ID = r"[0-9a-f]{64}"
_SHORT = 12
_SCOPES = {
    "docker": "docker",
    "libpod": "podman",
    "libpod-conmon": "",
    "cri-containerd": "containerd",
    "nerdctl": "containerd",
    "crio": "cri-o",
    "crio-conmon": "",
}
_SCOPE = re.compile(rf"(?P<kind>[a-z-]+)-(?P<id>{_ID})\.scope")
_PLAIN = re.compile(rf"{_ID}")
_POD = re.compile(r"pod(?P<uid>[0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})")
_LXC = re.compile(r"(?:lxc(?:\.payload)?|lxc\.monitor)[./](?P<name>[^/]+)")
_MACHINE = re.compile(r"machine-(?P<name>.+)\.scope")
_UNIT = re.compile(r"[^/]+\.(?:service|scope)")
_HEX = re.compile(r"\\x([0-9a-f]{2})")


class Labels(Struct, frozen=True):
    """Empty texts where it belongs to none."""

    container: str = ""
    runtime: str = ""
    pod: str = ""
    unit: str = ""


NONE = Labels()


def labels(raw: bytes) -> Labels:
    """From the text of ``/proc/PID/cgroup``: version 2's line, else that of systemd, else the longest path."""
    return of_path(_path(raw).decode("utf-8", "backslashreplace"))


def _path(raw: bytes) -> bytes:
    paths: dict[bytes, bytes] = {}
    for line in raw.splitlines():
        number, _, rest = line.partition(b":")
        controllers, _, path = rest.partition(b":")
        paths[controllers if number != b"0" else b""] = path
    for known in (b"", b"name=systemd"):
        if paths.get(known, b"/") != b"/":
            return paths[known]
    return max(paths.values(), key=len, default=b"/")


def of_path(path: str) -> Labels:
    """``/system.slice/docker-<64 digits>.scope`` is a container of Docker, and so on for what runtimes write."""
    if path == "/":
        return NONE
    container = runtime = ""
    if scope := _last(_SCOPE, path):
        runtime = _SCOPES.get(scope["kind"], scope["kind"])
        container = scope["id"][:_SHORT] if runtime else ""
    elif plain := _last(_PLAIN, path):
        container = plain[0][:_SHORT]
        runtime = "docker" if "/docker/" in path else "podman" if "/libpod" in path else "cri"
    elif machine := _MACHINE.search(path):
        container, runtime = _unescaped(machine["name"]), "qemu" if "qemu" in machine["name"] else "nspawn"
    elif lxc := _LXC.search(path):
        container, runtime = lxc["name"], "lxc"
    pod = _POD.search(path) if "kubepods" in path else None
    units = _UNIT.findall(path)
    return Labels(
        container=inert(container, 64),
        runtime=inert(runtime, 32),
        pod=pod["uid"].replace("_", "-") if pod else "",
        unit=inert(_unescaped(units[-1]), 128) if units else "",
    )


def _last(pattern: re.Pattern[str], path: str) -> re.Match[str] | None:
    """Of a container within a container the inner one."""
    return next(iter(deque(pattern.finditer(path), maxlen=1)), None)


def _unescaped(name: str) -> str:
    r"""Systemd writes ``\x2d`` for a dash within a name (systemd-escape(1))."""
    return _HEX.sub(lambda match: chr(int(match[1], 16)), name)
