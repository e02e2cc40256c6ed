"""posada audit: proves over all databases and topics that every promise to guests, hotel and bank is kept."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from posada.audit import repair
from posada.audit.auditor import GRACE_S, PATIENCE_S, SETTLE_S, Auditor, Report
from posada.audit.topic_snapshot import TopicReader
from posada.cli.options import HERE, AsJson, Bootstrap, Data, bootstrap_of, known_service
from posada.cluster.address import find
from posada.cluster.signing import needed_seal
from posada.output import err, out, print_json, table
from posada.problems import Exit, Problem
from shared.clock import Clock, OffsetClock
from shared.contracts.topics import SERVICES

SHOWN: Final = 100

Databases = Annotated[
    list[str] | None,
    typer.Option(
        "--database",
        metavar="SERVICE=URL",
        help="A service's database, postgresql://…; a role that may only read does. Else POSADA_<SERVICE>_DATABASE_URL,"
        " else that of the running Posada.",
    ),
]
Grace = Annotated[float, typer.Option("--grace", min=0.0, help="Seconds until a second look at what seems wrong.")]
Settle = Annotated[
    float, typer.Option("--settle", min=0.0, help="Seconds that what seems wrong may take while messages are on it.")
]
Patience = Annotated[
    float, typer.Option("--patience", min=1.0, help="Seconds that a saga may take which waits for no money.")
]
Mend = Annotated[
    bool,
    typer.Option(
        "--mend",
        help="Changes something: has the services give back rooms and money of bookings that came to nothing or that"
        " booking does not know, unless they were confirmed, and audits once more.",
    ),
]
EvenPromised = Annotated[
    bool,
    typer.Option(
        "--even-promised",
        help="With --mend, give back too what a guest was promised by a confirmation that booking does not know.",
    ),
]
WithoutTopics = Annotated[bool, typer.Option("--without-topics", help="Audit the databases alone.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(audit)


def audit(
    *,
    databases: Databases = None,
    without_topics: WithoutTopics = False,
    mend: Mend = False,
    even_promised: EvenPromised = False,
    grace: Grace = GRACE_S,
    settle: Settle = SETTLE_S,
    patience: Patience = PATIENCE_S,
    bootstrap: Bootstrap = None,
    data: Data = HERE,
    as_json: AsJson = False,
) -> None:
    """Check every promise over all five databases and the topics, also while bookings are made. It only reads, unless
    --mend asks for more.

    What seems wrong is looked at a second time: what is gone by then, or has a message on its way, was in flight.
    Exit code 1 says that a promise is broken, with --mend that one still is.
    """
    if even_promised and not mend:
        raise Problem("--even-promised says how to mend: give it with --mend, or leave it out.", Exit.USAGE)
    if mend and without_topics:
        raise Problem("--mend asks the topics what guests were promised: leave out --without-topics.", Exit.USAGE)
    seal = needed_seal(data) if mend else None
    urls = urls_of(data, databases or [])
    broker = None if without_topics else bootstrap_of(data, bootstrap)
    clock = clock_of(data)
    report = asyncio.run(audited(urls, broker, timedelta(seconds=patience), grace, settle, clock=clock))
    if mend and report.findings:
        address = bootstrap_of(data, bootstrap)
        repairs = repair.repair(urls, address, report.findings, seal=seal, even_promised=even_promised, within_s=settle)
        done = asyncio.run(repairs)
        show_repairs(done)
        report = asyncio.run(audited(urls, broker, timedelta(seconds=patience), grace, settle, clock=clock))
    if as_json:
        print_json(report.as_json())
    else:
        show(report)
    raise typer.Exit(Exit.NO if report.findings else Exit.DONE)


async def audited(
    urls: dict[str, str],
    bootstrap: str | None,
    patience: timedelta,
    grace_s: float,
    settle_s: float,
    *,
    clock: Clock | None,
) -> Report:
    """The report over these databases, and over the topics where there is a broker."""
    async with AsyncExitStack() as stack:
        topics = await stack.enter_async_context(TopicReader(bootstrap)) if bootstrap else None
        return await Auditor(urls, topics, patience=patience, clock=clock).audit(grace_s=grace_s, settle_s=settle_s)


def show_repairs(done: repair.Repaired) -> None:
    """A line for each command that was sent, and for each booking that was left as it is."""
    for message in done.sent:
        err().print(f"sent {message.type_name} for {message.booking}", markup=False)
    for booking in done.asked_for:
        text = f"left {booking}: booking does not know it, and its request still stands on its topic; `posada rewind"
        err().print(f"{text} booking` gives it back to booking", markup=False, soft_wrap=True)
    for booking in done.moving:
        text = f"left {booking}: a message about it is on its way; audit again in a minute"
        err().print(text, markup=False, soft_wrap=True)
    for booking in done.promised:
        text = (
            f"left {booking}: it was confirmed and booking does not know it; `posada rewind booking` first, if it was"
        )
        err().print(f"{text} restored; else give it up with --even-promised", markup=False, soft_wrap=True)


def show(report: Report) -> None:
    """A line for each promise, then every finding with the command that goes on from it."""
    broken = Counter(finding.invariant for finding in report.findings)
    rows = [
        (
            Text("broken", style="bold red") if broken[one.name] else "kept",
            one.name,
            one.promise,
            broken[one.name] or "",
        )
        for one in report.invariants
    ]
    out().print(table("", ("", "invariant", "promise", ">findings"), rows))
    for finding in report.findings[:SHOWN]:
        out().print(Text.assemble((finding.invariant, "bold"), f"  {finding.subject}: {finding.what}"), soft_wrap=True)
        out().print(Text(f"    {finding.remedy}", style="dim"), soft_wrap=True)
    if len(report.findings) > SHOWN:
        err().print(f"… and {len(report.findings) - SHOWN} more: see them all with --json", markup=False)
    passed = f"; {report.passed_over} that seemed wrong were in flight" if report.passed_over else ""
    if report.undecided:
        text = f"{report.undecided} of them may be in flight: too much is unread, and it does not become less; see that"
        err().print(f"{text} every service runs, and audit again", markup=False, soft_wrap=True)
    found = len(report.findings) or "no"
    promises = f"{report.bookings} bookings, {len(report.invariants)} promises"
    out().print(f"{promises}, {found} findings; looks: {report.looks}{passed}", markup=False)


def clock_of(data: Path) -> Clock | None:
    """The business clock of the running Posada, where a test or the demo may move it."""
    address = find(data)
    return OffsetClock(address.clock_file) if address and address.clock_file else None


def urls_of(data: Path, given: list[str]) -> dict[str, str]:
    """Each service's database: the option's, else the environment's, else the running Posada's.

    Raises:
        Problem: when one is not named, or an option is none.
    """
    named = dict(_named(one) for one in given)
    address = find(data)
    running = address.database_urls if address else {}
    urls = {
        service: named.get(service) or os.environ.get(f"POSADA_{service.upper()}_DATABASE_URL") or running.get(service)
        for service in SERVICES
    }
    missing = [service for service, url in urls.items() if not url]
    if missing:
        raise Problem(
            f"The database of {missing[0]} is not known: start one with `posada up`, or give --database"
            f" {missing[0]}=postgresql://… or POSADA_{missing[0].upper()}_DATABASE_URL."
        )
    return {service: url for service, url in urls.items() if url}


def _named(given: str) -> tuple[str, str]:
    service, _, url = given.partition("=")
    if not url.startswith(("postgresql://", "postgres://")):
        raise typer.BadParameter(f"--database takes SERVICE=postgresql://…, not {given.partition('@')[0]!r}")
    return known_service(service), url
