"""Stands where a shell with job control stands: leads the session of a terminal and runs one program in it.

    python leader.py REPORT CONTROL PROGRAM [ARGUMENT ...]

Writes the program's pid and later its exit code (minus the number of the signal that ended it) as lines to the
descriptor REPORT, marks the end of the output on the terminal, and stays until CONTROL reaches its end of file: when
the leader of a session goes, the kernel hangs the terminal up. When the program stops, as by Ctrl-Z, the leader takes
the foreground and reports the word ``stopped``; a byte on CONTROL then does what ``fg`` does.
"""

import fcntl
import os
import signal
import sys
import termios

END = b"\x1b]777;ended\x07"


def main(report: int, control: int, program: list[str]) -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    go_read, go_write = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(go_read, 1)  # until it is in the foreground
        os.closerange(3, max(report, control, go_read, go_write) + 1)
        os.execvp(program[0], program)
    os.setpgid(child, child)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(0, child)
    os.write(report, b"%d\n" % child)
    os.write(go_write, b"!")
    status = os.waitpid(child, os.WUNTRACED)[1]
    while os.WIFSTOPPED(status):
        os.tcsetpgrp(0, os.getpgrp())
        os.write(report, b"stopped\n")
        os.read(control, 1)
        os.tcsetpgrp(0, child)
        os.killpg(child, signal.SIGCONT)
        status = os.waitpid(child, os.WUNTRACED)[1]
    code = os.waitstatus_to_exitcode(status)
    os.write(1, END)
    os.write(report, b"%d\n" % code)
    os.read(control, 1)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
