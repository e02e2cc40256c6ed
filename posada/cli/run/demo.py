"""posada demo: a scripted day in a cluster of its own, from the first request to the last message."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from posada.cli.progress import progress_on
from posada.cli.signals import one_interruption, undisturbed
from posada.output import err, out
from posada.problems import Exit

# The demo does not wait days for money, and has staff who decide what is ambiguous. It writes to nobody: its services
# get none of the providers that the environment configures.
SERVICES_ENV: Final[dict[str, str | None]] = {
    "POSADA_RETRY_ATTEMPTS": '{"bank_transfer": [2, 4, 2], "card_link": [2, 2]}',
    "POSADA_RETRY_INTERVALS": "[3, 5, 20]",
    "POSADA_UNFOUND": "wait_for_staff",
}

Folder = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Folder to play in and to keep; else a temporary one.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(data: Folder = None) -> None:
    """Play a scripted day on a real Kafka, a real PostgreSQL and five services: exit 0 only if all went as scripted."""
    from posada.cluster.cluster import LocalCluster  # noqa: PLC0415
    from posada.demo.day import play  # noqa: PLC0415  # with LocalCluster, see up

    console = out()
    os.environ["POSADA_API_TOKEN"] = secrets.token_urlsafe()  # the cluster's own: staff who decide need one
    with one_interruption(), folder(data) as place:
        with progress_on(err(), "starting Posada") as report:
            cluster = LocalCluster(place, env=SERVICES_ENV, on_progress=report)
            cluster.start()
        try:
            as_scripted = asyncio.run(play(console, cluster.kafka_bootstrap, cluster.http, cluster.secrets.seal()))
        finally:
            with undisturbed(), progress_on(err(), "stopping") as report:
                report("stopping everything")
                cluster.stop()
    raise typer.Exit(Exit.DONE if as_scripted else Exit.NO)


@contextmanager
def folder(given: Path | None) -> Iterator[Path]:
    """The folder that was given, which is kept, or a temporary one, which is not."""
    if given:
        yield given
        return
    temporary = Path(tempfile.mkdtemp(prefix="posada-demo-"))
    try:
        yield temporary
    finally:
        with undisturbed():
            shutil.rmtree(temporary, ignore_errors=True)
