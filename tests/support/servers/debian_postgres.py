"""Debian's PostgreSQL, where it is installed: older than the embedded one, and with everything that it can do."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deploy.local.postgres import NOT_DURABLE, EmbeddedPostgres

INSTALLED: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
ABSENT: Final = "" if INSTALLED else "needs Debian's postgresql"


class DebianPostgres(EmbeddedPostgres):
    """A server of the newest version that is installed; what it keeps need not survive."""

    initdb_flags = ()  # the builtin locales began with PostgreSQL 17

    @property
    def name(self) -> str:
        return "Debian's PostgreSQL"

    @property
    def _programs(self) -> Path:
        return INSTALLED[-1].parent

    def _settings(self, port: int) -> dict[str, str]:
        return super()._settings(port) | NOT_DURABLE
