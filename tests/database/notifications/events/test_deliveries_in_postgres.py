"""The batch shell on a real database: one delivery for each event, recipient and channel."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from services.notifications.repository import Repository
from shared.contracts.booking import BookingProgressed
from shared.contracts.notifications import GuestNotified, StaffAlerted
from shared.database.pool import Database
from shared.observability.metrics import LOCKED_TURNS
from tests.database.notifications.conftest import MakeConsumer, PostOffice
from tests.support.builders.notifications import (
    NOW,
    a_composer,
    a_room,
    confirmed,
    failed,
    payment_search,
    record,
    refused,
)
from tests.support.doubles.transport import process_records


async def rows(database: Database) -> list[Any]:
    async with database.connection() as connection:
        return list(await connection.fetch("SELECT * FROM deliveries ORDER BY number"))


async def test_a_confirmation_is_written_and_answered(
    make_consumer: MakeConsumer, database: Database, post_office: PostOffice
) -> None:
    message = confirmed(a_room(1), a_room(2))
    await process_records(make_consumer(a_composer()), [record(message)])
    assert {(row["channel"], row["status"], row["provider"]) for row in await rows(database)} == {
        ("email", "stored", "local"),
        ("whatsapp", "stored", "local"),
    }
    assert post_office.messages == [GuestNotified(booking_id=message.booking_id, channels=("email", "whatsapp"))]


async def test_however_often_an_event_comes_it_is_told_once(
    make_consumer: MakeConsumer, database: Database, post_office: PostOffice
) -> None:
    message, consumer = confirmed(), make_consumer(a_composer())
    await process_records(
        consumer, [record(message, event_id="same"), record(message, 1, event_id="same"), record(message, 2)]
    )
    await process_records(consumer, [record(message, 3), record(message, 4, event_id="same")])
    assert len(await rows(database)) == 2
    assert set(post_office.messages) == {GuestNotified(booking_id=message.booking_id, channels=("email", "whatsapp"))}


async def test_two_instances_that_hear_of_it_at_once_tell_once(make_consumer: MakeConsumer, database: Database) -> None:
    messages = [confirmed() for _ in range(50)]
    batches = [messages, list(reversed(messages))] * 2
    await asyncio.gather(
        *[process_records(make_consumer(a_composer()), [record(message) for message in batch]) for batch in batches]
    )
    assert set(Counter((row["booking_id"], row["channel"]) for row in await rows(database)).values()) == {1}
    assert len(await rows(database)) == 100


async def test_without_the_constraint_they_would_tell_twice(make_consumer: MakeConsumer, database: Database) -> None:
    name = "deliveries_booking_id_occasion_recipient_channel_key"
    async with database.connection() as connection:
        await connection.execute(f"ALTER TABLE deliveries DROP CONSTRAINT {name}")
        with pytest.raises(AssertionError):
            await test_two_instances_that_hear_of_it_at_once_tell_once(make_consumer, database)
        await connection.execute("TRUNCATE deliveries")
        columns = "booking_id, occasion, recipient, channel"
        await connection.execute(f"ALTER TABLE deliveries ADD CONSTRAINT {name} UNIQUE ({columns})")


async def test_a_batch_of_everything(make_consumer: MakeConsumer, database: Database, post_office: PostOffice) -> None:
    alert = StaffAlerted(booking_id=confirmed().booking_id, code="saga_stuck", text="Capture fails.")
    progress = BookingProgressed(booking_id=alert.booking_id, request_id="r", step="accepted", at=NOW)
    messages = [confirmed(), refused(), failed(), payment_search(1), payment_search(2), alert, progress]
    await process_records(
        make_consumer(a_composer()), [record(message, place) for place, message in enumerate(messages)]
    )
    assert Counter(row["occasion"].partition(":")[0] for row in await rows(database)) == {
        "confirmed": 2,
        "refused": 2,
        "failed": 2,
        "payment_search": 4,
        "staff_alert": 1,
    }
    assert [type(message) for message in post_office.messages] == [GuestNotified]


async def test_confirmations_are_written_without_locks_and_nothing_that_is_known_is(
    make_consumer: MakeConsumer, database: Database
) -> None:
    consumer = make_consumer(a_composer())
    before = LOCKED_TURNS._value.get()
    await process_records(consumer, [record(confirmed()) for _ in range(3)])
    assert LOCKED_TURNS._value.get() == before
    searched = payment_search(stage=1)
    found = confirmed().model_copy(update={"booking_id": searched.booking_id})
    await process_records(consumer, [record(searched)])
    await process_records(consumer, [record(confirmed()), record(found)])
    assert LOCKED_TURNS._value.get() == before + 2
    assert len({row["booking_id"] for row in await rows(database)}) == 5


async def test_a_confirmation_that_another_instance_wrote_meanwhile_is_told_once(
    make_consumer: MakeConsumer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have looked and found nothing: the constraint decides, and who was second handles it under locks."""
    message = confirmed()
    first, second = (make_consumer(a_composer()) for _ in range(2))
    meeting = asyncio.Barrier(2)
    see = Repository.load_optimistic

    async def look(*given: Any) -> Any:
        seen = await see(*given)
        await meeting.wait()
        return seen

    monkeypatch.setattr(Repository, "load_optimistic", look)
    await asyncio.gather(
        process_records(first, [record(message)]), process_records(second, [record(message, 1, event_id="another")])
    )
    assert Counter(row["channel"] for row in await rows(database)) == {"email": 1, "whatsapp": 1}
