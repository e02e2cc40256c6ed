"""Debian's PostgreSQL, where it is installed: older than the embedded one, and with everything that it can do."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deploy.local.embedded import START_TIMEOUT_S
from deploy.local.folders import LOOPBACK
from deploy.local.postgres import ADMIN, EmbeddedPostgres, quoted
from deploy.local.processes import Process, run_to_end

INSTALLED: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
ABSENT: Final = "" if INSTALLED else "needs Debian's postgresql"


@contextmanager
def folder_of_its_own() -> Iterator[Path]:
    """A folder outside of pytest's, which the next session closes to PostgreSQL's account when it starts."""
    with tempfile.TemporaryDirectory(prefix="posada-tests-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


class DebianPostgres(EmbeddedPostgres):
    """A server of the newest version that is installed; what it keeps need not survive."""

    @property
    def name(self) -> str:
        return "Debian's PostgreSQL"

    def _run_initdb(self, cluster: Path, password: Path) -> None:
        words = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", f"--username={ADMIN}", f"--pwfile={password}"]
        argv = [str(INSTALLED[-1].with_name("initdb")), f"--pgdata={cluster}", *words]
        run_to_end(
            Process("initdb", argv, None, self.log_file, account=self._account, cwd=self._folder), START_TIMEOUT_S
        )

    def _settings(self, port: int) -> dict[str, str]:
        return {
            "listen_addresses": LOOPBACK,
            "port": str(port),
            "unix_socket_directories": quoted(self.socket_dir),
            "fsync": "off",
        }

    def _server_process(self, port: int) -> Process:
        flags = [part for key, value in self._settings(port).items() for part in ("-c", f"{key}={value}")]
        return Process(
            "PostgreSQL",
            [str(INSTALLED[-1]), "-D", str(self._cluster), *flags],
            None,
            self.log_file,
            pid_file=self._pid_file,
            account=self._account,
            stop_signal=signal.SIGINT,
            orphan_signal=signal.SIGINT,
        )
