"""Finding money and setting it aside, at three sizes of what arrived: matching, reserving, and the rule alone.

Runs payments' own code (consumer, repository, statements) on a real PostgreSQL, without Kafka. Prints one JSON object
on standard output, and a table and plans for people on standard error. `--quick` leaves out the largest size.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import structlog

from benchmarks.services.consumer import AT_ONCE, Teller, rate_and_percentiles, stderr, table
from deploy.local.choice import choose_backends
from deploy.local.databases import PostgresBackend
from services.payments.consumers import routes
from services.payments.repository import Repository
from services.payments.requests.terms import Terms
from services.payments.transfers.claim import claim_of
from services.payments.transfers.matching import MANY, match
from services.payments.transfers.queries import PAYMENTS, slips_of
from shared.clock import system_clock
from shared.contracts.common import PaymentMethod
from shared.contracts.payments import Evidence, PaymentReserved, PaymentVerified, ReservePayment, VerifyPayment
from shared.database.migrations import upgrade
from shared.database.pool import Database
from shared.messages.message import Message

WARM_UP, SAMPLES = 100, 600  # of one instance, and as many samples of several: the smallest size has 2,000 slips
LAST = date(2026, 11, 20)
DAYS = 730

# Two years of transfers: half of them of one of six amounts that many bookings cost, three of four used up already.
_ARRIVE = """
INSERT INTO payments (id, source, transfer_id, property_id, method, amount, currency, posted_on, payer, reference,
                      reference_key, arrived_at, captured, captured_at, codes)
SELECT id, 'bench', n::text, property_id, 'bank_transfer', amount, 'USD', posted_on, 'Guest ' || n, 'TEF' || n,
       'TEF' || n, posted_on, CASE WHEN n % 4 = 0 THEN 0 ELSE amount END, posted_on,
       CASE WHEN n % 4 = 0 THEN '{}' ELSE ARRAY['HR' || n] END
FROM (
  SELECT gen_random_uuid() AS id, n, 'p-' || n % $2 AS property_id, $3::date - (random() * $4)::int AS posted_on,
         CASE WHEN random() < 0.5 THEN (ARRAY[172.50, 258.75, 345.00, 517.50, 690.00, 862.50])[1 + (random() * 5)::int]
              ELSE (5000 + (random() * 195000)::int) / 100.0 END::numeric(12, 2) AS amount
  FROM generate_series(1, $1::int) n) AS line"""
_ENTRIES = """
INSERT INTO ledger (payment_id, kind, cause, amount, at, booking_id)
SELECT id, kind, CASE kind WHEN 'arrived' THEN id ELSE gen_random_uuid() END, amount, arrived_at,
       CASE kind WHEN 'arrived' THEN NULL ELSE id END
FROM payments, unnest(ARRAY['arrived', 'reserved', 'captured']) AS kind WHERE kind = 'arrived' OR captured > 0"""
_UNUSED = """
SELECT property_id, amount, posted_on, reference FROM payments WHERE captured = 0 ORDER BY transfer_id LIMIT 4000"""


@dataclass(frozen=True, slots=True)
class Size:
    """So many transfers to so many properties."""

    name: str
    transfers: int
    properties: int


SIZES = (Size("small", 8_000, 2), Size("middle", 100_000, 25), Size("large", 1_000_000, 250))


def main() -> None:
    """Start a server, measure, print, stop."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    sizes = SIZES[:2] if "--quick" in sys.argv else SIZES
    with tempfile.TemporaryDirectory(prefix="posada-bench-") as folder, _server(Path(folder)) as server:
        figures = [asyncio.run(_measure(_fresh(server), size)) for size in sizes]
    stderr.print(table("By size", figures))
    growth = _growth(figures)
    stderr.print(f"growth, {figures[0]['size']} to {figures[-1]['size']}: {growth}", markup=False)
    sys.stdout.write(json.dumps({"sizes": figures, "growth": growth}) + "\n")


def _server(folder: Path) -> PostgresBackend:
    return choose_backends(folder, os.environ).postgres


def _fresh(server: PostgresBackend) -> str:
    """An empty database: what a ledger holds can never be taken away."""
    server.drop_databases(["payments"])
    server.create_databases(["payments"])
    url = server.owner_dsn("payments")
    upgrade("payments", url)
    return url


