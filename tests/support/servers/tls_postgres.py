"""A PostgreSQL server that speaks nothing but TLS. The embedded one cannot: this is Debian's, where it is installed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from deploy.local.processes.unprivileged import own
from tests.support.servers.certificates import OPENSSL, make_certificate
from tests.support.servers.debian_postgres import INSTALLED, DebianPostgres

ABSENT: Final = "needs openssl and Debian's postgresql" if not (INSTALLED and OPENSSL) else ""
RULES: Final = "hostssl all all 127.0.0.1/32 scram-sha-256\nlocal all all scram-sha-256\n"


class TlsPostgres(DebianPostgres):
    """Its certificate is for 127.0.0.1, signed by itself; `certificate` is known once started."""

    @property
    def certificate(self) -> Path:
        """What a client has to trust."""
        return self._folder / "certificate.pem"

    def _run_initdb(self, cluster: Path, password: Path) -> None:
        super()._run_initdb(cluster, password)
        (cluster / "pg_hba.conf").write_text(RULES, encoding="ascii")
        make_certificate(cluster / "server.key", cluster / "server.crt")
        own(cluster / "server.key", self._account, 0o600)
        own(cluster / "server.crt", self._account, 0o644)
        shutil.copy(cluster / "server.crt", self.certificate)

    def _settings(self, port: int) -> dict[str, str]:
        return {**super()._settings(port), "ssl": "on"}
