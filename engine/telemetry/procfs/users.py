"""Names of users. The node's own are in ``/etc/passwd``; a directory server that is asked for others may hang."""

from __future__ import annotations

import pwd
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from engine.text import inert

PASSWD = Path("/etc/passwd")


def _ask(uid: int) -> str:
    return pwd.getpwuid(uid).pw_name


class Users:
    """Names by uid, kept for good.

    What ``/etc/passwd`` does not know is asked of the name service (``getpwuid``: LDAP, SSSD, ...) in a daemon thread
    of its own; the number stands in until that answers, for ever if it never does.
    """

    def __init__(self, passwd: Path = PASSWD, ask: Callable[[int], str] = _ask) -> None:
        self._passwd = passwd
        self._ask = ask
        self._names: dict[int, str] | None = None
        self._questions: SimpleQueue[int] | None = None
        self.answered: SimpleQueue[int] = SimpleQueue()
        """Uids whose names have become known since; the reader takes them out."""

    def name(self, uid: int) -> str:
        """The user's name or, while it is unknown, its number. Never blocks on a server."""
        if self._names is None:
            self._names = self._local()
        known = self._names.get(uid)
        if known is None:
            known = self._names[uid] = str(uid)
            if self._questions is None:
                self._questions = SimpleQueue()
                threading.Thread(
                    target=self._answer, args=(self._questions, self._names), name="telltop-users", daemon=True
                ).start()
            self._questions.put(uid)
        return known

    def _answer(self, questions: SimpleQueue[int], names: dict[int, str]) -> None:
        while True:
            uid = questions.get()
            try:
                name = self._ask(uid)
            except (KeyError, OSError):  # nobody of this number, or no answer: the number it is
                continue
            names[uid] = inert(name, 64)
            self.answered.put(uid)

    def _local(self) -> dict[int, str]:
        names: dict[int, str] = {}
        try:
            lines = self._passwd.read_bytes().splitlines()
        except OSError:
            return names
        for line in lines:
            words = line.split(b":")
            if len(words) >= 3 and words[2].isdigit():
                names.setdefault(int(words[2]), inert(words[0].decode("utf-8", "backslashreplace"), 64))
        return names
