"""Becomes another program that the kernel ends together with the process that asked for it."""

# A program of its own, run by processes.py with `python -I -S`: code between fork and exec in a process that
# has threads may deadlock, and the kernel forgets the tie when credentials change, so the order matters.

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1
CANNOT_RUN = 127


def main(arguments: Sequence[str]) -> None:
    """Run `arguments`: the parent's pid, the signal for an orphan, uid and gid (-1 keeps them), then the program."""
    parent, orphan_signal, uid, gid = (int(number) for number in arguments[:4])
    program = list(arguments[4:])
    try:
        change_account(uid, gid)
        tie_to(parent, orphan_signal)
        restore_signals()
        os.execvp(program[0], program)  # noqa: S606  # no shell is the point
    except OSError as error:
        sys.stderr.write(f"cannot run {program[0]}: {error}\n")
    sys.exit(CANNOT_RUN)


def change_account(uid: int, gid: int) -> None:
    """Give up root for another account, and with it every supplementary group."""
    if uid < 0:
        return
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def tie_to(parent: int, orphan_signal: int) -> None:
    """Ask Linux to signal us when the parent ends; elsewhere there is no such request and nothing happens."""
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, orphan_signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl refused")
    if os.getppid() != parent:  # it ended before we asked
        sys.exit(CANNOT_RUN)


def restore_signals() -> None:
    """Undo what Python sets at its start and what exec would hand on."""
    for name in ("SIGPIPE", "SIGXFSZ"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)


if __name__ == "__main__":
    main(sys.argv[1:])
