"""Who is logged in: systemd-logind's ``/run/systemd/sessions``, or without it utmp(5)."""

from __future__ import annotations

import struct

from engine.snapshot import Login
from engine.telemetry.files import listing, read_bytes, read_text
from engine.telemetry.reader import Plain
from engine.telemetry.roots import Roots
from engine.text import inert

_PERIOD_S = 10.0
_RECORD = struct.Struct("=hxxi32s4s32s256shhiii16s20s")  # struct utmp of glibc on every 64-bit machine
_USER_PROCESS = 7
_MOST = 1000


class LoginReader(Plain):
    """Renewed every 10 s: nobody logs in every second."""

    def __init__(self, roots: Roots) -> None:
        self._sessions = str(roots.beside("run/systemd/sessions"))
        self._utmp = str(roots.beside("run/utmp"))
        self._again = float("-inf")
        self._logins: tuple[Login, ...] = ()

    def read(self, now: float) -> tuple[Login, ...]:
        """None where neither is there. Raises OSError where they may not be read."""
        if now >= self._again:
            self._again = now + _PERIOD_S
            names = [name for name in listing(self._sessions) if not name.endswith(".ref")][:_MOST]
            self._logins = self._from_sessions(names) if names else self._from_utmp()
        return self._logins

    def _from_sessions(self, names: list[str]) -> tuple[Login, ...]:
        logins = []
        for name in names:
            try:
                text = read_text(f"{self._sessions}/{name}")
            except OSError:  # it has ended
                continue
            told = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and line[0] != "#")
            if told.get("CLASS", "user") == "user" and told.get("STATE") != "closing":
                since = told.get("REALTIME", "")
                logins.append(
                    Login(
                        user=inert(told.get("USER", "?"), 64),
                        terminal=inert(told.get("TTY", ""), 64),
                        host=inert(told.get("REMOTE_HOST", ""), 255),
                        since=int(since) / 1e6 if since.isdecimal() else None,
                    )
                )
        return tuple(logins)

    def _from_utmp(self) -> tuple[Login, ...]:
        try:
            raw = read_bytes(self._utmp)
        except FileNotFoundError:
            return ()
        whole = len(raw) - len(raw) % _RECORD.size
        records = list(_RECORD.iter_unpack(raw[:whole]))[:_MOST]
        return tuple(
            Login(_word(record[4], 64), _word(record[2], 64), _word(record[5], 255), float(record[9]))
            for record in records
            if record[0] == _USER_PROCESS
        )


def _word(raw: bytes, limit: int) -> str:
    return inert(raw.partition(b"\0")[0].decode("utf-8", "backslashreplace"), limit)
