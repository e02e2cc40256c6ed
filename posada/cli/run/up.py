"""posada up: everything on this machine, with a live status, until Ctrl-C."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from posada.cli.options import HERE, Data, known_service
from posada.cli.progress import progress_on
from posada.cli.signals import one_interruption, undisturbed
from posada.output import err, out, table

if TYPE_CHECKING:
    from deploy.local.choice import Backends
    from posada.cluster.cluster import LocalCluster
    from posada.cluster.instance import Health
    from posada.cluster.lag import LagMeter

REFRESH_S: Final = 1.0

Scale = Annotated[
    list[str] | None, typer.Option("--scale", metavar="SERVICE=COPIES", help="Several copies of a service; repeat it.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(up)


def up(data: Data = HERE, scale: Scale = None) -> None:
    """Start Kafka, PostgreSQL and the five services, and keep them running until Ctrl-C.

    What ends by itself is started again; where Kafka or PostgreSQL does not stay, everything stops, with exit code 4.
    Data is kept from run to run, except by containers (POSADA_PARTS=docker).
    """
    from posada.cluster.cluster import LocalCluster  # noqa: PLC0415  # needs the dependency group `local`, other commands don't

    copies = dict(map(copies_of, scale or ()))
    console = out()
    with one_interruption():
        with progress_on(err(), "starting Posada") as report:
            cluster = LocalCluster(data, scale=copies, on_progress=report, keeping_data=True)
            cluster.start()
        try:
            keep_running(console, cluster)
        except KeyboardInterrupt:
            console.print(f"\n{farewell(cluster.backends)}", markup=False)
        finally:
            with undisturbed():
                cluster.stop()
    console.print("stopped", markup=False)


def farewell(backends: Backends) -> str:
    """What becomes of the data, in the last words."""
    return (
        "stopping; the data is kept" if backends.keeps_data else "stopping; the containers go, and the data with them"
    )


def copies_of(text: str) -> tuple[str, int]:
    """A service and its number of copies, from booking=2."""
    name, _, number = text.partition("=")
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= 20):  # noqa: PLR2004
        raise typer.BadParameter(f"{text}: write SERVICE=COPIES with 1 to 20 copies, e.g. booking=2")
    return known_service(name), int(number)


def keep_running(console: Console, cluster: LocalCluster) -> None:
    """Show how everything does and start again what ended, until we are interrupted.

    Raises:
        BackendFailed: when Kafka or PostgreSQL does not stay.
    """
    from posada.cluster.lag import LagMeter  # noqa: PLC0415  # see up
    from posada.cluster.supervisor import Supervisor  # noqa: PLC0415  # see up

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

    def __enter__(self) -> Screen:
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
