from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from engine.findings.naming import NAME_LIMIT, quoted
from engine.inference.narrator import markdown_name
from tests.engine.hostile import NAMES


@pytest.mark.parametrize(
    "name", ["python3", "my_tool", "python3.11", "kworker/0:1", "dd", "/", "/var/lib", "nvme0n1", "g++", "x86_64-linux"]
)
def test_ordinary_names_stay_plain(name: str) -> None:
    # A trailing sign could begin markup with what follows it: such a name is quoted.
    assert markdown_name(name) == (f"`{name}`" if name == "g++" else name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("frame", ["Process {} (77) runs.", "{} leads.", "The worst is {}"])
def test_no_name_makes_markup_or_a_link(name: str, frame: str) -> None:
    text = frame.format(markdown_name(name))
    tokens = MarkdownIt("gfm-like").parse(text)
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    inline = tokens[1].children or []
    assert {token.type for token in inline} <= {"text", "code_inline"}
    shown = "".join(token.content for token in inline)
    if name.strip() and len(name) <= NAME_LIMIT:
        assert name in shown


@pytest.mark.parametrize("name", NAMES)
def test_a_quoted_name_is_short_and_on_one_line(name: str) -> None:
    assert "\n" not in quoted(name)
    assert len(quoted(name).strip("` ")) <= NAME_LIMIT


def test_a_cut_name_shows_that_it_was_cut() -> None:
    assert quoted("a" * 40) == f"`{'a' * 29}...`"
