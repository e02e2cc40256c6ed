"""Options that several commands share, and how each finds the running Posada."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from posada.cluster.address import find
from posada.problems import Problem
from shared.contracts.topics import SERVICES

Data = Annotated[
    Path,
    typer.Option("--data", envvar="POSADA_DATA", help="Folder of the Posada that `posada up` runs.", metavar="DIR"),
]
Bootstrap = Annotated[
    str | None, typer.Option("--bootstrap", help="Kafka's address, host:port; else that of the running Posada.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
HERE = Path(".posada")


def known_service(name: str) -> str:
    """The service's name; raises BadParameter for another word."""
    if name not in SERVICES:
        raise typer.BadParameter(f"there is no service {name}: choose one of {', '.join(SERVICES)}")
    return name


def bootstrap_of(data: Path, given: str | None) -> str:
    """Kafka's address: the one given, else the running Posada's, else the environment's."""
    address = find(data)
    found = given or (address.kafka_bootstrap if address else None) or os.environ.get("POSADA_KAFKA_BOOTSTRAP")
    if found:
        return found
    raise Problem(
        f"No Posada runs on {data}: start one with `posada up`, or give --bootstrap or POSADA_KAFKA_BOOTSTRAP."
    )


def url_of(data: Path, service: str) -> str:
    """The address of a service's HTTP API: the environment's, else the running Posada's."""
    given = os.environ.get(f"POSADA_{service.upper()}_URL")
    if given:
        return given.rstrip("/")
    address = find(data)
    if address and address.http.get(service):
        return address.http[service][0]
    raise Problem(f"No Posada runs on {data}: start one with `posada up`, or set POSADA_{service.upper()}_URL.")
