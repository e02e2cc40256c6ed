"""Payments on a real database: once for each message, a batch a transaction, half a day of retries in a second."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from services.payments.consumers import routes
from services.payments.repository import Repository
from services.payments.requests.terms import PropertyTerms, Terms
from services.payments.settings import OwnTerms, Settings
from services.payments.transfers.payment import payment_of
from services.payments.unit_of_work import UnitOfWork
from shared.consumer.processor import Processor
from shared.contracts.common import PaymentMethod
from shared.contracts.notifications import StaffAlerted
from shared.contracts.payments import PaymentAwaited, PaymentRefused, PaymentReserved, ReservePayment
from shared.database.pool import Database
from shared.database.statements import execute_together
from shared.messages.message import Message
from shared.outbox.publisher import OutboxPublisher
from tests.support.builders.payments import (
    TERMS,
    Post,
    Ticking,
    booking,
    capture,
    card,
    record_of,
    record_of_row,
    release,
    reserve,
    reserve_by_card,
    transfer,
)
from tests.support.doubles.transport import process_records


class Instance:
    """A running payments service, without Kafka: told by hand, its post kept."""

    def __init__(self, database: Database, terms: Terms = TERMS) -> None:
        self.database = database
        self.clock = Ticking()
        self.post = Post()
        self.relay = OutboxPublisher(self.post, database, clock=self.clock)
        repository = Repository(terms)
        self.consumer = Processor(routes(repository), database, self.relay, clock=self.clock, retry_pauses=())

    async def tell(self, *messages: Message) -> list[Message]:
        """One batch; gives what was sent at once."""
        await process_records(self.consumer, [record_of(message) for message in messages])
        return self.post.taken()

    async def ring(self) -> list[Message]:
        """Let time pass to the next timer in the outbox, and handle what it brings."""
        async with self.database.connection() as connection:
            due = await connection.fetchval("SELECT min(due_at) FROM outbox WHERE due_at > $1", self.clock())
        self.clock.now = due
        await self.relay.sweep()
        timers, self.post.rows = self.post.rows, []
        for _ in range(2):  # Kafka may always deliver again
            await process_records(self.consumer, [record_of_row(row) for row in timers])
        return self.post.taken()

    def restarted(self, terms: Terms = TERMS) -> Instance:
        """Another process on the same database, at the same time of day."""
        again = Instance(self.database, terms)
        again.clock.now = self.clock.now
        return again


@pytest.fixture
async def service(database: Database) -> Instance:
    return Instance(database)


async def rows(database: Database, sql: str, *values: Any) -> list[asyncpg.Record]:
    async with database.connection() as connection:
        return await connection.fetch(sql, *values)


async def money(database: Database, transfer_id: str = "T1") -> tuple[Decimal, Decimal, list[str]]:
    (row,) = await rows(database, "SELECT reserved, captured, codes FROM payments WHERE transfer_id = $1", transfer_id)
    return row["reserved"], row["captured"], row["codes"]


def names(messages: list[Message]) -> list[str]:
    return [type(message).__name__ for message in messages]


async def test_a_booking_is_paid(service: Instance, database: Database) -> None:
    assert await service.tell(transfer()) == []
    assert names(await service.tell(reserve())) == ["PaymentReserved"]
    assert await money(database) == (Decimal("690.00"), 0, [])
    assert names(await service.tell(capture())) == ["PaymentCaptured"]
    assert await money(database) == (0, Decimal("690.00"), ["HR26181", "HR26182", "HR26183"])


async def test_all_of_it_in_one_batch_what_is_waited_for_first(service: Instance, database: Database) -> None:
    answers = await service.tell(
        transfer(amount="1380.00", reference="77"),
        reserve("first", slip_amount="1380.00", reference="77"),
        capture("first", "HR1"),
        reserve("second", slip_amount="1380.00", reference="77"),
        reserve("third", slip_amount="1380.00", reference="77"),
        release("second"),
        reserve("fourth", slip_amount="1380.00", reference="77"),
    )
    assert names(answers) == [
        "PaymentReserved",
        "PaymentReserved",
        "PaymentRefused",
        "PaymentReleased",
        "PaymentReserved",
        "PaymentCaptured",
    ]
    assert await money(database) == (Decimal("690.00"), Decimal("690.00"), ["HR1"])


async def test_a_message_that_is_delivered_again_changes_nothing(service: Instance, database: Database) -> None:
    await service.tell(transfer(), reserve())
    before = await rows(database, "SELECT * FROM payments"), await rows(database, "SELECT * FROM payment_requests")
    assert await service.tell(reserve(), reserve(), transfer()) == []
    assert await Instance(database).tell(transfer(), reserve()) == []
    assert (
        await rows(database, "SELECT * FROM payments"),
        await rows(database, "SELECT * FROM payment_requests"),
    ) == before


async def test_the_same_asked_anew_is_answered_anew_and_takes_nothing(service: Instance, database: Database) -> None:
    await service.tell(transfer(amount="2000.00"))
    asked = reserve(slip_amount="2000.00")
    await process_records(service.consumer, [record_of(asked, "one"), record_of(asked, "two")])
    await process_records(service.consumer, [record_of(asked, "three")])
    first, second, third = service.post.taken()
    assert first == second == third
    assert (await money(database))[0] == Decimal("690.00")


async def test_everything_comes_back_from_the_database_as_it_was(service: Instance, database: Database) -> None:
    """A new instance answers from the tables what the first one answered from memory."""
    cases = [
        reserve("reserved", reference="1"),
        reserve("waiting", reference="2", payer="Ana Paz"),
        reserve("refused", slip_amount="1.00"),
        reserve_by_card("card", "10.00"),
    ]
    first = await service.tell(transfer(reference="1"), card(amount="10.00"), release("gone"), *cases)
    later = Instance(database)
    await process_records(later.consumer, [record_of(case, f"again {case.booking_id}") for case in cases])
    assert later.post.taken() == first[1:]
    await process_records(later.consumer, [record_of(reserve("gone"), "too late")])
    (reply,) = later.post.taken()
    assert isinstance(reply, PaymentRefused)
    assert reply.refusal.reason == "payment_released"


async def test_a_transfer_that_comes_late_is_found_at_once(service: Instance, database: Database) -> None:
    waits = await service.tell(reserve("first", reference="77"), reserve("second", reference="78"))
    assert names(waits) == ["PaymentAwaited", "PaymentAwaited"]
    (reply,) = await service.tell(transfer(reference="78"))
    assert isinstance(reply, PaymentReserved)
    assert (reply.booking_id, reply.found_later) == (booking("second"), True)
    (reply,) = await service.tell(transfer("T2", reference="77"))
    assert isinstance(reply, PaymentReserved)
    assert reply.booking_id == booking("first")
    assert await rows(database, "SELECT FROM payment_requests WHERE waits") == []


async def test_a_card_that_comes_late_is_found_at_once(service: Instance) -> None:
    await service.tell(reserve_by_card(number="a 7"))
    assert names(await service.tell(card("A7", amount="700.00"))) == ["PaymentReserved"]


@pytest.mark.parametrize("asked", [reserve(), reserve_by_card()], ids=["bank transfer", "card link"])
async def test_half_a_day_of_retries_with_a_restart_after_each(
    service: Instance, database: Database, asked: Message
) -> None:
    heard = await service.tell(asked)
    while await rows(database, "SELECT FROM payment_requests WHERE waits"):
        service = service.restarted()
        heard += await service.ring()
    looks = [message for message in heard if isinstance(message, PaymentAwaited)]
    assert len(looks) == (16 if asked == reserve() else 10)
    assert [look.stage for look in looks if look.opens_stage] == ([1, 2, 3] if asked == reserve() else [1, 2])
    assert names(heard[-2:]) == ["PaymentRefused", "StaffAlerted"]
    assert isinstance(heard[-1], StaffAlerted)
    assert await rows(database, "SELECT FROM outbox WHERE topic = 'posada.payments.internal'") == []


def planned(terms: PropertyTerms, method: PaymentMethod) -> list[tuple[int, int, timedelta]]:
    """Every attempt of a method by the table: its stage, its number there, and how long after the request it is."""
    attempts, passed = [], timedelta()
    for stage, row in enumerate(terms.schedule(method), 1):
        for number in range(1, row.attempts + 1):
            passed += row.every
            attempts.append((stage, number, passed))
    return attempts


TABLE = {
    "the house's": TERMS,
    "two days": Settings(
        retry_attempts={PaymentMethod.BANK_TRANSFER: (6, 4, 46), PaymentMethod.CARD_LINK: (6, 4)}
    ).terms(),
    "a stage left out": Settings(retry_attempts={PaymentMethod.BANK_TRANSFER: (1, 0, 2)}).terms(),
    "the property's own": Settings(
        property_terms={"las-hojas": OwnTerms(retry_attempts={PaymentMethod.BANK_TRANSFER: (2,)})}
    ).terms(),
}


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("asked", [reserve(), reserve_by_card()], ids=["bank transfer", "card link"])
async def test_every_attempt_of_the_table_comes_once_at_its_time_whatever_restarts(
    database: Database, name: str, asked: ReservePayment
) -> None:
    """The time machine: the clock is moved from timer to timer, each told to a new process, and told twice."""
    terms = TABLE[name]
    service = Instance(database, terms)
    plan = planned(terms.of("las-hojas"), asked.evidence.method)
    began, answer = service.clock(), await service.tell(asked)
    if not plan:
        assert names(answer) == ["PaymentRefused", "StaffAlerted"]
        return
    heard = [one for one in answer if isinstance(one, PaymentAwaited)]
    while waiting := await rows(database, "SELECT * FROM payment_requests WHERE waits"):
        (status,) = waiting
        look = (status["stage"], status["attempt"], status["next_attempt_at"] - began)
        assert look == plan[len(heard) - 1], "status shows another attempt than the table"
        assert status["started_at"] == began
        service = service.restarted(terms)
        told = await service.ring()
        heard += [one for one in told if isinstance(one, PaymentAwaited)]
    assert [(one.stage, one.attempt, one.next_attempt_at - began) for one in heard] == plan
    assert [one.stage for one in heard if one.opens_stage] == sorted({stage for stage, _, _ in plan})
    assert service.clock() - began == plan[-1][2]
    assert names(told) == ["PaymentRefused", "StaffAlerted"]


@pytest.mark.parametrize("found_at", range(1, 17))
async def test_money_that_comes_unseen_is_found_at_each_attempt_of_the_table(
    service: Instance, database: Database, found_at: int
) -> None:
    """A transfer that was recorded without anybody being told, as by an older instance, just before an attempt."""
    began = service.clock()
    await service.tell(reserve())
    plan = planned(TERMS.usual, PaymentMethod.BANK_TRANSFER)
    while True:
        (status,) = await rows(database, "SELECT stage, attempt FROM payment_requests")
        place = next(n for n, (stage, number, _) in enumerate(plan, 1) if (stage, number) == tuple(status))
        if place == found_at and service.clock() > began:
            break
        service = service.restarted()
        await service.ring()
    async with database.connection() as connection:
        uow = UnitOfWork(TERMS)
        uow.put_payment(payment_of(transfer(), service.clock()))
        await execute_together(connection, await Repository(TERMS).save(connection, uow, service.clock()))
    found: list[Message] = []
    while not found:  # what the last process left in the outbox goes first
        service = service.restarted()
        found = await service.ring()
    assert service.clock() - began == plan[found_at - 1][2]
    assert names(found) == ["PaymentReserved"]
    assert isinstance(found[0], PaymentReserved)
    assert found[0].found_later


async def test_a_transfer_recorded_at_the_same_moment_is_seen_at_the_second_look(service: Instance) -> None:
    """The race that neither side can see: a request and its transfer commit at once in two instances."""
    transfers = Repository(TERMS)
    async with service.database.transaction() as connection:
        uow = await transfers.load(connection, [transfer()], service.clock())
        service.consumer.routes.table[type(transfer())].handle(uow, transfer(), service.clock())
        assert names(await service.tell(reserve())) == ["PaymentAwaited"]
        await execute_together(connection, await transfers.save(connection, uow, service.clock()))
    assert names(await service.ring()) == ["PaymentReserved"]
    assert service.clock() == Ticking()() + timedelta(seconds=2)


async def test_a_capture_that_comes_too_early_is_tried_again(database: Database) -> None:
    service = Instance(database)
    service.consumer._failures._pauses = (timedelta(seconds=1),)
    assert await service.tell(transfer(), capture()) == []
    await service.tell(reserve())
    assert names(await service.ring()) == ["PaymentCaptured"]


async def test_what_never_fits_is_set_aside_and_the_rest_of_its_batch_is_handled(
    service: Instance, database: Database
) -> None:
    await service.tell(transfer(amount="2000.00"))
    captured_of_nothing, contradiction = capture("unknown"), transfer(amount="2.00", payer="other")
    await process_records(
        service.consumer,
        [record_of(captured_of_nothing), record_of(reserve(slip_amount="2000.00")), record_of(contradiction, "again")],
    )
    topics = sorted(row.topic for row in service.post.rows)
    assert topics == ["posada.booking.replies", "posada.payments.dead", "posada.payments.dead"]
    assert (await money(database))[0] == Decimal("690.00")


class Counting:
    """A connection that counts what it is asked."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.asked: list[str] = []

    async def fetch(self, sql: str, *values: Any) -> Any:
        self.asked.append(sql)
        return await self._connection.fetch(sql, *values)

    async def execute(self, sql: str, *values: Any) -> Any:
        self.asked.append(sql)
        return await self._connection.execute(sql, *values)


@pytest.mark.parametrize(("look", "queries"), [("load", 3), ("load_optimistic", 2)])
@pytest.mark.parametrize("many", [1, 100])
async def test_a_batch_of_reservations_takes_few_queries_however_large(
    service: Instance, database: Database, many: int, look: str, queries: int
) -> None:
    await service.tell(*[transfer(f"T{number}", reference=f"R{number}") for number in range(many)])
    batch = [reserve(f"B{number}", reference=f"R{number}") for number in range(many)]
    async with database.transaction() as connection:
        counting: Any = Counting(connection)
        repository = Repository(TERMS)
        uow = await getattr(repository, look)(counting, batch, service.clock())
        table = routes(repository).table
        replies = [send for message in batch for send in table[type(message)].handle(uow, message, service.clock())]
        await execute_together(counting, await repository.save(counting, uow, service.clock()))
    assert len(counting.asked) == queries
    assert all(isinstance(reply, PaymentReserved) for reply in replies)
    assert len(uow.payments) == many
