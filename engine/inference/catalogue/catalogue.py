"""All models that this machine has, and which of them a name means."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from engine.config import Config
from engine.errors import ModelError
from engine.inference.catalogue import listing
from engine.inference.catalogue.caches import Roots, found, real, walk
from engine.inference.catalogue.entry import Entry, parts, stem
from engine.text import inert

SUMS = ".sha256"
"""Ending of the file beside a model that holds its checksum, in the format of ``sha256sum``."""
_MOST_NAMED = 6


class Catalogue:
    """The folder of models, and what other programs hold. Looked at once, when it is first asked."""

    def __init__(self, folder: Path, roots: Roots) -> None:
        """Nothing is read yet; a folder that is not there is an empty one."""
        self.folder = folder
        self._roots = roots

    @classmethod
    def of(cls, config: Config) -> Catalogue:
        """The one that the settings and the environment describe."""
        home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() raises where there is none
        return cls(config.models_path, Roots.standard(os.environ, home))

    @cached_property
    def listing(self) -> listing.Listing:
        """What ``.config.json`` of the folder says."""
        return listing.read(self.folder)

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """All models, those of the folder first; no file comes twice."""
        seen: set[Path] = set()
        out: list[Entry] = []
        for entry in (*self.listing.models, *self._in_folder(), *found(self._roots)):
            target = real(entry.path)
            if target not in seen:
                seen.add(target)
                out.append(entry)
        return tuple(out)

    def _in_folder(self) -> Iterable[Entry]:
        for path in walk(self.folder):
            name = path.relative_to(self.folder).with_name(stem(path)).as_posix()
            yield Entry(name, path, "folder", sha256=_sum(path))

    @property
    def default(self) -> Entry | None:
        """The model that is used if none is asked for: the default, or the fallback if that is not there."""
        for name in (self.listing.default_model, self.listing.fallback_model):
            if name:
                with suppress(ModelError):
                    entry = self.find(name)
                    if os.path.isfile(entry.path):  # noqa: PTH113 - Path.is_file() raises where it may not look
                        return entry
        return None

    def find(self, name: str) -> Entry:
        """The model that ``name`` means: its path, its name, its file's, or a beginning that only it has.

        Raises ModelError where that is none, or more than one.
        """
        wanted = name.casefold()
        tests: tuple[Callable[[Entry], bool], ...] = (
            lambda entry: str(entry.path) == name,
            lambda entry: entry.name == name,
            lambda entry: wanted in _names(entry),
            lambda entry: any(each.startswith(wanted) for each in _names(entry)),
        )
        for test in tests:
            matches = [entry for entry in self.entries if test(entry)]
            if len(matches) == 1:
                return matches[0]
            if matches and name:
                raise ModelError(self._ambiguous(name, matches))
        raise ModelError(self._unknown(name))

    def resolve(self, model: Path) -> Path:
        """The file that ``--model`` means: the path itself if there is such a file, else a model of that name.

        Raises ModelError for a name that means none, or several. What is clearly a path is returned as it is, for
        who reads it says best what is wrong with it.
        """
        there = is_file = False
        with suppress(OSError, ValueError):
            there, is_file = model.exists(), model.is_file()
        if is_file:
            return model
        try:
            return self.find(str(model)).path
        except ModelError:
            if there or model.is_absolute() or model.suffix.lower() == ".gguf":
                return model
            raise

    def use(self, entry: Entry) -> None:
        """Make it the default, by its path if another has its name. Raises ModelError."""
        alone = sum(other.name == entry.name for other in self.entries) == 1
        listing.change(self.folder, default_model=entry.name if alone else str(entry.path))

    def remove(self, entry: Entry) -> list[Path]:
        """Delete its files; returns them. Raises ModelError unless they lie in the folder of models."""
        if entry.origin != "folder" or real(self.folder) not in (real(entry.path.parent) / entry.path.name).parents:
            raise ModelError(
                f"The model {inert(entry.name, 100)} is not removed, for {inert(str(entry.path), 300)} is not in the "
                f"folder of models {inert(str(self.folder), 300)}: the program that put it there can remove it."
            )
        gone = []
        for path in parts(entry.path):
            try:
                path.unlink()
                gone.append(path)
                path.with_name(path.name + SUMS).unlink(missing_ok=True)
            except FileNotFoundError:
                continue
            except OSError as error:
                shown = inert(str(path), 300)
                raise ModelError(f"The file {shown} cannot be removed: {error.strerror or error}.") from error
        if self.listing.default_model in {entry.name, str(entry.path)}:
            listing.change(self.folder, default_model=None)
        return gone

    def _ambiguous(self, name: str, matches: list[Entry]) -> str:
        same = len({entry.name for entry in matches}) == 1
        listed = ", ".join(inert(str(each.path) if same else each.name, 200) for each in matches[:_MOST_NAMED])
        more = f" and {len(matches) - _MOST_NAMED} more" if len(matches) > _MOST_NAMED else ""
        what = "path" if same else "name"
        return f'The name "{inert(name, 100)}" means several models: give the whole {what} ({listed}{more}).'

    def _unknown(self, name: str) -> str:
        names = {each: entry.name for entry in self.entries for each in _names(entry)}
        close = get_close_matches(name.casefold(), names, n=1, cutoff=0.6)
        meant = (
            f" did you mean {inert(names[close[0]], 100)}?" if close else " telltop models list shows those there are."
        )
        return f'No model is called "{inert(name, 100)}":{meant}'


def _names(entry: Entry) -> set[str]:
    """What it may be called, in small letters."""
    names = {entry.name.casefold()}
    if entry.origin == "ollama":
        names.add(entry.name.removesuffix(":latest").casefold())
    else:
        names.add(stem(entry.path).casefold())
    return names


def _sum(path: Path) -> str:
    try:
        with path.with_name(path.name + SUMS).open(encoding="ascii", errors="replace") as stream:
            digest = stream.read(64)
    except OSError:
        return ""
    return digest if len(digest) == 64 and all(char in "0123456789abcdef" for char in digest) else ""
