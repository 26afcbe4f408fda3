"""What the process table lists, in which order, and where the cursor stands. Knows no widget and no terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from engine.snapshot import Process, Snapshot
from tui.widgets.filter_values import FilterError
from tui.widgets.process_columns import order, told_fields
from tui.widgets.process_filter import Filter, parse_filter
from tui.widgets.process_groups import members_by_program, program, program_row
from tui.widgets.process_tree import Identity, Tree, Twig, ancestors

Mode = Literal["flat", "tree", "programs"]


class Listing:
    """The rows of the table. Everything that changes them arranges them anew; moving the cursor does not."""

    def __init__(self) -> None:
        self.rows: list[Process] = []
        """From top to bottom. A folded process, or a program, stands with the sums of those it stands for."""
        self.total = 0
        self.cursor = 0
        self.mode: Mode = "flat"
        self.kernel_hidden = False
        self.filter_text = ""
        self.problem = ""
        """What is wrong with the filter, in a few words; the last one that was understood is in force."""
        self.told: frozenset[str] = frozenset()
        """Optional fields that some process has told since the start."""
        self.members: dict[str, list[Process]] = {}
        """The processes of each program, in mode ``programs``."""
        self.context: frozenset[int] = frozenset()
        """Pids that do not match the filter and are there for their descendants."""
        self._twigs: list[Twig] = []
        self._real: dict[int, Process] = {}
        self._processes: tuple[Process, ...] = ()
        self.memory_total = 0
        """Bytes of the node, of which ``mem>10%`` is a share."""
        self._filter = parse_filter("")
        self._tags: set[Identity] = set()
        self._folded: set[Identity] = set()
        self._followed: Identity | str | None = None
        self._sorts: dict[Mode, tuple[str, bool]] = {
            "flat": ("cpu", False),
            "tree": ("pid", False),
            "programs": ("cpu", False),
        }

    # -- what is listed

    def show(self, snapshot: Snapshot) -> None:
        """List a new sample; the cursor keeps its row, or its process while it follows one."""
        self._processes = snapshot.processes
        if snapshot.memory.total_bytes != self.memory_total:
            self.memory_total = snapshot.memory.total_bytes
            self._filter = parse_filter(self._filter.text, self.memory_total)
        self.told = told_fields(self._processes, self.told)
        if self._tags or self._folded:
            alive = {_identity(process) for process in self._processes}
            self._tags &= alive
            self._folded &= alive
        self.arrange()

    def arrange(self, *, stay: bool = False) -> None:
        """Filter and sort anew; ``stay`` keeps the cursor on its process, wherever that goes."""
        kept = self._followed or (self._key(self.cursor) if stay and self.rows else None)
        chosen = [one for one in self._processes if not (self.kernel_hidden and one.kernel)]
        self.total = len(self._processes)
        matched = self._matched(chosen)
        self._twigs, self._real, self.members, self.context = [], {}, {}, frozenset()
        if self.mode == "tree":
            self._grow(matched, chosen)
        elif self.mode == "programs":
            self.members = members_by_program(matched)
            self.rows = self._sorted([program_row(name, members) for name, members in self.members.items()])
        else:
            self.rows = self._sorted(matched)
        self._settle(kept)

    def _matched(self, chosen: list[Process]) -> list[Process]:
        if not self._filter.text:
            return chosen
        try:
            return self._filter.select(chosen)
        except FilterError as error:
            self.problem = str(error)
            self._filter = parse_filter("")
            return chosen

    def _grow(self, matched: list[Process], chosen: list[Process]) -> None:
        if len(matched) < len(chosen):
            above = ancestors(matched, chosen)
            self.context = frozenset([process.pid for process in above])
            matched = matched + above
        tree = Tree(matched, self._folded, self._sorted)
        self.rows, self._twigs, self._real = tree.rows, tree.twigs, tree.real

    def _sorted(self, processes: Iterable[Process]) -> list[Process]:
        key, reverse = self.sort
        if self.mode == "programs" and key == "pid":  # its column shows how many there are
            rows = order(processes, "pid")
            return sorted(rows, key=self.count_of, reverse=not reverse)
        return order(processes, key, reverse=reverse)

    def _settle(self, kept: Identity | str | None) -> None:
        if kept is not None:
            at = self._find(kept)
            if at is not None:
                self.cursor = at
            elif kept == self._followed:
                self._followed = None
        self.cursor = min(self.cursor, max(0, len(self.rows) - 1))

    # -- one row

    def twig(self, at: int) -> Twig | None:
        """Where a row stands in the tree."""
        return self._twigs[at] if self._twigs else None

    def count_of(self, row: Process) -> int:
        """How many processes a row of the mode ``programs`` stands for; 0 in other modes."""
        return len(self.members.get(program(row), ())) if self.members else 0

    def tagged(self, row: Process) -> bool:
        """The row, or every process that it stands for, is tagged."""
        if not self._tags:
            return False
        members = self.members.get(program(row)) if self.members else None
        return all(_identity(process) in self._tags for process in members or (row,))

    @property
    def selected(self) -> Process | None:
        """The process under the cursor; of a program its first, as it is."""
        if not self.rows:
            return None
        row = self.rows[self.cursor]
        if self.members:
            return self.members[program(row)][0]
        return self._real.get(row.pid, row)

    @property
    def targets(self) -> tuple[Process, ...]:
        """The tagged processes, seen or not; else those under the cursor: all of a program, one of a subtree."""
        if self._tags:
            return tuple(process for process in self._processes if _identity(process) in self._tags)
        if self.members and self.rows:
            return tuple(self.members[program(self.rows[self.cursor])])
        return () if self.selected is None else (self.selected,)

    def _key(self, at: int) -> Identity | str:
        return program(self.rows[at]) if self.members else _identity(self.rows[at])

    def _find(self, key: Identity | str) -> int | None:
        if isinstance(key, str):
            return next((at for at, row in enumerate(self.rows) if program(row) == key), None)
        pid = key[0]
        return next((at for at, row in enumerate(self.rows) if row.pid == pid and row.started == key[1]), None)

    # -- order, filter, mode

    @property
    def sort(self) -> tuple[str, bool]:
        """The column that is sorted by, and whether its direction is turned round."""
        return self._sorts[self.mode]

    def sort_by(self, key: str) -> None:
        """Sort by a column; by the same once more turns it round."""
        before, turned = self.sort
        self._sorts[self.mode] = (key, not turned if key == before else False)
        self.arrange()

    def sort_next(self, keys: list[str], step: int) -> None:
        """Sort by a neighbour in ``keys``, in its own direction."""
        at = keys.index(self.sort[0]) if self.sort[0] in keys else 0
        self._sorts[self.mode] = (keys[(at + step) % len(keys)], False)
        self.arrange()

    def set_filter(self, text: str) -> None:
        """List just the processes that match.

        Of a text that is not understood the beginning that is counts, or else the filter before; :attr:`problem` says
        what is wrong.
        """
        self.filter_text, self.problem = text, ""
        words = text if text.strip() else ""
        while True:
            try:
                self._filter = parse_filter(words, self.memory_total)
                break
            except FilterError as error:
                self.problem = self.problem or str(error)
                words = words.rstrip().rpartition(" ")[0]
                if not words.strip():
                    return
        if text.strip():
            self.cursor, self._followed = 0, None
        self.arrange(stay=not text.strip())

    def set_mode(self, mode: Mode) -> None:
        """Flat, as a tree, or by program; the cursor stays on its process."""
        selected = self.selected
        self.mode, self._followed = mode, None
        self.arrange()
        if selected is not None:
            at = self._find(program(selected) if self.members else _identity(selected))
            self.cursor = self.cursor if at is None else at

    def hide_kernel(self, hidden: bool) -> None:
        """Leave kernel threads out, or not."""
        self.kernel_hidden = hidden
        self.arrange(stay=True)

    # -- moving

    def move_to(self, at: int) -> None:
        """Put the cursor on a row, as near as there is one, and follow nothing."""
        self.cursor = min(max(0, at), max(0, len(self.rows) - 1))
        self._followed = None

    def jump(self, pid: int) -> bool:
        """Put the cursor on a process and follow it, dropping what hides it; false if it is gone."""
        wanted = next((process for process in self._processes if process.pid == pid), None)
        if wanted is None:
            return False
        if self.mode == "programs":
            self.mode = "flat"
            self.arrange()
        identity = _identity(wanted)
        at = self._find(identity)
        if at is None:
            self.kernel_hidden = self.kernel_hidden and not wanted.kernel
            self._folded -= {_identity(one) for one in ancestors([wanted], self._processes)}
            if self.filter_text and not self._filter.select([wanted]):
                self.filter_text, self.problem, self._filter = "", "", parse_filter("")
            self.arrange()
            at = self._find(identity) or 0
        self.move_to(at)
        self._followed = identity
        return True

    @property
    def following(self) -> int | None:
        """The pid that the cursor follows; of a program that of its first process."""
        return None if self._followed is None or self.selected is None else self.selected.pid

    def follow(self, on: bool) -> None:
        """Keep the cursor on its process, wherever the order takes it, until it is moved; or let it go."""
        self._followed = self._key(self.cursor) if on and self.rows else None

    def seek(self, wanted: Filter, step: int, *, here: bool = False) -> bool:
        """Go to the next row (``step`` 1 or -1, round the end) that matches; ``here`` may stay where it is.

        :class:`FilterError` where a pattern takes too long.
        """
        wanted.begin()
        count = len(self.rows)
        for away in range(0 if here else 1, count + (not here)):
            at = (self.cursor + step * away) % count
            if wanted.holds(self.rows[at]):
                self.move_to(at)
                return True
        return False

    # -- tags and folds

    def tag(self) -> None:
        """Tag what is under the cursor, or take its tag away, and go on to the next row."""
        if not self.rows:
            return
        row = self.rows[self.cursor]
        ours = {_identity(process) for process in self.members.get(program(row), (row,))}
        self._tags = self._tags - ours if self.tagged(row) else self._tags | ours
        self.move_to(self.cursor + 1)

    def untag(self) -> None:
        """Take every tag away."""
        self._tags.clear()

    @property
    def tags(self) -> int:
        """How many processes are tagged."""
        return len(self._tags)

    def fold(self, folded: bool | None = None) -> bool:
        """Fold the subtree under the cursor, unfold it, or (``None``) the other; false where nothing changed."""
        twig = self.twig(self.cursor) if self.rows else None
        if twig is None or not twig.parent:
            return False
        identity = _identity(self.rows[self.cursor])
        wanted = identity not in self._folded if folded is None else folded
        if wanted == (identity in self._folded):
            return False
        self._folded ^= {identity}
        self.arrange(stay=True)
        return True

    def fold_all(self) -> None:
        """Fold everything below the roots' children, or unfold all if something is folded."""
        if self._folded:
            self._folded = set()
        else:
            self._folded = {_identity(row) for row, twig in self._trunks() if twig.parent}
        self.arrange(stay=True)

    def _trunks(self) -> Iterator[tuple[Process, Twig]]:
        return ((row, twig) for row, twig in zip(self.rows, self._twigs, strict=True) if twig.depth == 1)

    def to_parent(self) -> None:
        """Go to the parent of the row under the cursor."""
        twig = self.twig(self.cursor) if self.rows else None
        if twig is not None and twig.above is not None:
            self.move_to(next(at for at, one in enumerate(self._twigs) if one is twig.above))


def _identity(process: Process) -> Identity:
    return (process.pid, process.started)
