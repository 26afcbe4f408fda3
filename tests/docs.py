"""The tables of the README that the code already knows: ``python -m tests.docs`` writes them anew."""

from __future__ import annotations

import re

from engine.config import Config, settings
from tests.e2e.screen import REPOSITORY
from tui.actions import by_group, show_key

README = REPOSITORY / "README.md"


def keys() -> str:
    """Every key with what it does."""
    rows = ["| Key | What it does |", "|---|---|"]
    for _, actions in by_group():
        for action in actions:
            names = dict.fromkeys(map(show_key, action.keys))
            shown = " ".join(f"`{name}`".replace("|", "\\|") for name in names)
            rows.append(f"| {shown} | {action.help} |")
    return "\n".join(rows)


def configuration() -> str:
    """Every setting with its flag, key, variable and default."""
    rows = ["| Flag | Key in `config.toml` | Variable | Default | Meaning |", "|---|---|---|---|---|"]
    defaults = Config()
    for setting in settings():
        value = getattr(defaults, setting.name)
        shown = (
            ""
            if value is None
            else str(value).lower()
            if isinstance(value, bool)
            else f"{value:g}"
            if isinstance(value, float)
            else str(value)
        )
        rows.append(
            f"| `{setting.flag}{' ' + setting.metavar if setting.metavar else ''}` | `{setting.key}` "
            f"| `{setting.variable}` | {shown} | {setting.help} |"
        )
    return "\n".join(rows)


BLOCKS = {"keys": keys, "configuration": configuration}


def written(text: str) -> str:
    """The README with its tables as they should be. Raises ValueError where a place for one is missing."""
    for name, make in BLOCKS.items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        if not place.search(text):
            raise ValueError(f"README.md has no place for {name}")
        table = make()
        text = place.sub(lambda match, table=table: match[1] + table + "\n" + match[2], text)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    return text


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
