"""The tree, the programs, and the listing that holds them: each process once, whatever the node says."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.snapshot import Process, Snapshot
from tests.engine.factory import MIB, make_process, make_snapshot
from tests.tui.family import family
from tui.look import make_look
from tui.widgets.process_columns import COLUMNS, order, visible_columns
from tui.widgets.process_groups import members_by_program, program_row
from tui.widgets.process_listing import Listing
from tui.widgets.process_tree import Tree

LOOK = make_look(ascii_only=False, color=True)
ASCII = make_look(ascii_only=True, color=False)


def by_pid(processes: Iterable[Process]) -> list[Process]:
    return order(processes, "pid")


def grown(processes: tuple[Process, ...], folded: frozenset[tuple[int, float]] = frozenset()) -> Tree:
    return Tree(processes, folded, by_pid)


def drawn(tree: Tree) -> list[str]:
    return [twig.prefix(ASCII) + row.name for row, twig in zip(tree.rows, tree.twigs, strict=True)]


def listing(processes: tuple[Process, ...] | None = None) -> Listing:
    made = Listing()
    made.show(sample(processes))
    return made


def sample(processes: tuple[Process, ...] | None = None) -> Snapshot:
    return make_snapshot(processes=family() if processes is None else processes)


def test_processes_stand_under_their_parents() -> None:
    assert drawn(grown(family()))[:10] == [
        "init",
        "|- systemd-journal",
        "|- nginx",
        "|  |- nginx",
        "|  |- nginx",
        "|  `- nginx",
        "|- containerd-shim",
        "|  `- python3",
        "|     |- python3",
        "|     `- python3",
    ]


def test_a_folded_subtree_shows_its_sums_and_how_many_it_hides() -> None:
    shim = next(process for process in family() if process.pid == 500)
    tree = grown(family(), frozenset({(500, shim.started)}))
    assert "|+3 containerd-shim" in drawn(tree)
    row = next(row for row in tree.rows if row.pid == 500)
    assert row.cpu_percent == 351.0
    assert row.rss_bytes == (10 + 4200 + 300 + 310) * MIB
    assert (row.gpu_percent, row.gpu_memory_bytes) == (88.0, 9000 * MIB)
    assert {510, 511, 512}.isdisjoint(row.pid for row in tree.rows)
    assert tree.real[500] is not row


def test_a_recycled_parent_is_no_parent() -> None:
    young = make_process(50, "young", started=900.0)
    orphan = make_process(60, "orphan", ppid=50, started=100.0)
    gone = make_process(70, "gone", ppid=4242)
    assert drawn(grown((young, orphan, gone))) == ["young", "orphan", "gone"]


def test_processes_that_are_their_own_ancestors_are_shown() -> None:
    ring = tuple(
        make_process(pid, f"p{pid}", ppid=parent, started=5.0) for pid, parent in ((10, 12), (11, 10), (12, 11))
    )
    itself = make_process(20, "itself", ppid=20, started=5.0)
    below = make_process(30, "below", ppid=11, started=6.0)
    tree = grown((*ring, itself, below))
    assert sorted(row.pid for row in tree.rows) == [10, 11, 12, 20, 30]


PIDS = st.integers(1, 12)
FAMILIES = st.lists(st.tuples(PIDS, PIDS, st.integers(1, 3)), max_size=14, unique_by=lambda one: one[0]).map(
    lambda rows: tuple(
        make_process(pid, f"p{pid}", ppid=parent, started=float(started), cpu_percent=float(pid))
        for pid, parent, started in rows
    )
)


@given(FAMILIES, st.sets(st.tuples(PIDS, st.sampled_from([1.0, 2.0, 3.0]))))
def test_every_process_is_in_the_tree_once_seen_or_folded(
    processes: tuple[Process, ...], folded: set[tuple[int, float]]
) -> None:
    tree = grown(processes, frozenset(folded))
    pids = [row.pid for row in tree.rows]
    assert len(pids) == len(set(pids))
    assert len(pids) + sum(twig.hidden for twig in tree.twigs) == len(processes)
    for row, twig in zip(tree.rows, tree.twigs, strict=True):
        if twig.above is not None:
            assert tree.rows[tree.twigs.index(twig.above)].pid == row.ppid
        assert twig.prefix(ASCII).isascii()
        if not twig.hidden:
            assert row.cpu_percent == float(row.pid)


def test_a_chain_of_ten_thousand_is_neither_slow_nor_too_deep() -> None:
    chain = tuple(make_process(pid, "link", ppid=pid - 1, started=float(pid)) for pid in range(1, 10_001))
    tree = grown(chain)
    assert [row.pid for row in tree.rows] == list(range(1, 10_001))
    assert len(tree.twigs[-1].prefix(LOOK)) < 60
    folded = grown(chain, frozenset({(2, 2.0)}))
    assert folded.twigs[-1].hidden == 9_998


def test_siblings_are_ordered_by_what_is_shown() -> None:
    made = listing()
    made.set_mode("tree")
    made.sort_by("cpu")
    below = [row.pid for row in made.rows if row.ppid == 1]
    assert below == [300, 400, 500, 600]
    made.jump(500)
    made.fold(True)
    assert next(row.pid for row in made.rows if row.ppid == 1) == 500
    made.sort_by("cpu")
    assert [row.pid for row in made.rows if row.ppid == 1][-1] == 500


def test_programs_are_counted_and_summed() -> None:
    rows = {name: program_row(name, members) for name, members in members_by_program(family()).items()}
    assert rows["python3"].cpu_percent == 351.0
    assert rows["nginx"].user == "several"
    assert rows["python3"].state == "R"
    assert rows["[kworker]"].kernel
    assert rows["vim"].command == "vim /etc/nginx/nginx.conf"


def test_a_program_sorts_by_how_many_it_has() -> None:
    made = listing()
    made.set_mode("programs")
    made.sort_by("pid")
    assert [made.count_of(row) for row in made.rows][:3] == [4, 3, 2]
    made.sort_by("pid")
    assert made.count_of(made.rows[-1]) == 4


def test_a_filter_in_the_tree_keeps_the_ancestors_as_context() -> None:
    made = listing()
    made.set_mode("tree")
    made.set_filter("user=www-data")
    assert [row.pid for row in made.rows] == [1, 400, 401, 402, 403]
    assert made.context == {1, 400}


def test_of_a_wrong_filter_the_beginning_counts_else_the_one_before() -> None:
    made = listing()
    made.set_filter("user=www-data and cpu>")
    assert {row.user for row in made.rows} == {"www-data"}
    assert made.problem == "cpu> needs a value"
    made.set_filter("user=www-data and cpu>4")
    assert [row.pid for row in made.rows] == [402]
    assert made.problem == ""
    made.set_filter("cup>4")
    assert [row.pid for row in made.rows] == [402]
    assert "cup" in made.problem
    made.set_filter("")
    assert len(made.rows) == 17
    assert made.problem == ""


def test_a_share_of_memory_is_of_the_node_that_is_shown() -> None:
    made = Listing()
    made.set_filter("mem>25%")
    made.show(sample())
    assert [row.pid for row in made.rows] == [510]


def test_a_tag_stays_with_its_process_and_not_with_its_number() -> None:
    made = listing()
    made.jump(401)
    made.tag()
    made.jump(510)
    made.tag()
    assert [process.pid for process in made.targets] == [401, 510]
    made.set_filter("vim")
    assert [process.pid for process in made.targets] == [401, 510]
    recycled = tuple(
        msgspec.structs.replace(process, started=9999.0) if process.pid == 401 else process for process in family()
    )
    made.show(sample(recycled))
    assert [process.pid for process in made.targets] == [510]
    made.untag()
    assert [process.pid for process in made.targets] == [602]


def test_a_tag_on_a_program_is_one_on_all_of_it_and_a_second_takes_it_away() -> None:
    made = listing()
    made.set_mode("programs")
    at = next(at for at, row in enumerate(made.rows) if row.name == "nginx")
    made.move_to(at)
    assert [process.pid for process in made.targets] == [400, 401, 402, 403]
    made.tag()
    assert made.tags == 4
    assert made.cursor == at + 1
    made.move_to(at)
    made.tag()
    assert made.tags == 0


def test_targets_of_a_folded_subtree_is_the_process_as_it_is() -> None:
    made = listing()
    made.set_mode("tree")
    made.jump(500)
    made.fold(True)
    assert made.rows[made.cursor].cpu_percent == 351.0
    assert made.targets == (next(process for process in family() if process.pid == 500),)


def test_jumping_brings_a_process_out_of_every_hiding_place() -> None:
    made = listing()
    made.set_mode("tree")
    made.fold_all()
    assert all(row.pid != 511 for row in made.rows)
    assert made.jump(511)
    assert made.selected is not None
    assert made.selected.pid == made.following == 511
    made.hide_kernel(True)
    assert made.jump(3)
    assert not made.kernel_hidden
    made.set_filter("vim")
    assert made.jump(4)
    assert made.filter_text == ""
    made.set_mode("programs")
    assert made.jump(402)
    assert made.mode == "flat"
    assert not made.jump(123456)


def test_the_cursor_stays_on_its_process_from_mode_to_mode() -> None:
    made = listing()
    made.jump(512)
    for mode in ("tree", "flat", "tree"):
        made.set_mode(mode)
        assert made.selected is not None
        assert made.selected.pid == 512
    made.set_mode("programs")
    assert made.rows[made.cursor].name == "python3"


def test_columns_that_were_chosen_keep_their_order_and_the_command_its_place() -> None:
    chosen = ("command", "unit", "pid", "container", "cpu")
    assert [column.key for column in visible_columns(120, chosen)] == list(chosen)
    assert [column.key for column in visible_columns(40, chosen)] == ["command", "unit"]
    assert [column.key for column in visible_columns(5, chosen)] == ["command"]
    assert [column.key for column in visible_columns(5, ("pid", "cpu"))] == ["pid"]


@given(st.integers(0, 250), st.lists(st.sampled_from([column.key for column in COLUMNS]), unique=True))
def test_there_is_always_a_column(width: int, chosen: list[str]) -> None:
    assert visible_columns(width, chosen)


def test_every_column_sorts_and_turns_round() -> None:
    for column in COLUMNS:
        rows = order(family(), column.key)
        turned = order(family(), column.key, reverse=True)
        assert column.sort(rows[0]) == column.sort(turned[-1])
        assert len(rows) == len(turned) == 17
