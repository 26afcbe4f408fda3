"""Processes under their parents. Knows no widget."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

import msgspec

from engine.snapshot import Process
from tui.look import Look

Identity = tuple[int, float]
"""(pid, started): names a process beyond recycling."""

_Figure = TypeVar("_Figure", int, float)
_DEEPEST_DRAWN = 12
"""Levels that are drawn; of deeper ones the nearest."""


class Twig:
    """Where one row stands in the tree."""

    __slots__ = ("above", "depth", "hidden", "last", "parent")

    def __init__(self, above: Twig | None, *, last: bool, hidden: int = 0, parent: bool = False) -> None:
        self.above = above
        """The twig of its parent; ``None`` for a root."""
        self.depth: int = 0 if above is None else above.depth + 1
        self.last = last
        """No sibling stands below."""
        self.hidden = hidden
        """How many are folded away under it."""
        self.parent = parent
        """It has children, seen or not."""

    def prefix(self, look: Look) -> str:
        """The lines that lead to the row, and the sign of what is folded away."""
        glyphs = look.glyphs
        folded = f"+{self.hidden} " if self.hidden else ""
        if self.above is None:
            return folded
        pieces = [(glyphs.branch_last if self.last else glyphs.branch) + (folded or f"{glyphs.horizontal} ")]
        above: Twig | None = self.above
        while above is not None and above.depth and len(pieces) < _DEEPEST_DRAWN:
            pieces.append("   " if above.last else f"{glyphs.vertical}  ")
            above = above.above
        if above is not None and above.depth:
            pieces.append(glyphs.ellipsis)
        return "".join(reversed(pieces))


class Tree:
    """The rows of a tree from top to bottom.

    ``sort`` orders siblings: by what is shown, which for a folded process is the sum of its subtree. A process whose
    parent is not there, or began after it (its number has been recycled), is a root.
    """

    def __init__(
        self,
        processes: Collection[Process],
        folded: Collection[Identity],
        sort: Callable[[Iterable[Process]], Sequence[Process]],
    ) -> None:
        self.rows: list[Process] = []
        """A folded one stands with the sums of its subtree."""
        self.twigs: list[Twig] = []
        self.real: dict[int, Process] = {}
        """Those that were folded, by pid, as they are."""
        shown: Collection[Process] = processes
        if folded:
            sums = self._sums(processes, folded)
            shown = [sums.get(process.pid, process) for process in processes]
        ordered = sort(shown)
        roots, children = _kin(ordered)
        self._place(roots, children)

    def _sums(self, processes: Collection[Process], folded: Collection[Identity]) -> dict[int, Process]:
        _, children = _kin(processes)
        sums = {}
        for process in processes:
            if (process.pid, process.started) in folded and process.pid in children:
                whole = _subtree(process, children)
                self.real[process.pid] = process
                sums[process.pid] = total(process, whole)
        return sums

    def _place(self, roots: Sequence[Process], children: dict[int, list[Process]]) -> None:
        rows, twigs = self.rows, self.twigs
        stack: list[tuple[Process, Twig | None, bool]] = [(root, None, True) for root in reversed(roots)]
        while stack:
            process, above, last = stack.pop()
            below = children.pop(process.pid, None)
            rows.append(process)
            if below is None:
                twigs.append(Twig(above, last=last))
            elif process.pid in self.real:
                twigs.append(Twig(above, last=last, hidden=self._drop(below, children), parent=True))
            else:
                twig = Twig(above, last=last, parent=True)
                twigs.append(twig)
                stack.append((below[-1], twig, True))
                stack.extend([(child, twig, False) for child in below[-2::-1]])

    @staticmethod
    def _drop(below: list[Process], children: dict[int, list[Process]]) -> int:
        count = 0
        while below:
            process = below.pop()
            count += 1
            below.extend(children.pop(process.pid, ()))
        return count


def _kin(processes: Iterable[Process]) -> tuple[list[Process], dict[int, list[Process]]]:
    """Roots, and children by the pid of their parent, in the order given.

    Of two that started in the same tick the lower number is taken for the older: nothing can be its own ancestor.
    """
    everything = list(processes)
    started = {process.pid: process.started for process in everything}
    never = float("inf")
    roots: list[Process] = []
    children: dict[int, list[Process]] = {}
    for process in everything:
        parent = process.ppid
        before = started.get(parent, never)
        if before > process.started or (before == process.started and parent >= process.pid):
            roots.append(process)
        elif parent in children:
            children[parent].append(process)
        else:
            children[parent] = [process]
    return roots, children


def _subtree(process: Process, children: dict[int, list[Process]]) -> list[Process]:
    """A process and all below it."""
    found = [process]
    for one in found:
        found += children.get(one.pid, ())
    return found


def ancestors(matched: Collection[Process], everything: Iterable[Process]) -> list[Process]:
    """The ancestors of ``matched`` that are not among them."""
    by_pid = {process.pid: process for process in everything}
    seen = {process.pid for process in matched}
    found = []
    for process in matched:
        parent = by_pid.get(process.ppid)
        child = process
        while parent is not None and parent.pid not in seen and parent.started <= child.started:
            seen.add(parent.pid)
            found.append(parent)
            child, parent = parent, by_pid.get(parent.ppid)
    return found


def total(base: Process, members: Sequence[Process]) -> Process:
    """``base`` with the figures of all members summed; memory that they share counts once for each."""
    return msgspec.structs.replace(
        base,
        cpu_percent=sum([one.cpu_percent for one in members]),
        rss_bytes=sum([one.rss_bytes for one in members]),
        threads=sum([one.threads for one in members]),
        cpu_seconds=sum([one.cpu_seconds for one in members]),
        read_bytes_s=_known([one.read_bytes_s for one in members]),
        write_bytes_s=_known([one.write_bytes_s for one in members]),
        gpu_percent=_known([one.gpu_percent for one in members]),
        gpu_memory_bytes=_known([one.gpu_memory_bytes for one in members]),
    )


def _known(figures: Sequence[_Figure | None]) -> _Figure | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None
