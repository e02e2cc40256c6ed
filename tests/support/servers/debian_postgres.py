"""Debian's PostgreSQL, where it is installed: older than the embedded one, and with everything that it can do."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deploy.local.postgres import EmbeddedPostgres

INSTALLED: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
ABSENT: Final = "" if INSTALLED else "needs Debian's postgresql"


@contextmanager
def folder_of_its_own() -> Iterator[Path]:
    """A folder outside of pytest's, which the next session closes to PostgreSQL's account when it starts."""
    with tempfile.TemporaryDirectory(prefix="posada-tests-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


class DebianPostgres(EmbeddedPostgres):
    """A server of the newest version that is installed; what it keeps need not survive."""

    initdb_flags = ()  # the builtin locales began with PostgreSQL 17

    @property
    def name(self) -> str:
        return "Debian's PostgreSQL"

    @property
    def _programs(self) -> Path:
        return INSTALLED[-1].parent
