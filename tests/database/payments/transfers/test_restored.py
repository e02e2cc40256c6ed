"""An older copy of payments' database is restored and what came since is read again: the same money, the same hands."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy.local.postgres import programs
from shared.messages.message import Message
from tests.support.builders.payments import capture, record_of, release, reserve, transfer
from tests.support.doubles.transport import process_records
from tests.support.sagas.payments_service import House

pytestmark = pytest.mark.real
BEFORE = (
    transfer("T1", "690.00"),
    reserve("first", "690.00"),
    capture("first", "HR1"),
    transfer("T2", "300.00"),
    reserve("second", "300.00", slip_amount="300.00"),
)
AFTER = (
    capture("second", "HR2"),
    transfer("T3", "450.00"),
    reserve("third", "450.00", slip_amount="450.00"),
    capture("third", "HR3"),
    transfer("T4", "80.00"),
    reserve("fourth", "80.00", slip_amount="80.00"),
    release("fourth"),
)
MONEY = "SELECT transfer_id, amount, reserved, captured, refunded, codes FROM payments ORDER BY transfer_id"
REQUESTS = "SELECT booking_id, status, amount, codes FROM payment_requests ORDER BY booking_id"
ENTRIES = """
SELECT p.transfer_id, l.kind, l.amount, l.booking_id FROM ledger AS l JOIN payments AS p ON p.id = l.payment_id
ORDER BY p.transfer_id, l.kind, l.booking_id"""


def tool(name: str, *arguments: str | Path) -> None:
    told = subprocess.run([programs() / name, *arguments], check=False, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr


async def books(house: House) -> list[list[tuple[Any, ...]]]:
    async with house.database.connection() as connection:
        return [[tuple(row) for row in await connection.fetch(query)] for query in (MONEY, REQUESTS, ENTRIES)]


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
async def test_what_came_since_is_read_again_and_counts_once(
    house: House, payments_url: str, tmp_path: Path, together: bool
) -> None:
    kafka = [record_of(message, f"event-{number}", number) for number, message in enumerate((*BEFORE, *AFTER))]
    backup = tmp_path / "payments.dump"
    for record in kafka[: len(BEFORE)]:
        await process_records(house.consumer, [record])
    older = await books(house)
    await asyncio.to_thread(tool, "pg_dump", "--format=custom", "--file", backup, payments_url)
    for record in kafka[len(BEFORE) :]:
        await process_records(house.consumer, [record])
    newer = await books(house)
    assert newer != older

    restore = ("--clean", "--if-exists", "--no-owner", "--dbname", payments_url, backup)
    await asyncio.to_thread(tool, "pg_restore", *restore)
    await house.database.renew()
    assert await books(house) == older

    # Rewound to before the backup: some of what comes again is in it already.
    again = kafka[2:]
    for batch in [again] if together else [[record] for record in again]:
        await process_records(house.consumer, batch)
    assert await books(house) == newer
    assert (await house.get("/payments/audit"))["agrees"]


def test_the_day_has_every_kind_of_message() -> None:
    kinds: set[type[Message]] = {type(message) for message in AFTER}
    assert kinds == {type(message) for message in (*BEFORE, release("x"))}
