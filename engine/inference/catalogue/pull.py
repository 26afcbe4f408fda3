"""Fetching a model from the Hugging Face hub into the folder of models: resumed, checked, and put in place whole.

``huggingface_hub`` is an extra of its own (``telltop[pull]``): with what it needs it is larger than telltop.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from msgspec import Struct

from engine.errors import ModelError
from engine.inference.catalogue.catalogue import SUMS
from engine.inference.catalogue.entry import is_model, parts, stem
from engine.inference.gguf import read_header
from engine.inference.web import httpx
from engine.text import inert
from engine.units import size as readable

STAGING = ".pull"
"""Folder in the folder of models where a download lies until it is whole; on the same file system."""
_SPEC = re.compile(r"(?:https?://)?(?:huggingface\.co/|hf\.co/)?([\w.-]{1,96}/[\w.-]{1,96})(?::([\w.+/-]{1,200}))?")
_SAFE = re.compile(r"(?:\w[\w.+=@-]*/)*\w[\w.+=@-]*")
_PREFERRED = "q4_k_m"
"""The quantization that is taken if there are several and none is asked for: small, and nearly as good as the rest."""
_MARGIN = 64 << 20
_PIECE = 1 << 20


class Remote(Struct, frozen=True):
    """A file of a repository."""

    name: str
    bytes: int
    sha256: str
    """Empty where the hub does not tell."""


def pull(spec: str, folder: Path, *, bar: bool, say: Callable[[str], None]) -> Path:
    """Download ``OWNER/NAME[:FILE]`` into ``folder``; returns the path of the model, of several files the first.

    ``FILE`` may be a file of the repository, or what only one of its models has in its name (``Q5_K_M``). ``say`` is
    told what goes on, ``bar`` shows the progress on standard error. What was downloaded before an interruption is
    kept and not downloaded again. Raises ModelError.
    """
    repository, wanted = _parsed(spec)
    with _sentences(repository):
        hub = _Hub(repository, bar=bar)
        files = _chosen(repository, hub.files(), wanted)
        first = folder / Path(files[0].name).name
        missing = [file for file in files if not _is_there(folder / Path(file.name).name, file)]
        if not missing:
            say(f"{first} is there already")
            return first
        staging = folder / STAGING / repository.replace("/", "--")
        staging.mkdir(parents=True, exist_ok=True)
        _check_space(staging, missing)
        say(f"downloading {len(missing)} file(s), {readable(sum(file.bytes for file in missing))}, from {repository}")
        fetched = [(file, _checked(hub.fetch(file, staging), file)) for file in missing]
        if len(files) == 1:
            _readable(fetched[0][1])
        for file, path in fetched:
            _put(path, folder / Path(file.name).name, file)
        shutil.rmtree(staging, ignore_errors=True)
    read_header(first)
    return first


def _parsed(spec: str) -> tuple[str, str]:
    found = _SPEC.fullmatch(spec)
    if found is None or ".." in spec:
        raise ModelError(f'"{inert(spec, 100)}" is no repository: give OWNER/NAME or OWNER/NAME:FILE.')
    return found[1], found[2] or ""


class _Hub:
    """One repository at one revision."""

    def __init__(self, repository: str, *, bar: bool) -> None:
        try:
            import huggingface_hub
            from huggingface_hub.utils.tqdm import disable_progress_bars
        except ImportError:
            raise ModelError('To pull models, install the extra: pip install "telltop[pull]".') from None
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
        if not bar:
            disable_progress_bars()
        self._library = huggingface_hub
        self._repository = repository
        self._revision: str | None = None

    def files(self) -> list[Remote]:
        """The models of the repository; what has a name that could do harm is left out."""
        info = self._library.HfApi().model_info(self._repository, files_metadata=True, timeout=30)
        self._revision = info.sha
        out = []
        for each in info.siblings or []:
            if each.rfilename.lower().endswith(".gguf") and _SAFE.fullmatch(each.rfilename):
                digest = each.lfs.sha256 if each.lfs else ""
                out.append(Remote(each.rfilename, (each.lfs.size if each.lfs else each.size) or 0, digest))
        return sorted(out, key=lambda file: file.name)

    def fetch(self, file: Remote, staging: Path) -> Path:
        """Download a file, or the rest of it: what a former run left is kept, which the library's own way forgets."""
        from huggingface_hub.file_download import http_get

        target = staging / Path(file.name).name
        if target.exists() and target.stat().st_size == file.bytes:
            return target
        part = target.with_name(f"{target.name}.{file.sha256[:16] or self._revision}.part")
        url = self._library.hf_hub_url(self._repository, file.name, revision=self._revision)
        with part.open("ab") as stream:
            _alone(stream, file)
            if stream.tell() > file.bytes:
                stream.truncate(0)
            token = self._library.get_token()
            headers = {"authorization": f"Bearer {token}"} if token else {}
            http_get(
                url,
                stream,
                resume_size=stream.tell(),
                headers=headers,
                expected_size=file.bytes or None,
                displayed_filename=target.name,
            )
            stream.flush()
            os.fsync(stream.fileno())
            part.replace(target)
        return target


