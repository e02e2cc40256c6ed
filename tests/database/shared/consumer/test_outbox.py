"""The outbox on PostgreSQL: rows are sent when they are due, none is lost, none is sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from shared.consumer.processor import Processor
from shared.contracts.booking import BookingProgressed
from shared.database.statements import Statement
from shared.messages.message import Envelope, Outgoing
from shared.outbox import batches, outbox
from shared.outbox.publisher import OutboxPublisher
from shared.outbox.row import Row
from tests.support.doubles.transport import PostOffice, process_records
from tests.support.sagas.sample_service import asked
from tests.support.sagas.sample_shell import Shell

pytestmark = pytest.mark.real


def row(number: int, due: Any) -> Row:
    headers = Envelope(id=str(number), type="t", source="s").headers()
    return Row(uuid4(), "topic", str(number), headers, b"{}", due)


async def planted(shell: Shell, rows: list[Row]) -> None:
    async with shell.database.transaction() as connection:
        await outbox.add(connection, rows, shell.clock())


async def test_a_row_is_sent_when_it_is_due_and_not_before(shell: Shell) -> None:
    await planted(shell, [row(n, shell.clock() + timedelta(minutes=n)) for n in (3, 1, 2)])
    await shell.relay.sweep()
    assert shell.office.rows == []
    for minute in (1, 2, 3):
        shell.clock.forward(timedelta(minutes=1))
        await shell.relay.sweep()
        assert [one.key for one in shell.office.taken()] == [str(minute)]
    assert await shell.outbox() == []


async def test_what_a_crash_left_behind_is_swept_after_its_grace(shell: Shell) -> None:
    def lost(_: Row) -> None:
        raise KafkaConnectionError

    shell.relay = OutboxPublisher(PostOffice(lost), shell.database, clock=shell.clock)
    await process_records(
        Processor(shell.routes, shell.database, shell.relay, clock=shell.clock), [asked(shell.routes, "a")]
    )
    assert len(await shell.outbox()) == 1
    survivor = OutboxPublisher(shell.office, shell.database, clock=shell.clock)
    await survivor.sweep()
    assert shell.office.rows == []
    shell.clock.forward(outbox.GRACE)
    await survivor.sweep()
    assert [message.request_id for message in shell.office.messages] == ["a"]
    assert await shell.outbox() == []


@pytest.mark.parametrize("at_the_door", [True, False])
async def test_a_row_that_cannot_be_sent_keeps_no_other_back_nor_sends_it_twice(
    shell: Shell, at_the_door: bool
) -> None:
    class Picky(PostOffice):
        async def send(self, row: Row) -> asyncio.Future[Any]:
            if row.key != "4":
                return await super().send(row)
            if at_the_door:
                raise TopicAuthorizationFailedError
            refused: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            refused.set_exception(TopicAuthorizationFailedError())
            return refused

    office = Picky()
    await planted(shell, [row(n, shell.clock() - timedelta(seconds=9 - n)) for n in range(9)])
    relay = OutboxPublisher(office, shell.database, clock=shell.clock)
    for _ in range(4):
        await relay.sweep()
    assert [one.key for one in office.rows] == ["0", "1", "2", "3", "5", "6", "7", "8"]
    assert [one["key"] for one in await shell.outbox()] == ["4"]
    shell.clock.forward(timedelta(minutes=1))
    await OutboxPublisher(shell.office, shell.database, clock=shell.clock).sweep()
    assert [one.key for one in shell.office.rows] == ["4"]


async def test_two_sweepers_share_the_rows(shell: Shell) -> None:
    await planted(shell, [row(n, shell.clock()) for n in range(900)])
    offices = [PostOffice(), PostOffice()]
    await asyncio.gather(*[OutboxPublisher(one, shell.database, clock=shell.clock).sweep() for one in offices])
    assert sorted(int(one.key) for office in offices for one in office.rows) == list(range(900))


async def test_what_arrived_is_removed_together_and_is_not_sent_again(shell: Shell) -> None:
    await shell.take("a")
    await shell.take("b")
    assert len(await shell.outbox()) == 2
    shell.clock.forward(outbox.GRACE)
    await shell.relay.sweep()
    assert await shell.outbox() == []
    assert len(shell.office.rows) == 2
    await shell.take("c")
    await asyncio.sleep(0)  # the news of its arrival comes by the loop
    await shell.relay.stop()
    assert await shell.outbox() == []


async def test_what_is_told_but_not_promised_leaves_no_row(shell: Shell) -> None:
    told = BookingProgressed(booking_id=uuid4(), request_id="r", step="accepted", at=shell.clock())
    due = Outgoing(told, due=shell.clock() + timedelta(minutes=1))
    rows = [outbox.row_of(Outgoing.of(send), "tests", None, shell.clock()) for send in (told, due)]
    await planted(shell, rows)
    await shell.relay.send(rows)
    assert [one.id for one in shell.office.rows] == [rows[0].id]
    assert [record["id"] for record in await shell.outbox()] == [rows[1].id]  # what must wait has to be kept


async def test_what_a_transaction_sends_at_once_is_one_row_that_goes_when_all_of_it_has_arrived(shell: Shell) -> None:
    office = Slow()
    relay = OutboxPublisher(office, shell.database, clock=shell.clock)
    processor = Processor(shell.routes, shell.database, relay, clock=shell.clock)
    await process_records(processor, [asked(shell.routes, name) for name in "abc"])
    assert len(await shell.outbox()) == 3
    for arrival in office.arrivals:
        await relay.stop()
        assert await shell.batches() == 1
        arrival.set_result(None)
        await asyncio.sleep(0)
    await relay.stop()
    assert await shell.batches() == 0


async def test_a_batch_that_a_crash_left_behind_is_swept_after_its_grace(shell: Shell) -> None:
    def lost(row: Row) -> None:
        if dying.rows:
            raise KafkaConnectionError  # behind the first of them

    dying = PostOffice(lost)
    relay = OutboxPublisher(dying, shell.database, clock=shell.clock)
    processor = Processor(shell.routes, shell.database, relay, clock=shell.clock)
    await process_records(processor, [asked(shell.routes, name) for name in "abc"])
    survivor = OutboxPublisher(shell.office, shell.database, clock=shell.clock)
    await survivor.sweep()
    assert shell.office.rows == []
    shell.clock.forward(outbox.GRACE)
    await survivor.sweep()
    assert [message.request_id for message in shell.office.messages] == ["a", "b", "c"]
    assert shell.office.rows[0] == dying.rows[0]  # under the same id, by which receivers know it
    assert await shell.outbox() == []
    assert await shell.batches() == 0


async def test_a_batch_that_has_arrived_and_is_due_before_it_is_removed_is_not_sent_again(shell: Shell) -> None:
    await shell.take("a", "b")
    shell.clock.forward(outbox.GRACE)
    await asyncio.sleep(0)
    await shell.relay.sweep()
    assert len(shell.office.rows) == 2
    assert await shell.batches() == 0


async def test_a_message_that_cannot_be_sent_keeps_no_other_of_its_batch_back(shell: Shell) -> None:
    class Picky(PostOffice):
        async def send(self, row: Row) -> asyncio.Future[Any]:
            if row.key != "b":
                return await super().send(row)
            raise TopicAuthorizationFailedError

    office = Picky()
    relay = OutboxPublisher(office, shell.database, clock=shell.clock)
    shell.processor = Processor(shell.routes, shell.database, relay, clock=shell.clock)
    await shell.take("a", "b", "c")
    shell.clock.forward(outbox.GRACE)
    for _ in range(3):
        await relay.sweep()
    assert {one.key for one in office.rows} == {"a", "c"}
    assert [one["key"] for one in await shell.outbox()] == ["b"]
    assert await shell.batches() == 0


async def test_batches_and_rows_that_were_left_behind_are_sent_in_the_order_of_their_commits(shell: Shell) -> None:
    await left_behind(shell, "dcba", "e", "gf", "h")  # one alone is a row
    await OutboxPublisher(shell.office, shell.database, clock=shell.clock).sweep()
    assert [message.request_id for message in shell.office.messages] == list("dcbaegfh")


async def test_one_sweep_sends_however_many_batches_an_outage_left_behind(shell: Shell) -> None:
    await left_behind(shell, *[(f"{number} a", f"{number} b") for number in range(30)])
    await OutboxPublisher(shell.office, shell.database, clock=shell.clock).sweep()
    assert len(shell.office.rows) == 60
    assert await shell.batches() == 0


async def test_batches_are_unpacked_in_portions_that_memory_and_a_statement_can_hold(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    await left_behind(shell, "ab", "cd", "efghi")
    monkeypatch.setattr(batches, "MOST_BYTES", 1)
    monkeypatch.setattr(outbox, "ROWS_AT_ONCE", 2)
    written: list[int] = []
    insert = outbox.OUTBOX.insert

    def noted(rows: Sequence[Row]) -> Statement:
        written.append(len(rows))
        return insert(rows)

    monkeypatch.setattr(outbox.OUTBOX, "insert", noted)
    async with shell.database.transaction() as connection:
        assert len(await outbox.unpack_due(connection, shell.clock(), ())) == 1
    await OutboxPublisher(shell.office, shell.database, clock=shell.clock).sweep()
    assert written == [2, 2, 2, 2, 1]
    assert [message.request_id for message in shell.office.messages] == list("abcdefghi")


async def left_behind(shell: Shell, *transactions: Sequence[str]) -> None:
    """Requests are handled, the names of some in each transaction, and nothing that was committed is sent."""
    broken = OutboxPublisher(PostOffice(_away), shell.database, clock=shell.clock)
    processor = Processor(shell.routes, shell.database, broken, clock=shell.clock)
    for names in transactions:
        await process_records(processor, [asked(shell.routes, name) for name in names])
        shell.clock.forward(timedelta(seconds=1))
    shell.clock.forward(outbox.GRACE)


async def test_two_sweepers_share_the_batches(shell: Shell) -> None:
    names = [f"{number}" for number in range(60)]
    broken = OutboxPublisher(PostOffice(_away), shell.database, clock=shell.clock)
    shell.processor = Processor(shell.routes, shell.database, broken, clock=shell.clock)
    for number in range(0, 60, 2):
        await shell.take(*names[number : number + 2])
    assert await shell.batches() == 30
    shell.clock.forward(outbox.GRACE)
    offices = [PostOffice(), PostOffice()]
    for _ in range(2):  # one of them may find all rows in the other's hands
        await asyncio.gather(*[OutboxPublisher(one, shell.database, clock=shell.clock).sweep() for one in offices])
    assert sorted(message.request_id for office in offices for message in office.messages) == sorted(names)


class Slow(PostOffice):
    """Takes rows whose arrival the test decides on."""

    def __init__(self) -> None:
        super().__init__()
        self.arrivals: list[asyncio.Future[Any]] = []

    async def send(self, row: Row) -> asyncio.Future[Any]:
        await super().send(row)
        self.arrivals.append(asyncio.get_running_loop().create_future())
        return self.arrivals[-1]


def _away(_: Row) -> None:
    raise KafkaConnectionError
