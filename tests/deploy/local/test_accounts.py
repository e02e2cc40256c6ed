"""An account is let through the folders above what it needs, and nothing more."""

from pathlib import Path

from deploy.local.processes.process import Account
from deploy.local.processes.unprivileged import opened_way


def mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


def test_closed_folders_are_opened_for_passing_only(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    listed = closed / "listed"
    target = listed / "data"
    target.mkdir(parents=True)
    closed.chmod(0o700)
    listed.chmod(0o755)
    target.chmod(0o700)

    opened = opened_way(target, Account("guest", 12345, 12345))

    assert closed in opened
    assert listed not in opened
    assert (mode(closed), mode(listed), mode(target)) == (0o701, 0o755, 0o700)
    assert opened_way(target, Account("guest", 12345, 12345)) == []


def test_without_a_switch_nothing_is_touched(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    assert opened_way(tmp_path / "data", None) == []
    assert mode(tmp_path) == 0o700
