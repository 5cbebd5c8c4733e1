"""Starts a program that ends when the one who asked for it ends, however that comes about.

Run as `python guard.py PARENT_PID PROGRAM [ARG …]`. On Linux the kernel sends the program
SIGKILL when its parent is gone (prctl(2), PR_SET_PDEATHSIG; the setting outlives execve(2)).
Elsewhere the program is only ended by an orderly stop.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    """Bind this process to its parent and become the program."""
    parent, program = int(argv[0]), argv[1:]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it went between the fork and the line above
        sys.exit(1)
    os.execv(program[0], program)


if __name__ == "__main__":
    main(sys.argv[1:])
