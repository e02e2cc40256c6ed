"""What `posada up` shows while everything runs: how each copy does, and what was started again."""

from __future__ import annotations

import time
from typing import Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from deploy.local.choice import Backends
from posada.cluster.cluster import LocalCluster
from posada.cluster.instance import Health
from posada.cluster.lag import LagMeter
from posada.cluster.supervisor import Supervisor
from posada.output import table

REFRESH_S: Final = 1.0


def farewell(backends: Backends) -> str:
    """What becomes of the data, in the last words."""
    return (
        "stopping; the data is kept" if backends.keeps_data else "stopping; the containers go, and the data with them"
    )


def keep_running(console: Console, cluster: LocalCluster) -> None:
    """Show how everything does and start again what ended, until we are interrupted.

    Raises:
        BackendFailed: when Kafka or PostgreSQL does not stay.
    """
    meter = LagMeter(cluster.kafka_bootstrap, [one.service for one in cluster.services if one.number == 1])
    console.print(f"Posada runs on {cluster.backends.describe()}; Kafka at {cluster.kafka_bootstrap}", markup=False)
    console.print(f"logs are in {cluster.data_dir / 'logs'}; Ctrl-C stops everything", markup=False, soft_wrap=True)
    screen = Screen(console, cluster, meter)
    supervisor = Supervisor(cluster)
    with screen:
        while True:
            healths = [one.health() for one in cluster.services]
            screen.show(healths, supervisor.remarks)
            supervisor.restart_ended(all_ready=all(one.ready for one in healths))
            time.sleep(REFRESH_S)


class Screen:
    """The status: a table that renews itself in a terminal, lines about what changed elsewhere."""

    def __init__(self, console: Console, cluster: LocalCluster, meter: LagMeter) -> None:
        self._console = console
        self._cluster = cluster
        self._meter = meter
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._shown: dict[str, str] = {}

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, healths: list[Health], remarks: list[str]) -> None:
        """Show how every copy does now."""
        if self._live:
            remark = Text("\n".join(remarks), style="yellow")
            self._live.update(Group(self._table(healths), remark), refresh=True)
            return
        for one, health in zip(self._cluster.services, healths, strict=True):
            state = health.trouble or "ready"
            self._show_once(one.name, f"{one.name} (process {health.pid}, {one.url}): {state}")
        for said in remarks:
            self._show_once(said, said)

    def _show_once(self, name: str, line: str) -> None:
        if self._shown.get(name) != line:
            self._shown[name] = line
            self._console.print(line, markup=False, soft_wrap=True)

    def _table(self, healths: list[Health]) -> Table:
        rows = [
            (
                Text(one.name, no_wrap=True),
                one.port,
                health.pid,
                Text("ready", style="green")
                if health.ready
                else Text(str(health.trouble), style="red", no_wrap=True, overflow="ellipsis"),
                health.partitions,
                health.handled,
                self._meter.of(one.service) if one.number == 1 else None,
                health.dead_letters or "",
            )
            for one, health in zip(self._cluster.services, healths, strict=True)
        ]
        columns = ("service", ">port", ">process", "state", ">shares", ">handled", ">waiting", ">dead")
        return table("", columns, rows)
