"""Takes the terminal as a dashboard does, says so, and ends in the way that its first argument names."""

import os
import sys
import termios
import tty
from pathlib import Path

from tui.terminal import own_terminal

MODES = (1049, 1000, 1002, 1003, 1006, 1015, 1004, 2004, 2048, 2026)


def main(ending: str, log: Path) -> None:
    print("what stood here before", flush=True)
    with own_terminal(log):
        before = termios.tcgetattr(0)
        os.write(2, b"native noise\n")
        sys.stderr.write("".join(f"\x1b[?{mode}h" for mode in MODES) + "\x1b[?7l\x1b[>25u\x1b[?25l\x1b[31m\x1b[2J")
        tty.setraw(0, termios.TCSANOW)
        sys.stderr.write(f"drawn by {os.getpid()} with {os.get_terminal_size(sys.stdout.fileno()).columns} columns")
        sys.stderr.write("\x1b[38;5;")  # a sequence that is never finished
        sys.stderr.flush()
        sys.stdin.read(1)
        if ending == "abort":
            os.abort()
        if ending == "error":
            raise RuntimeError
        termios.tcsetattr(0, termios.TCSANOW, before)
        sys.stderr.write("m" + "".join(f"\x1b[?{mode}l" for mode in reversed(MODES)) + "\x1b[0m\x1b[?7h\x1b[?25h")
    print("and after")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
