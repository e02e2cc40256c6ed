"""A PostgreSQL server that speaks nothing but TLS. The embedded one cannot: this is Debian's, where it is installed."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Final

from deploy.local.accounts import own
from deploy.local.embedded import START_TIMEOUT_S
from deploy.local.folders import LOOPBACK
from deploy.local.postgres import ADMIN, EmbeddedPostgres, quoted
from deploy.local.processes import Process, run_to_end

INSTALLED: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
OPENSSL: Final = shutil.which("openssl") or ""
ABSENT: Final = "needs openssl and Debian's postgresql" if not (INSTALLED and OPENSSL) else ""
RULES: Final = "hostssl all all 127.0.0.1/32 scram-sha-256\nlocal all all scram-sha-256\n"


class TlsPostgres(EmbeddedPostgres):
    """Its certificate is for 127.0.0.1, signed by itself; `certificate` is known once started."""

    @property
    def name(self) -> str:
        return "Debian's PostgreSQL"

    @property
    def certificate(self) -> Path:
        """What a client has to trust."""
        return self._folder / "certificate.pem"

    def _run_initdb(self, cluster: Path, password: Path) -> None:
        words = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", f"--username={ADMIN}", f"--pwfile={password}"]
        argv = [str(INSTALLED[-1].with_name("initdb")), f"--pgdata={cluster}", *words]
        run_to_end(
            Process("initdb", argv, None, self.log_file, account=self._account, cwd=self._folder), START_TIMEOUT_S
        )
        (cluster / "pg_hba.conf").write_text(RULES, encoding="ascii")
        make_certificate(cluster / "server.key", cluster / "server.crt")
        own(cluster / "server.key", self._account, 0o600)
        own(cluster / "server.crt", self._account, 0o644)
        shutil.copy(cluster / "server.crt", self.certificate)

    def _server_process(self, port: int) -> Process:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(port),
            "unix_socket_directories": quoted(self.socket_dir),
            "ssl": "on",
            "fsync": "off",
        }
        flags = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
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


def make_certificate(key: Path, certificate: Path) -> None:
    """A key and a certificate for 127.0.0.1, valid for two days."""
    words = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=posada -addext subjectAltName=IP:{LOOPBACK}"
    subprocess.run([OPENSSL, *words.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
