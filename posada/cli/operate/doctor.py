"""posada doctor: looks at everything that the services need and says what is wrong with it, and the remedy."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from posada.cli.options import HERE, AsJson, Bootstrap, Data, bootstrap_of, known_service
from posada.cli.run.migrate import database_url
from posada.client.http import ask
from posada.cluster.address import Address, find
from posada.doctor import databases, kafka, surroundings
from posada.doctor.findings import Finding, State, broken, fine
from posada.output import out, print_json
from posada.problems import Exit, Problem
from shared.contracts.topics import SERVICES

MARKS = {State.FINE: ("✔", "green"), State.WORTH_A_LOOK: ("!", "yellow"), State.BROKEN: ("✘", "red")}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(
    services: Annotated[list[str] | None, typer.Argument(help="Services; none means all.", show_default=False)] = None,
    *,
    bootstrap: Bootstrap = None,
    data: Data = HERE,
    as_json: AsJson = False,
) -> None:
    """Look at addresses, credentials, topics, schemas, clocks, providers and disk; exit code 1: something is broken.

    Addresses are the running Posada's, else those of the environment, as for `posada migrate`.
    """
    names = [known_service(name) for name in services or SERVICES]
    findings = asyncio.run(_all(names, bootstrap, data))
    counts = Counter(finding.state for finding in findings)
    if as_json:
        print_json(
            {"findings": [asdict(one) for one in findings], **{state.name.lower(): counts[state] for state in State}}
        )
    else:
        console = out()
        for finding in findings:
            console.print(line_of(finding), soft_wrap=True)
        summary = ", ".join(f"{counts[state]} {state}" for state in State)
        console.print(summary, markup=False)
    raise typer.Exit(Exit.NO if counts[State.BROKEN] else Exit.DONE)


def line_of(finding: Finding) -> Text:
    """A finding as one line: mark, what it is about, how it is, the remedy."""
    mark, colour = MARKS[finding.state]
    remedy = f": {finding.remedy}" if finding.remedy else ""
    return Text.assemble((mark, colour), f" {finding.about}: {finding.text}{remedy}")


async def _all(names: Sequence[str], bootstrap: str | None, data: Path) -> list[Finding]:
    return [finding async for finding in _each(names, bootstrap, data)]


async def _each(names: Sequence[str], bootstrap: str | None, data: Path) -> AsyncIterator[Finding]:
    address = find(data)
    async for finding in _kafka(bootstrap, data):
        yield finding
    for name in names:
        settings, finding = surroundings.settings_of(name)
        yield finding
        async for finding in _database(name, address, alone=len(names) == 1):
            yield finding
        for finding in (*(surroundings.providers(name, settings) if settings else ()), *_copies(name, address)):
            yield finding
    yield surroundings.disk(data)


async def _kafka(bootstrap: str | None, data: Path) -> AsyncIterator[Finding]:
    try:
        address = bootstrap_of(data, bootstrap)
    except Problem as problem:
        yield broken("Kafka", "has no address", problem.text)
        return
    async for finding in kafka.look_at(address):
        yield finding


async def _database(name: str, address: Address | None, *, alone: bool) -> AsyncIterator[Finding]:
    try:
        url = address.database_urls[name] if address else database_url(name, alone=alone)
    except Problem as problem:
        yield broken(f"database of {name}", "has no address", problem.text)
        return
    async for finding in databases.look_at(name, url):
        yield finding


def _copies(name: str, address: Address | None) -> list[Finding]:
    given = os.environ.get(f"POSADA_{name.upper()}_URL")
    urls = [given.rstrip("/")] if given else address.http.get(name, []) if address else []
    return [_copy(f"{name} at {url}", url) for url in urls]


def _copy(about: str, url: str) -> Finding:
    try:
        ask(url, "/health/ready")
    except Problem as problem:
        return broken(about, "is not ready", problem.text)
    return fine(about, "is ready")
