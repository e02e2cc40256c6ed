"""A cluster whose services reach Kafka and their databases over lines of ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from chaos.faults.plan import BROKER_LINE, database_line
from chaos.faults.tcp_proxy import TcpProxies
from deploy.local.backend import Progress
from deploy.local.choice import Backends, choose_backends
from deploy.local.kafka.server import EmbeddedKafka
from deploy.local.kafka.settings import broker_settings
from deploy.local.processes.folders import LOOPBACK, kept_ports
from deploy.local.processes.server import EmbeddedServer
from posada.cluster.cluster import LocalCluster

LISTENER: Final = "LINE"


class ProxiedCluster(LocalCluster):
    """As a cluster; over lines where broker and database are our own, since others' addresses are not ours to bend."""

    def __init__(self, data_dir: Path, lines: TcpProxies, **told: Any) -> None:
        super().__init__(data_dir, choose=self._choose, **told)
        self.lines = lines

    def addresses(self, service: str) -> dict[str, str]:
        """Where our lines are."""
        told = super().addresses(service)
        if isinstance(self.backends.postgres, EmbeddedServer):
            told["POSADA_DATABASE_URL"] = self._lined(service, told["POSADA_DATABASE_URL"])
        if BROKER_LINE in self.lines.names:
            told["POSADA_KAFKA_BOOTSTRAP"] = f"{LOOPBACK}:{self.lines.lay(BROKER_LINE, 0)}"
        return told

    def _lined(self, service: str, url: str) -> str:
        parts = urlsplit(url)
        port = self.lines.lay(database_line(service), parts.port or 0)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition(":")[0] + f":{port}"))

    def _choose(self, data_dir: Path, environ: Mapping[str, str], on_progress: Progress, **told: Any) -> Backends:
        """Kafka with a second listener, which tells its clients to come over the line."""
        parts = choose_backends(data_dir, environ, on_progress, **told)
        if not isinstance(parts.kafka, EmbeddedKafka):
            return parts
        data_dir.mkdir(parents=True, exist_ok=True)
        ports = kept_ports(data_dir / "line.json", {"broker": None, "controller": None, "listener": None})
        line = self.lines.lay(BROKER_LINE, ports["listener"])
        settings = broker_settings(ports["broker"], ports["controller"], "log")
        more = {
            "listeners": f"{settings['listeners']},{LISTENER}://{LOOPBACK}:{ports['listener']}",
            "advertised.listeners": f"{settings['advertised.listeners']},{LISTENER}://{LOOPBACK}:{line}",
            "listener.security.protocol.map": f"{settings['listener.security.protocol.map']},{LISTENER}:PLAINTEXT",
        }
        kafka = EmbeddedKafka(
            data_dir / "kafka",
            ports["broker"],
            controller_port=ports["controller"],
            on_progress=on_progress,
            more_settings=more,
        )
        return Backends(parts.where, kafka, parts.postgres)
