"""Two that want the same money: what holds when they meet, and that it is the guards that hold it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from services.payments.consumers import routes
from services.payments.repository import Repository
from services.payments.unit_of_work import UnitOfWork
from shared.consumer.processor import Processor
from shared.contracts.payments import PaymentReserved
from shared.database.pool import Database
from shared.database.statements import execute_together
from shared.errors import Conflict
from shared.messages.message import Message
from shared.outbox.publisher import OutboxPublisher
from tests.support.builders.payments import (
    NOW,
    TERMS,
    Post,
    Ticking,
    card,
    record_of,
    reserve,
    reserve_by_card,
    transfer,
)
from tests.support.doubles.transport import process_records

REPOSITORY = Repository(TERMS)
TABLE = routes(REPOSITORY).table


class Unguarded:
    """A connection that takes no row locks and, with `versions` off, writes whatever a row has become since."""

    def __init__(self, connection: Any, *, locking: bool, versions: bool) -> None:
        self._connection = connection
        self._locking = locking
        self._versions = versions

    async def fetch(self, sql: str, *values: Any) -> Any:
        return await self._connection.fetch(sql if self._locking else sql.replace("FOR UPDATE", ""), *values)

    async def execute(self, sql: str, *values: Any) -> Any:
        if not self._versions:
            sql = sql.replace("payments.xmin::text = new.version", "new.version <> ''")
        return await self._connection.execute(sql, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class Careless(Database):
    """A database without locks and versions, in which four write payments only once all four have read them."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._meeting = asyncio.Barrier(4)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        async with super().connection() as connection:
            yield _Late(connection, self._meeting)


class _Late(Unguarded):
    def __init__(self, connection: Any, meeting: asyncio.Barrier) -> None:
        super().__init__(connection, locking=False, versions=False)
        self._meeting = meeting

    async def execute(self, sql: str, *values: Any) -> Any:
        if "UPDATE payments" in sql:
            await self._meeting.wait()
        return await super().execute(sql, *values)


class Rival:
    """One of two transactions that meet: each loads, waits for the other as far as it can, then writes."""

    def __init__(self, database: Database, command: Message, *, locking: bool, versions: bool) -> None:
        self._database = database
        self._command = command
        self._locking = locking
        self._versions = versions
        self.loaded = asyncio.Event()

    async def run(self, other: Rival) -> str:
        async with self._database.transaction() as real:
            connection: Any = Unguarded(real, locking=self._locking, versions=self._versions)
            uow: UnitOfWork = await REPOSITORY.load(connection, [self._command], NOW)
            (reply, *_) = TABLE[type(self._command)].handle(uow, self._command, NOW)
            self.loaded.set()
            try:
                await asyncio.wait_for(other.loaded.wait(), 0.5)
            except TimeoutError:  # the other waits for our locks: that is the guard at work
                assert self._locking
            await execute_together(connection, await REPOSITORY.save(connection, uow, NOW))
        return type(reply).__name__


async def race(
    database: Database, *, locking: bool = False, versions: bool = False, constraint: bool = False
) -> tuple[list[Any], Decimal]:
    """Two bookings want the one payment at the same moment; gives how each ended and what is reserved."""
    async with database.connection() as connection:
        await execute_together(connection, await REPOSITORY.save(connection, told(transfer(reference="77")), NOW))
        if not constraint:
            await connection.execute("ALTER TABLE payments DROP CONSTRAINT payments_not_overdrawn_check")
        first, second = (
            Rival(database, reserve(name, reference="77"), locking=locking, versions=versions)
            for name in ("first", "second")
        )
        ends = await asyncio.gather(first.run(second), second.run(first), return_exceptions=True)
        return sorted(ends, key=repr), await connection.fetchval("SELECT reserved FROM payments")


def told(message: Message) -> UnitOfWork:
    uow = UnitOfWork(TERMS)
    TABLE[type(message)].handle(uow, message, NOW)
    return uow


async def test_one_of_two_wins_and_the_other_is_refused(database: Database) -> None:
    ends, reserved = await race(database, locking=True, versions=True, constraint=True)
    assert (ends, reserved) == (["PaymentRefused", "PaymentReserved"], Decimal("690.00"))


async def test_the_lock_alone_would_do(database: Database) -> None:
    ends, reserved = await race(database, locking=True)
    assert (ends, reserved) == (["PaymentRefused", "PaymentReserved"], Decimal("690.00"))


