"""posada up: everything on this machine, with a live status, until Ctrl-C."""

from __future__ import annotations

from typing import Annotated

import typer

from posada.cli.options import HERE, Data, known_service
from posada.cli.progress import progress_on
from posada.cli.signals import one_interruption, undisturbed
from posada.output import err, out

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
    # These need the dependency group `local`, which other commands do without.
    from posada.cli.run.status_screen import farewell, keep_running  # noqa: PLC0415
    from posada.cluster.cluster import LocalCluster  # noqa: PLC0415

    copies = dict(map(copies_of, scale or ()))
    console = out()
    with one_interruption():
        with progress_on(err(), "starting Posada") as report:
            cluster = LocalCluster(data, scale=copies, on_progress=report, keeping_data=True, calls_outside=True)
            cluster.start()
        try:
            keep_running(console, cluster)
        except KeyboardInterrupt:
            console.print(f"\n{farewell(cluster.backends)}", markup=False)
        finally:
            with undisturbed():
                cluster.stop()
    console.print("stopped", markup=False)


def copies_of(text: str) -> tuple[str, int]:
    """A service and its number of copies, from booking=2."""
    name, _, number = text.partition("=")
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= 20):  # noqa: PLR2004
        raise typer.BadParameter(f"{text}: write SERVICE=COPIES with 1 to 20 copies, e.g. booking=2")
    return known_service(name), int(number)
