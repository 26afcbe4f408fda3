"""What an operator does to processes: signals, niceness, I/O priority, affinity.

:class:`Control` takes targets that somebody saw a while ago and tells of each what became of it; nothing raises, and
nothing is done to a process other than the one that was meant.
"""

from engine.control.acts import Act, Affinity, Io, IoClass, Nice, Nicer, Signal
from engine.control.control import Control
from engine.control.outcome import Outcome, Result, Target, summary

__all__ = [
    "Act",
    "Affinity",
    "Control",
    "Io",
    "IoClass",
    "Nice",
    "Nicer",
    "Outcome",
    "Result",
    "Signal",
    "Target",
    "summary",
]
