"""The ledger: entries are only ever added, and together with the balances they tell one story."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.payments.consumers import routes
from services.payments.queries import Queries
from services.payments.repository import Repository
from services.payments.transfers.ledger import Balance, Entry, Kind, Sums, audit
from services.payments.transfers.payment import payment_id_of
from shared.consumer.processor import Processor
from shared.database.pool import Database
from shared.outbox.publisher import OutboxPublisher
from tests.support.builders.payments import (
    NOW,
    TERMS,
    Post,
    Ticking,
    booking,
    capture,
    record_of,
    release,
    reserve,
    summed,
    transfer,
)
from tests.support.doubles.transport import process_records

T1 = payment_id_of("kafka", "T1")
STORY = (
    transfer(amount="2000.00"),
    reserve("first", slip_amount="2000.00"),
    reserve("second", "500.00", slip_amount="2000.00"),
    capture("first", "HR1", "HR2"),
    release("second"),
    reserve("third", "600.00", slip_amount="2000.00"),
    capture("third", "HR3"),
)


async def live(database: Database) -> None:
    """A payment's life, one message after the other."""
    clock = Ticking()
    consumer = Processor(
        routes(Repository(TERMS)), database, OutboxPublisher(Post(), database, clock=clock), clock=clock
    )
    for message in STORY:
        await process_records(consumer, [record_of(message)])


async def test_what_happens_to_a_payment_is_written_down_in_its_order(database: Database) -> None:
    await live(database)
    entries = await Queries(database).entries(T1)
    assert [(row["kind"], row["amount"], row["booking_id"]) for row in entries] == [
        ("arrived", Decimal("2000.00"), None),
        ("reserved", Decimal("690.00"), booking("first")),
        ("reserved", Decimal("500.00"), booking("second")),
        ("captured", Decimal("690.00"), booking("first")),
        ("released", Decimal("500.00"), booking("second")),
        ("reserved", Decimal("600.00"), booking("third")),
        ("captured", Decimal("600.00"), booking("third")),
    ]
    assert [row["codes"] for row in entries if row["codes"]] == [["HR1", "HR2"], ["HR3"]]
    found = await Queries(database).audit()
    assert (found.payments, found.disagreements) == (1, 0)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger SET amount = amount",
        "DELETE FROM ledger WHERE false",
        "TRUNCATE ledger",
        "TRUNCATE payments CASCADE",
    ],
)
async def test_no_entry_is_changed_or_removed(database: Database, change: str) -> None:
    await live(database)
    async with database.connection() as connection:
        with pytest.raises(asyncpg.RestrictViolationError, match="only grows"):
            await connection.execute(change)
        assert await connection.fetchval("SELECT count(*) FROM ledger") == len(STORY)


@pytest.mark.parametrize(
    ("tampering", "said"),
    [
        ("UPDATE payments SET captured = captured + 0.01", "captured is 1290.01, the entries make 1290.00"),
        ("UPDATE payments SET reserved = 5", "reserved is 5.00, the entries make 0.00"),
        ("UPDATE payments SET refunded = 1", "refunded is 1.00, the entries make 0.00"),
        ("UPDATE payments SET amount = 3000", "amount is 3000.00, the entries make 2000.00"),
        ("UPDATE payments SET codes = '{HR1}'", "the codes are HR1, the entries' HR1, HR2, HR3"),
        ("UPDATE payment_requests SET status = 'reserved' WHERE status = 'released'", "is reserved over 500.00"),
        ("UPDATE payment_requests SET amount = 1 WHERE status = 'captured'", "is captured over 1.00"),
        (
            "INSERT INTO ledger (payment_id, kind, cause, amount, at)"
            " SELECT id, 'refunded', id, 5, now() FROM payments",
            "refunded is 0.00, the entries make 5.00",
        ),
    ],
)
async def test_the_audit_sees_what_was_moved_behind_the_ledgers_back(
    database: Database, tampering: str, said: str
) -> None:
    await live(database)
    async with database.connection() as connection:
        await connection.execute(tampering)
    found = await Queries(database).audit()
    assert found.disagreements >= 1
    assert any(said in wrong for wrong in found.examples)


amounts = some.decimals(Decimal("0.01"), Decimal(1000), places=2)
entries = some.lists(
    some.builds(
        Entry,
        payment_id=some.just(T1),
        kind=some.sampled_from(Kind),
        cause=some.builds(uuid4),
        amount=amounts,
        at=some.just(NOW),
        booking_id=some.sampled_from([None, booking()]),
        codes=some.lists(some.sampled_from(["HR1", "HR2"]), max_size=2).map(tuple),
    ),
    max_size=12,
)


@given(entries, some.sampled_from(["amount", "reserved", "captured", "refunded", "reversed"]), amounts)
def test_any_cent_that_a_balance_differs_by_is_named(story: list[Entry], name: str, difference: Decimal) -> None:
    posted = summed(story)
    told = posted.balance
    overdrawn = min(told.reserved, told.captured, told.refunded, told.left) < 0
    assert len(audit(told, posted)) == overdrawn
    names = ("amount", "reserved", "captured", "refunded", "reversed", "codes")
    values = {field: getattr(told, field) for field in names}
    moved = Balance(**values | {name: values[name] + difference})
    assert any(wrong.startswith(f"{name} is") for wrong in audit(moved, posted))


def test_nothing_is_nothing() -> None:
    assert audit(Balance(), Sums()) == []