async def _measure(url: str, size: Size) -> dict[str, Any]:
    stderr.print(f"[dim]building {size}[/]")
    await _build(url, size)
    database = Database(url, connections=AT_ONCE + 1)
    await database.open()
    async with database.connection() as connection:
        unused = [dict(row) for row in await connection.fetch(_UNUSED)]
    dice = random.Random(11)  # noqa: S311 — a load that can be repeated
    dice.shuffle(unused)
    tellers = [Teller(database, routes(Repository(Terms()))) for _ in range(AT_ONCE + 1)]
    facts: dict[str, Any] = {"size": size.name, "transfers": size.transfers, "properties": size.properties}
    asked = partial(_next, iter(itertools.cycle(unused)), _question)
    facts |= await rate_and_percentiles("question", tellers, asked, WARM_UP, SAMPLES, answer=PaymentVerified)
    facts["rule p50 ms"] = await _rule(database, [_command(slip, named=False) for slip in unused[:200]])
    await _plan(database, _command(unused[0], named=False))
    # Each reserve uses a transfer up.
    asked = partial(_next, iter(unused), _command)
    facts |= await rate_and_percentiles("reservation", tellers, asked, WARM_UP, SAMPLES, answer=PaymentReserved)
    await database.close()
    return facts


def _next(slips: Iterator[dict[str, Any]], make: Callable[[dict[str, Any]], Message]) -> Message:
    return make(next(slips))


async def _build(url: str, size: Size) -> None:
    connection = await asyncpg.connect(url, command_timeout=None)
    await connection.execute("SELECT setseed(0.5)")
    await connection.execute(_ARRIVE, size.transfers, size.properties, LAST, DAYS)
    await connection.execute(_ENTRIES)
    for name in ("payments", "ledger", "payment_requests", "inbox", "outbox", "outbox_batches"):
        await connection.execute(f"VACUUM (ANALYZE) {name}")
    await connection.close()


def _question(slip: dict[str, Any]) -> Message:
    """A guest's slip without its reference: every transfer of the amount within the tolerance comes into question."""
    return VerifyPayment(
        request_id=str(uuid4()),
        property_id=slip["property_id"],
        slip_date=slip["posted_on"] + timedelta(days=1),
        slip_amount=slip["amount"],
        booking_amount=slip["amount"],
    )


def _command(slip: dict[str, Any], *, named: bool = True) -> ReservePayment:
    """A booking whose guest shows a slip, a day off the bank's date; without its reference unless `named`."""
    evidence = Evidence(
        method=PaymentMethod.BANK_TRANSFER,
        slip_date=slip["posted_on"] + timedelta(days=1),
        slip_amount=slip["amount"],
        reference=slip["reference"] if named else None,
    )
    amount = Decimal(slip["amount"])
    return ReservePayment(
        booking_id=uuid4(), property_id=slip["property_id"], amount=amount, currency="USD", evidence=evidence
    )


async def _rule(database: Database, commands: Sequence[ReservePayment]) -> float:
    """The pure rule over what the query brings, without the query."""
    repository, times = Repository(Terms()), []
    for command in commands:
        async with database.connection() as connection:
            uow = await repository.load_optimistic(connection, [command], system_clock())
        payments, claim = list(uow.payments.values()), claim_of(command)
        began = time.perf_counter()
        match(claim, payments, Terms().tolerance_days)
        times.append(time.perf_counter() - began)
    return round(statistics.median(times) * 1000, 3)


async def _plan(database: Database, command: ReservePayment) -> None:
    """The plan that the service's own sessions use for a slip without a reference."""
    claim = claim_of(command)
    async with database.connection() as connection:
        asked: tuple[Any, ...] = ([], slips_of([claim]), [], Terms().tolerance_days, MANY)
        for row in await connection.fetch(f"EXPLAIN (ANALYZE, COSTS OFF) {PAYMENTS}", *asked):
            stderr.print(f"  {row[0]}", highlight=False, markup=False)


def _growth(figures: Sequence[dict[str, Any]]) -> dict[str, float]:
    """What is how many times as much at the last size as at the first."""
    first, last = figures[0], figures[-1]
    names = ("transfers", "question p50 ms", "rule p50 ms", "reservation p50 ms")
    return {name: round(last[name] / first[name], 2) for name in names}


if __name__ == "__main__":
    main()
