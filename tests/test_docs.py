from __future__ import annotations

import re

from tests import docs
from tests.e2e.screen import REPOSITORY


def test_the_tables_of_the_readme_are_those_of_the_code() -> None:
    text = docs.README.read_text()
    assert text == docs.written(text), "run python -m tests.docs"


def test_every_picture_and_file_that_the_docs_name_is_there() -> None:
    for page in ("README.md", "CHANGELOG.md"):
        text = (REPOSITORY / page).read_text()
        for target in re.findall(r"\]\((?!https?:|#)([^)]+)\)", text):
            assert (REPOSITORY / target).exists(), f"{page} names {target}"


def test_the_top_level_holds_what_it_should_and_nothing_else() -> None:
    import subprocess

    names = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    top = {name.partition("/")[0] for name in names.splitlines()}
    known = {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "tui", "engine", "tests", "screenshots"}
    assert {name for name in top if not name.startswith(".")} == known
