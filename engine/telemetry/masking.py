"""Secrets in environments and command lines, masked before anything shows them."""

from __future__ import annotations

import re

MASK = "********"
_SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASS(?!AGE|IVE)|PWD|KEY|CREDENTIAL|AUTH(?!OR)|COOKIE|SESSION_ID|PRIVATE|SIGNATURE|SALT|DSN"
    r"|CONNECTION_?STRING|BEARER|(^|_)PIN$|(^|_)PAT$",
    re.IGNORECASE,
)
_PLAIN_NAMES = frozenset(
    ("SSH_AUTH_SOCK", "XAUTHORITY", "SSH_ASKPASS", "SUDO_ASKPASS", "GIT_ASKPASS", "KEYMAP", "PWD", "OLDPWD")
)
"""These name sockets and files, not secrets."""
_IN_URL = re.compile(r"(?<=://)([^/\s:@]*):([^/\s]*)@")
_IN_QUERY = re.compile(r"(?i)([?&;][^=&;\s]*(?:token|secret|passw|key|sig|auth)[^=&;\s]*=)[^&;\s]+")
_IN_OPTION = re.compile(r"(?i)^(-{0,2}[^=\s]*(?:token|secret|passw|api-?_?key|credential)[^=\s]*=).+")
_OPTION = re.compile(r"(?i)^--?[a-z-]*(?:token|secret|passw(?:or)?d|api-?key|credential)s?$")
_KNOWN = re.compile(
    r"\b(?:gh[oprsu]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|sk-[\w-]{16,}|xox[abeprs]-[\w-]{8,}|AKIA[0-9A-Z]{16}"
    r"|hf_\w{20,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"
)
"""Tokens that their makers have given a form: GitHub, GitLab, OpenAI, Slack, AWS, Hugging Face, JSON web tokens."""


def masked_words(words: list[str]) -> tuple[str, ...]:
    """A command line with its secrets replaced: within a word, and the word after an option like ``--password``."""
    after = ["", *words]
    return tuple(MASK if _OPTION.match(before) else masked(word) for before, word in zip(after, words, strict=False))


def masked(value: str, name: str = "") -> str:
    """The text with its secrets replaced; all of it where the variable's name says that it is one."""
    if name and name.upper() not in _PLAIN_NAMES and _SECRET_NAME.search(name):
        return MASK if value else value
    value = _IN_URL.sub(rf"\1:{MASK}@", value)
    value = _IN_QUERY.sub(rf"\1{MASK}", value)
    value = _IN_OPTION.sub(rf"\1{MASK}", value)
    return _KNOWN.sub(MASK, value)
