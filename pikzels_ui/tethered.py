"""Become another program, one that is told to stop when the process that started it dies.

Run by the supervisor as `python tethered.py PARENT COMMAND…`. A program of its own, because the
other place for it, Popen's `preexec_fn`, runs Python between fork and exec, which can deadlock as
soon as the parent has a second thread. Only the standard library, and little of it: it is on the
way of each start.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tie_to(parent: int) -> None:
    """Have the kernel send us SIGTERM when process `parent` dies, and end if it did already.

    The wish survives exec. Raises OSError where the kernel refuses it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "The kernel refused PR_SET_PDEATHSIG")
    # It may have died before the kernel knew of our wish: then there is nobody to run for.
    if os.getppid() != parent:
        sys.exit(f"The process that asked for this, {parent}, has gone.")


if __name__ == "__main__":
    tie_to(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
