"""The batch shell on a real database: what is stored, what two instances at once do, and what the indexes are for."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.conversations.repository import Repository
from services.conversations.threads import handlers
from services.conversations.threads.bookings import Apartment
from shared.consumer.processor import Processor
from shared.contracts.booking import BookingConfirmed, Contact
from shared.contracts.conversations import ChatMessage, ConversationLinked, GuestWrote
from shared.database.pool import Database
from shared.database.statements import execute_together
from shared.errors import Conflict
from shared.messages.message import Message
from tests.database.conversations.conftest import TRUNCATE, MakeConsumer, PostOffice
from tests.support.builders.conversations import NOW, PHONE, SUBSCRIBER, WA_ID, chat, confirmed, record
from tests.support.doubles.transport import process_records
from tests.support.scale import scaled
from tests.unit.conversations.threads.test_orders import ONE_BOOKING, after, arrivals, shape


async def threads(database: Database) -> list[Any]:
    async with database.connection() as connection:
        return list(await connection.fetch("SELECT * FROM threads ORDER BY created_at, id"))


async def messages(database: Database) -> dict[str, UUID]:
    async with database.connection() as connection:
        return {row["message_id"]: row["thread_id"] for row in await connection.fetch("SELECT * FROM messages")}


async def test_a_message_then_its_booking_then_another_message(
    consumer: Processor, database: Database, post_office: PostOffice
) -> None:
    await process_records(consumer, [record(chat(message_id="before"))])
    await process_records(consumer, [record(booking := confirmed("101", "102"))])
    await process_records(consumer, [record(chat(message_id="after"))])
    (thread,) = await threads(database)
    assert (thread["contact"], thread["property_id"], thread["room"]) == (PHONE, "mar", "101")
    assert thread["booking_id"] == booking.booking_id
    assert thread["name"] == "Ana López · Posada del Mar 101"
    assert set((await messages(database)).values()) == {thread["id"]}
    linked = ConversationLinked(booking_id=booking.booking_id, threads=(thread["id"],))
    assert [one for one in post_office.messages if not isinstance(one, GuestWrote)] == [linked]
    wrote = [one for one in post_office.messages if isinstance(one, GuestWrote)]
    assert [(one.contact, one.channel) for one in wrote] == [(PHONE.removeprefix("+"), "whatsapp")] * 2


async def test_all_of_it_in_one_batch(consumer: Processor, database: Database) -> None:
    await process_records(consumer, [record(message, place) for place, message in enumerate(ONE_BOOKING)])
    assert len(await threads(database)) == 1
    assert len(await messages(database)) == 4


async def test_what_a_provider_delivers_again_is_stored_once(consumer: Processor, database: Database) -> None:
    message = chat(message_id="wamid.1")
    await process_records(consumer, [record(message), record(message, 1)])
    await process_records(consumer, [record(message, 2)])
    assert list(await messages(database)) == ["wamid.1"]


async def test_a_subscribers_thread_goes_over_to_the_phone(consumer: Processor, database: Database) -> None:
    await process_records(consumer, [record(chat(SUBSCRIBER, "before", channel="messenger"))])
    contact = Contact(wa_id=WA_ID, subscriber_id=SUBSCRIBER)
    await process_records(consumer, [record(confirmed("101", wa_id=None, contact=contact))])
    await process_records(
        consumer,
        [
            record(chat(SUBSCRIBER, "after", channel="messenger")),
            record(
                chat(
                    WA_ID,
                    "by phone",
                )
            ),
        ],
    )
    (thread,) = await threads(database)
    assert (thread["contact"], thread["room"]) == (PHONE, "101")
    assert set(await messages(database)) == {"before", "after", "by phone"}


async def test_a_subscribers_booking_goes_over_to_the_phone(consumer: Processor, database: Database) -> None:
    await process_records(consumer, [record(confirmed("101", wa_id=SUBSCRIBER, at=NOW))])
    await process_records(consumer, [record(chat(SUBSCRIBER, channel="messenger"))])
    contact = Contact(wa_id=WA_ID, subscriber_id=SUBSCRIBER)
    await process_records(consumer, [record(confirmed("201", starts=20, contact=contact))])
    await process_records(consumer, [record(chat(WA_ID))])
    (thread,) = await threads(database)
    assert (thread["contact"], thread["room"]) == (PHONE, "101")


class Turn:
    """One instance that handles one message, step by step, in a transaction of its own."""

    def __init__(self, repository: Repository, connection: Any) -> None:
        self._repository = repository
        self._connection = connection

    async def load(self, message: ChatMessage | BookingConfirmed) -> None:
        self._uow = await self._repository.load(self._connection, [message], NOW)
        if isinstance(message, ChatMessage):
            handlers.chat_message(self._uow, message, NOW)
        else:
            handlers.booking_confirmed(self._uow, message, NOW)

    async def save(self) -> None:
        await execute_together(self._connection, await self._repository.save(self._connection, self._uow, NOW))


@asynccontextmanager
async def turn(database: Database, repository: Repository) -> AsyncIterator[Turn]:
    async with database.transaction() as connection:
        yield Turn(repository, connection)


async def race(database: Database, repository: Repository) -> None:
    """Two instances load before either writes; the second writes while the first has not committed."""
    async with turn(database, repository) as first:
        await first.load(chat())
        second_has_loaded, first_has_saved = asyncio.Event(), asyncio.Event()

        async def rival() -> None:
            async with turn(database, repository) as second:
                await second.load(chat())
                second_has_loaded.set()
                await first_has_saved.wait()
                await second.save()

        task = asyncio.create_task(rival())
        await second_has_loaded.wait()
        await first.save()
        first_has_saved.set()
        await asyncio.sleep(0.05)
    await task


@asynccontextmanager
async def without_index(database: Database, name: str) -> AsyncIterator[None]:
    async with database.connection() as connection:
        definition = await connection.fetchval("SELECT pg_get_indexdef($1::regclass)", name)
        await connection.execute(f"DROP INDEX {name}")
        try:
            yield
        finally:
            await connection.execute(TRUNCATE)
            await connection.execute(definition)


async def test_of_two_instances_that_open_a_thread_at_once_one_is_first(
    database: Database, repository: Repository
) -> None:
    with pytest.raises(Conflict):
        await race(database, repository)
    assert len(await threads(database)) == 1


async def test_without_the_index_there_would_be_two(database: Database, repository: Repository) -> None:
    async with without_index(database, "threads_contact_key"):
        await race(database, repository)
        assert len(await threads(database)) == 2


async def test_the_same_for_the_thread_of_an_apartment(
    consumer: Processor, database: Database, repository: Repository
) -> None:
    await process_records(consumer, [record(confirmed("101"))])
    with pytest.raises(Conflict):
        await race(database, repository)
    assert [thread["room"] for thread in await threads(database)] == ["101"]


async def test_without_its_index_an_apartment_would_have_two(
    consumer: Processor, database: Database, repository: Repository
) -> None:
    async with without_index(database, "threads_contact_apartment_key"):
        await process_records(consumer, [record(confirmed("101"))])
        await race(database, repository)
        assert [thread["room"] for thread in await threads(database)] == ["101", "101"]


async def test_what_two_instances_learn_of_a_thread_is_both_kept(
    consumer: Processor, database: Database, repository: Repository
) -> None:
    await process_records(consumer, [record(chat())])
    hour = timedelta(hours=1)

    async def rival() -> None:
        async with turn(database, repository) as second:
            await second.load(chat(sent_at=NOW - hour))
            await second.save()

    async with turn(database, repository) as first:
        await first.load(chat(sent_at=NOW - 2 * hour))
        await first.save()
        task = asyncio.create_task(rival())
        await asyncio.sleep(0.1)
    await task
    (thread,) = await threads(database)
    assert thread["first_message_at"] == NOW - 2 * hour


async def test_a_message_that_waited_for_the_booking_with_its_phone_starts_again(
    database: Database, repository: Repository
) -> None:
    contact = Contact(wa_id=WA_ID, subscriber_id=SUBSCRIBER)

    async def rival() -> None:
        async with turn(database, repository) as second:
            await second.load(chat(SUBSCRIBER, channel="messenger"))

    async with turn(database, repository) as first:
        await first.load(confirmed("101", contact=contact))
        task = asyncio.create_task(rival())
        await asyncio.sleep(0.1)
        await first.save()
    with pytest.raises(Conflict):
        await task


async def test_many_instances_and_messages_of_one_tenant_make_one_thread(
    make_consumer: MakeConsumer, database: Database
) -> None:
    batches = [[record(chat(message_id=f"{batch}-{number}")) for number in range(5)] for batch in range(8)]
    await asyncio.gather(*[process_records(make_consumer(), batch) for batch in batches])
    assert len(await threads(database)) == 1
    assert len(await messages(database)) == 40


async def test_the_same_message_at_several_instances_is_stored_once(
    make_consumer: MakeConsumer, database: Database
) -> None:
    message = chat(message_id="wamid.1")
    await asyncio.gather(*[process_records(make_consumer(), [record(message)]) for _ in range(6)])
    assert list(await messages(database)) == ["wamid.1"]


async def test_a_message_and_a_booking_at_once_always_meet(
    make_consumer: MakeConsumer, database: Database, post_office: PostOffice
) -> None:
    phones = [f"5037{number:07}" for number in range(40)]
    chats = [record(chat(phone)) for phone in phones]
    bookings = [record(confirmed("101", wa_id=phone)) for phone in reversed(phones)]
    await asyncio.gather(
        *[process_records(make_consumer(), [one]) for pair in zip(chats, bookings, strict=True) for one in pair]
    )
    found = await threads(database)
    assert [thread["room"] for thread in found] == ["101"] * 40
    assert all(thread["booking_id"] for thread in found)
    assert Counter(type(one) for one in post_office.messages) == {ConversationLinked: 40, GuestWrote: 40}


async def test_a_subscriber_and_a_booking_with_the_phone_at_once_make_one_thread(
    make_consumer: MakeConsumer, database: Database
) -> None:
    pairs = [(f"fb_{number}", f"5037{number:07}") for number in range(20)]
    works = [
        process_records(make_consumer(), [record(message)])
        for subscriber, phone in pairs
        for message in (
            chat(subscriber, channel="messenger"),
            confirmed("101", contact=Contact(wa_id=phone, subscriber_id=subscriber)),
            chat(phone, channel="whatsapp"),
        )
    ]
    await asyncio.gather(*works)
    found = [thread for thread in await threads(database) if thread["room"]]
    assert len(found) == 20
    assert {thread["contact"] for thread in found} == {f"+{phone}" for _, phone in pairs}
    assert len(await messages(database)) == 40


@settings(max_examples=scaled(25, part=8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(len(ONE_BOOKING))), st.integers(1, 4))
async def test_any_order_in_any_batches(consumer: Processor, database: Database, order: list[int], size: int) -> None:
    async with database.connection() as connection:
        await connection.execute(TRUNCATE)
    records = [record(ONE_BOOKING[index]) for index in order]
    for start in range(0, len(records), size):
        await process_records(consumer, records[start : start + size])
    (thread,) = await threads(database)
    assert (thread["room"], thread["booking_id"]) == ("101", UUID(int=1))
    assert set((await messages(database)).values()) == {thread["id"]}


async def shape_in(database: Database) -> set[tuple[Any, ...]]:
    """The same as `shape` of a world, read from the tables."""
    by_thread: dict[UUID, set[str]] = defaultdict(set)
    for message_id, thread_id in (await messages(database)).items():
        by_thread[thread_id].add(message_id)
    return {
        (
            row["contact"],
            Apartment(row["property_id"], row["room"]) if row["room"] else None,
            row["booking_id"],
            row["name"],
            row["first_message_at"],
            row["last_message_at"],
            row["closed_at"],
            frozenset(by_thread[row["id"]]),
        )
        for row in await threads(database)
    }


@settings(max_examples=scaled(30, part=8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals(), st.integers(1, 4))
async def test_late_repeated_and_reordered_events_in_any_batches_lead_to_the_same_threads(
    consumer: Processor, database: Database, history: tuple[list[Message], list[Message]], size: int
) -> None:
    async with database.connection() as connection:
        await connection.execute(TRUNCATE)
    in_order, arrived = history
    records = [record(message) for message in arrived]
    for start in range(0, len(records), size):
        await process_records(consumer, records[start : start + size])
    assert await shape_in(database) == shape(after(in_order))