def _alone(stream: IO[bytes], file: Remote) -> None:
    """Raises ModelError if another process downloads the same file."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ModelError(f"The file {file.name} is being downloaded by another telltop: wait for that.") from None


@contextmanager
def _sentences(repository: str) -> Iterator[None]:
    """What the library raises, as sentences."""
    try:
        yield
    except OSError as error:
        raise ModelError(_of_system(error, repository)) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = inert(str(error), 160) or type(error).__name__
        raise ModelError(f"The download from {repository} broke off ({reason}): run it again, it goes on.") from error
    except ValueError as error:
        raise ModelError(f"The download from {repository} is not possible ({inert(str(error), 160)}).") from error


def _of_system(error: OSError, repository: str) -> str:
    """Also what the hub refuses: those errors are OSErrors, or have an answer with a status."""
    status = getattr(getattr(error, "response", None), "status_code", 0)
    kind = type(error).__name__
    if kind == "GatedRepoError":
        return f"The repository {repository} asks for consent: give it on its page, then set HF_TOKEN and run it again."
    if status in {401, 404}:
        return f"The hub has no repository or file {repository}, or it is private: check the name, or set HF_TOKEN."
    if status:
        return f"The hub refuses {repository} with {status}: try again later."
    if error.filename is not None or error.errno is not None:
        where = f" {inert(str(error.filename), 300)}" if error.filename is not None else ""
        return f"The download of {repository} cannot be written{where}: {error.strerror or error}."
    reason = inert(" ".join(str(error).split()), 160)
    return f"The download from {repository} broke off ({reason}): run it again, it goes on."


def _chosen(repository: str, files: list[Remote], wanted: str) -> list[Remote]:
    """The files of the one model that is meant."""
    models = [file for file in files if is_model(file.name.rpartition("/")[2])]
    if not models:
        raise ModelError(f"The repository {repository} holds no GGUF file: look for one whose name ends in GGUF.")
    matches = [file for file in models if file.name == wanted] or [
        file for file in models if wanted.lower() in file.name.lower()
    ]
    if len(matches) > 1:
        matches = [file for file in matches if not wanted and _PREFERRED in file.name.lower()] or matches
    if len(matches) != 1:
        what = f'none called "{inert(wanted, 60)}"' if not matches else "several models"
        listed = ", ".join(stem(Path(file.name)) for file in (matches or models)[:8])
        raise ModelError(f"The repository {repository} has {what}: give one as {repository}:FILE ({listed}).")
    names = {path.as_posix() for path in parts(Path(matches[0].name))}
    found = [file for file in files if file.name in names]
    if len(found) != len(names):
        raise ModelError(f"The repository {repository} lacks {len(names) - len(found)} part(s) of {matches[0].name}.")
    return found


def _is_there(target: Path, file: Remote) -> bool:
    """Whether the file need not be downloaded. Raises ModelError if another has its name."""
    if not target.exists():
        return False
    if target.stat().st_size == file.bytes and (not file.sha256 or sha256(target) == file.sha256):
        return True
    raise ModelError(f"{inert(str(target), 300)} is there with other content: remove or rename it first.")


def _check_space(staging: Path, files: list[Remote]) -> None:
    """What was downloaded before need not be again."""
    kept = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
    needed = max(0, sum(file.bytes for file in files) - kept) + _MARGIN
    free = shutil.disk_usage(staging).free
    if needed > free:
        raise ModelError(
            f"The download needs {readable(needed)} and {readable(free)} is free at {inert(str(staging.parent), 300)}: "
            "make room, or give another folder with --models-dir."
        )


def _checked(path: Path, file: Remote) -> Path:
    """The file, which is what the hub says it is; else it is deleted, for it would be damaged for ever."""
    if file.sha256 and sha256(path) != file.sha256:
        path.unlink()
        raise ModelError(f"The file {file.name} was damaged on its way (wrong checksum) and deleted: run it again.")
    return path


def _readable(path: Path) -> None:
    """Keep what is no model out of the folder; one in several files is checked when all lie together."""
    try:
        read_header(path)
    except ModelError:
        path.unlink()
        raise


def _put(path: Path, target: Path, file: Remote) -> None:
    if file.sha256:
        target.with_name(target.name + SUMS).write_text(f"{file.sha256}  {target.name}\n")
    path.replace(target)


def sha256(path: Path) -> str:
    """Of a file's content. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
