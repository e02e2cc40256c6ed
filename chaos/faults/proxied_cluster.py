"""A local cluster whose services reach Kafka and their databases through TCP proxies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from chaos.faults.plan import BROKER_PROXY, database_proxy
from chaos.faults.tcp_proxy import TcpProxies
from deploy.local.backend import Progress
from deploy.local.choice import Backends, choose_backends
from deploy.local.kafka.server import EmbeddedKafka
from deploy.local.kafka.settings import broker_settings
from deploy.local.processes.folders import LOOPBACK, kept_ports
from deploy.local.processes.server import EmbeddedServer
from posada.cluster.cluster import LocalCluster

LISTENER: Final = "PROXY"


class ProxiedCluster(LocalCluster):
    """Proxies are used where broker and database are our own: other servers' addresses cannot be changed."""

    def __init__(self, data_dir: Path, proxies: TcpProxies, **options: Any) -> None:
        super().__init__(data_dir, choose=self._choose, **options)
        self.proxies = proxies

    def addresses(self, service: str) -> dict[str, str]:
        """The proxies' addresses."""
        variables = super().addresses(service)
        if isinstance(self.backends.postgres, EmbeddedServer):
            variables["POSADA_DATABASE_URL"] = self._proxied(service, variables["POSADA_DATABASE_URL"])
        if BROKER_PROXY in self.proxies.names:
            variables["POSADA_KAFKA_BOOTSTRAP"] = f"{LOOPBACK}:{self.proxies.open(BROKER_PROXY, 0)}"
        return variables

    def _proxied(self, service: str, url: str) -> str:
        parts = urlsplit(url)
        port = self.proxies.open(database_proxy(service), parts.port or 0)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition(":")[0] + f":{port}"))

    def _choose(self, data_dir: Path, environ: Mapping[str, str], on_progress: Progress, **options: Any) -> Backends:
        """Kafka with a second listener, which sends its clients to the proxy."""
        backends = choose_backends(data_dir, environ, on_progress, **options)
        if not isinstance(backends.kafka, EmbeddedKafka):
            return backends
        data_dir.mkdir(parents=True, exist_ok=True)
        ports = kept_ports(data_dir / "proxy.json", {"broker": None, "controller": None, "listener": None})
        proxy = self.proxies.open(BROKER_PROXY, ports["listener"])
        settings = broker_settings(ports["broker"], ports["controller"], "log")
        more = {
            "listeners": f"{settings['listeners']},{LISTENER}://{LOOPBACK}:{ports['listener']}",
            "advertised.listeners": f"{settings['advertised.listeners']},{LISTENER}://{LOOPBACK}:{proxy}",
            "listener.security.protocol.map": f"{settings['listener.security.protocol.map']},{LISTENER}:PLAINTEXT",
        }
        kafka = EmbeddedKafka(
            data_dir / "kafka",
            ports["broker"],
            controller_port=ports["controller"],
            on_progress=on_progress,
            more_settings=more,
        )
        return Backends(backends.where, kafka, backends.postgres)