@pytest.mark.parametrize(("guard", "loss"), [("versions", Conflict), ("constraint", asyncpg.CheckViolationError)])
async def test_each_other_guard_alone_would_do(database: Database, guard: str, loss: type[Exception]) -> None:
    """A version tells the loser to look again at once; behind the constraint it fails, and is tried again later."""
    ends, reserved = await race(database, **{guard: True})
    assert isinstance(ends[1], loss) or isinstance(ends[0], loss)
    assert "PaymentReserved" in ends
    assert reserved == Decimal("690.00")


async def test_with_every_guard_off_the_money_is_promised_twice(database: Database) -> None:
    """The proof that the tests above test something."""
    ends, reserved = await race(database)
    assert (ends, reserved) == (["PaymentReserved", "PaymentReserved"], Decimal("1380.00"))


@pytest.mark.parametrize(
    "overdraw",
    [
        "reserved = 690.01",
        "reserved = 400, captured = 290.01",
        "captured = 690, refunded = 0.01",
        "reserved = -0.01",
        "captured = -0.01",
        "refunded = -0.01",
        "amount = 0",
    ],
)
async def test_the_database_refuses_to_promise_more_than_arrived(database: Database, overdraw: str) -> None:
    async with database.connection() as connection:
        await execute_together(connection, await REPOSITORY.save(connection, told(transfer()), NOW))
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(f"UPDATE payments SET {overdraw}")  # noqa: S608
        await connection.execute("UPDATE payments SET reserved = 300, captured = 390")


def instance(database: Database) -> tuple[Processor, Post]:
    post, clock = Post(), Ticking()
    return Processor(routes(REPOSITORY), database, OutboxPublisher(post, database, clock=clock), clock=clock), post


async def fight(database: Database) -> tuple[int, Decimal]:
    """Four instances, batches of ten, one card with money for six; gives how many were served and what is reserved."""
    instances = [instance(database) for _ in range(4)]
    async with AsyncExitStack() as warm:  # a pool that has to connect first would let them in one by one
        for _ in instances:
            await warm.enter_async_context(database.connection())
    await process_records(instances[0][0], [record_of(card("A7", "4140.00"))])
    batches = [[record_of(reserve_by_card(f"{n}/{m}")) for m in range(10)] for n in range(4)]
    await asyncio.gather(*[process_records(one, batch) for (one, _), batch in zip(instances, batches, strict=True)])
    answers = [message for _, post in instances for message in post.taken()]
    assert len(answers) == 40
    async with database.connection() as connection:
        reserved = await connection.fetchval("SELECT reserved FROM payments")
    return sum(isinstance(answer, PaymentReserved) for answer in answers), reserved


async def test_forty_bookings_want_money_for_six(database: Database) -> None:
    assert await fight(database) == (6, Decimal("4140.00"))


async def test_forty_bookings_get_more_than_there_is_with_every_guard_off(
    database: Database, payments_url: str
) -> None:
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE payments DROP CONSTRAINT payments_not_overdrawn_check")
    careless = Careless(payments_url)
    await careless.open()
    try:
        served, reserved = await fight(careless)
    finally:
        await careless.close()
    assert (served, reserved) == (24, 4 * Decimal("4140.00"))


async def test_a_transfer_that_two_instances_record_at_once_is_one(database: Database) -> None:
    instances = [instance(database) for _ in range(4)]
    batch = [transfer(f"T{number}") for number in range(20)]
    await asyncio.gather(
        *[
            process_records(
                one, [record_of(message, f"{place}/{message.transfer_id}") for message in batch[:: 1 - 2 * (place % 2)]]
            )
            for place, (one, _) in enumerate(instances)
        ]
    )
    assert [row.topic for _, post in instances for row in post.rows] == []
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM payments") == 20


async def test_the_same_request_that_two_instances_take_at_once_is_one(database: Database) -> None:
    first, _ = instance(database)
    await process_records(first, [record_of(transfer(amount="2000.00"))])
    instances = [instance(database) for _ in range(4)]
    asked = reserve(slip_amount="2000.00")
    await asyncio.gather(
        *[process_records(one, [record_of(asked, str(place))]) for place, (one, _) in enumerate(instances)]
    )
    answers = [message for _, post in instances for message in post.taken()]
    assert len(answers) == 4
    assert all(answer == answers[0] for answer in answers)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT reserved FROM payments") == Decimal("690.00")
