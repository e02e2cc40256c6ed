"""Finds the account for a program that refuses to run as root, and lets it reach the folders it needs."""

import os
import pwd
from pathlib import Path
from typing import Final

from deploy.local.processes.process import Account

# It exists on every system, and making an account of our own would change the machine.
UNPRIVILEGED: Final = "nobody"
SEARCH_BY_OTHERS: Final = 0o001


def unprivileged_account() -> Account | None:
    """The account to switch to; None when we are not root and there is nothing to give up."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(UNPRIVILEGED)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def own(path: Path, account: Account | None, mode: int) -> None:
    """Give a file or folder to the account, with these permissions."""
    if account is not None:
        os.chown(path, account.uid, account.gid)
    path.chmod(mode)


def opened_way(path: Path, account: Account | None) -> list[Path]:
    """Let the account pass through the folders above `path`, and return those that had been closed.

    Others get the right to pass, not to list: no more than the server needs, as root's own folders and temporary
    ones are closed by default.
    """
    if account is None:
        return []
    closed = [folder for folder in path.resolve().parents if not folder.stat().st_mode & SEARCH_BY_OTHERS]
    for folder in closed:
        folder.chmod(folder.stat().st_mode | SEARCH_BY_OTHERS)
    return closed
