"""Systemd's units that failed, asked of ``systemctl`` in a thread of its own, with a deadline."""

from __future__ import annotations

import os
from collections.abc import Callable

from engine.telemetry.reader import Plain
from engine.telemetry.roots import Roots
from engine.text import inert

PERIOD_S = 60.0
DEADLINE_S = 10.0
_MOST = 100
_ASK = ("list-units", "--state=failed", "--plain", "--no-legend", "--no-pager", "--full")


def present(roots: Roots) -> bool:
    """Systemd runs this node, as sd_booted(3) tells it, and can be asked."""
    return roots.live and roots.beside("run/systemd/system").is_dir()


def _systemctl() -> str:
    """Raises OSError, also where there is no answer in time or systemd refuses."""
    import subprocess

    try:
        done = subprocess.run(
            ["systemctl", *_ASK],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DEADLINE_S,
            check=True,
            env={**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0"},
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"systemctl has not answered for {DEADLINE_S:.0f} s") from error
    except subprocess.CalledProcessError as error:
        raise OSError(f"systemctl: {error.stderr.decode('utf-8', 'backslashreplace').strip()[:200]}") from error
    return done.stdout.decode("utf-8", "backslashreplace")


class UnitReader(Plain):
    """The names of failed units, at most 100."""

    def __init__(self, ask: Callable[[], str] = _systemctl) -> None:
        self._ask = ask

    def read(self, now: float) -> tuple[str, ...] | None:
        """May block for the deadline. Raises OSError."""
        words = (line.split() for line in self._ask().splitlines()[:_MOST])
        return tuple(inert(line[0], 128) for line in words if line)
