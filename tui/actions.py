"""Every action of the dashboard once: its keys, its word in the key line, its sentence in help and palette."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from textual.binding import Binding, BindingType

_SHOWN = {
    "question_mark": "?",
    "slash": "/",
    "colon": ":",
    "ctrl+c": "^C",
    "ctrl+z": "^Z",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "escape": "Esc",
    "enter": "Enter",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "space": "Space",
    "backspace": "Backspace",
    "number_sign": "#",
    "plus": "+",
    "minus": "-",
    "asterisk": "*",
    "ctrl+f": "^F",
    "ctrl+b": "^B",
    "ctrl+g": "^G",
    "shift+f3": "S-F3",
    "f15": "S-F3",  # what xterm and its kin send for it
    "left": "Left",
    "right": "Right",
    "up": "Up",
    "down": "Down",
    "home": "Home",
    "end": "End",
    "tab": "Tab",
    "shift+tab": "Shift-Tab",
}


@dataclass(frozen=True)
class Action:
    """One thing that the operator can do. ``name`` is the Textual action on the dashboard screen."""

    name: str
    keys: tuple[str, ...]
    help: str
    group: str
    footer: str = ""
    """Its word in the key line; empty leaves it out."""
    needed: bool = False
    """Stays in the key line when room is short."""
    acts: bool = False
    """It changes processes: hidden where telltop looks only."""

    @property
    def shown_key(self) -> str:
        """The first key as people write it."""
        return show_key(self.keys[0])


def show_key(key: str) -> str:
    """``question_mark`` is ``?``, ``f1`` is ``F1``, a letter is itself."""
    if key in _SHOWN:
        return _SHOWN[key]
    return key.upper() if len(key) > 1 and key[0] == "f" and key[1:].isdigit() else key


ACTIONS: tuple[Action, ...] = (
    Action("help", ("f1", "question_mark", "h"), "Show this help", "General", "help", needed=True),
    Action(
        "filter",
        ("slash", "f4"),
        "Filter: words, cpu>10, mem>1g, user=, name~, and or not ( )",
        "Processes",
        "filter",
        needed=True,
    ),
    Action("mode('tree')", ("t", "f5"), "Show processes under their parents; once more a list", "Processes", "tree"),
    Action("sort_next(1)", ("f6", "greater_than_sign"), "Sort by the next column", "Processes"),
    Action("sort_next(-1)", ("less_than_sign",), "Sort by the column before", "Processes"),
    Action(
        "signal",
        ("k", "f9"),
        "Send a signal to the process, or to those that are tagged",
        "Processes",
        "signal",
        acts=True,
    ),
    Action("detail", ("d",), "Show the process under the cursor whole", "Processes", "detail"),
    Action("analyze", ("a",), "Write an analysis of the node now; once more stops it", "Words", "analyse", needed=True),
    Action("ask", ("i",), "Ask about the node", "Words", "ask", needed=True),
    Action("explain", ("e",), "Ask what the process under the cursor is doing", "Words", "explain"),
    Action("freeze", ("p",), "Freeze the figures; once more goes on", "General", "freeze"),
    Action("palette", ("colon", "ctrl+p"), "Find a command by name", "General", "command"),
    Action("leave", ("q", "f10"), "Quit", "General", "quit", needed=True),
    Action("open", ("enter",), "Show the analysis whole", "Words"),
    Action("copy", ("y",), "Copy the newest answer, or the analysis, to the clipboard", "Words"),
    Action("forget", ("ctrl+l",), "Begin a new conversation", "Words"),
    Action("stop", ("escape",), "Stop the writing, leave the prompt, or close what is zoomed", "General"),
    Action("suspend", ("ctrl+z",), "Back to the shell for a while; fg returns", "General"),
    Action("copy_or_leave", ("ctrl+c",), "Copy what is selected, or quit", "General"),
    Action("filter_user", ("u",), "Filter by user", "Processes"),
    Action("search", ("f3",), "Go to the next match, or type what to search for", "Processes"),
    Action("search_anew", ("ctrl+f",), "Search for something, without hiding the rest", "Processes"),
    Action("search_back", ("ctrl+b", "shift+f3", "f15"), "Go to the match before", "Processes"),
    Action("goto", ("number_sign", "ctrl+g"), "Go to a process by its pid", "Processes"),
    Action("tag", ("space",), "Tag the process; what is done is then done to all tagged", "Processes"),
    Action("untag", ("backspace",), "Take all tags away", "Processes"),
    Action("mode('programs')", ("b",), "Show a row for each program; once more a list", "Processes"),
    Action("kernel", ("K",), "Hide kernel threads, or show them", "Processes"),
    Action("columns", ("f2", "C"), "Choose the columns and their order", "Processes"),
    Action("fold(True)", ("minus",), "Fold the subtree: its row shows the sums", "Processes"),
    Action("fold(False)", ("plus",), "Unfold the subtree", "Processes"),
    Action("fold_all", ("asterisk",), "Fold all subtrees, or unfold them", "Processes"),
    Action("sideways(-1)", ("left",), "Fold, or go to the parent; outside of the tree: commands back", "Processes"),
    Action("sideways(1)", ("right",), "Unfold; outside of the tree: see more of long commands", "Processes"),
    Action("follow", ("F",), "Follow the process under the cursor until it is moved", "Processes"),
    Action("sort_by('cpu')", ("P",), "Sort by processor", "Processes"),
    Action("sort_by('res')", ("M",), "Sort by memory", "Processes"),
    Action("sort_by('time')", ("T",), "Sort by processor time", "Processes"),
    Action("sort_by('pid')", ("N",), "Sort by pid", "Processes"),
    Action("sort_by('user')", ("U",), "Sort by user", "Processes"),
    Action("reverse", ("I", "r"), "Turn the order round", "Processes"),
    Action("nicer(-1)", ("f7", "right_square_bracket"), "Serve it sooner: lower its niceness", "Processes", acts=True),
    Action("nicer(1)", ("f8", "left_square_bracket"), "Serve it later: raise its niceness", "Processes", acts=True),
    Action("renice", ("n",), "Choose its niceness", "Processes", acts=True),
    Action("ionice", ("o",), "Choose its I/O priority", "Processes", acts=True),
    Action("affinity", ("A",), "Choose the processors that it may run on", "Processes", acts=True),
    Action("move(-1)", ("up",), "Move up", "Processes"),
    Action("move(1)", ("down",), "Move down", "Processes"),
    Action("move_page(-1)", ("pageup",), "Move up a page", "Processes"),
    Action("move_page(1)", ("pagedown",), "Move down a page", "Processes"),
    Action("move(-1000000)", ("home", "g"), "Move to the first", "Processes"),
    Action("move(1000000)", ("end", "G"), "Move to the last", "Processes"),
    Action("focus_findings", ("f",), "Go to the findings; Enter there jumps to the process", "General"),
    Action("zoom('cpu')", ("1",), "Zoom the processor panel; once more goes back", "Panels"),
    Action("zoom('memory')", ("2",), "Zoom memory", "Panels"),
    Action("zoom('pressure')", ("3",), "Zoom pressure", "Panels"),
    Action("zoom('disks')", ("4",), "Zoom disks", "Panels"),
    Action("zoom('network')", ("5",), "Zoom network", "Panels"),
    Action("zoom('gpu')", ("6",), "Zoom GPUs", "Panels"),
    Action("zoom('processes')", ("7",), "Zoom the process table", "Panels"),
    Action("zoom('analysis')", ("8",), "Zoom the analysis", "Panels"),
)


def bindings() -> list[BindingType]:
    """Textual bindings of every key.

    They have priority, so that a key takes effect before the next one is looked at: over a slow line several arrive
    at once, and what follows ``i`` belongs to the prompt. ``DashboardScreen.check_action`` holds them back while
    somebody types.
    """
    return [Binding(",".join(action.keys), action.name, action.help, show=False, priority=True) for action in ACTIONS]


def available(*, read_only: bool = False) -> tuple[Action, ...]:
    """The actions that are offered; none that changes a process where telltop looks only."""
    return tuple(action for action in ACTIONS if not (read_only and action.acts))


def by_group(*, read_only: bool = False) -> list[tuple[str, list[Action]]]:
    """The actions for the help screen, group by group in order of first appearance."""
    order: list[str] = []
    offered = available(read_only=read_only)
    for action in offered:
        if action.group not in order:
            order.append(action.group)
    ordered = sorted(offered, key=lambda action: order.index(action.group))
    return [(group, list(members)) for group, members in groupby(ordered, key=lambda action: action.group)]
