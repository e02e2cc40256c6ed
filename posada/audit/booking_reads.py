"""What booking has still to read: until it has, nobody can say of a booking that it does not know it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from posada.audit.reading import Record, read_between
from posada.client.booking_events import nobody_at, partitions_of
from posada.cluster.lag import members
from posada.problems import Exit, Problem
from shared.consumer.odd_records import position_of
from shared.contracts.booking import booking_id_of
from shared.contracts.topics import BOOKING_REPLIES, BOOKING_REQUESTS, internal
from shared.kafka.access import from_environment
from shared.kafka.consumers import consumer
from shared.messages.message import Envelope

GROUP: Final = "posada-booking"
TOPICS: Final = (BOOKING_REQUESTS.name, BOOKING_REPLIES.name, internal("booking").name)
LOOK_S: Final = 0.5
AFTER_A_RESTORE: Final = "After a restore run `posada rewind booking` before that"


async def check_has_read(bootstrap: str, within_s: float) -> None:
    """Wait until booking has read all that stands on its topics now.

    Raises:
        Problem: when no copy of it runs, or it has not done so within so many seconds.
    """
    async with _asking(bootstrap) as (reader, admin):
        if not await members(admin, GROUP):
            text = f"booking does not run, so nobody knows what it still has to read: start it. {AFTER_A_RESTORE}."
            raise Problem(text, Exit.NO)
        places = await partitions_of(bootstrap, *TOPICS)
        ends = await reader.end_offsets(places)
        deadline = time.monotonic() + within_s
        while (left := await _left(reader, admin, ends)) > 0:
            if time.monotonic() > deadline:
                text = f"booking has {left} messages still to read, and what they ask for would be taken from it: wait"
                raise Problem(f"{text} until it has read them. {AFTER_A_RESTORE}.", Exit.NO)
            await asyncio.sleep(LOOK_S)


async def requested(bootstrap: str) -> set[UUID]:
    """The bookings that requests ask for which still stand on their topic, however long ago they were read."""
    found: set[UUID] = set()

    def note(record: Record) -> None:
        if name := _request_in(record):
            found.add(booking_id_of(name))

    async with _asking(bootstrap) as (reader, _):
        places = await partitions_of(bootstrap, BOOKING_REQUESTS.name)
        await read_between(reader, await reader.beginning_offsets(places), await reader.end_offsets(places), note)
    return found


def _request_in(record: Record) -> str:
    """The id of the request in a record, as booking reads it; empty where there is none."""
    try:
        body = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError:
        return ""
    place = position_of(record)
    envelope = Envelope.from_headers(record.headers, topic=record.topic, place=place, type_name="", now=_NEVER)
    name = body.get("request_id", envelope.reference) if isinstance(body, dict) else ""
    return name.strip() if isinstance(name, str) else ""


_NEVER: Final = datetime.min.replace(tzinfo=UTC)  # an envelope's time is of no interest here


async def _left(reader: AIOKafkaConsumer, admin: AIOKafkaAdminClient, ends: dict[TopicPartition, int]) -> int:
    """Messages before these ends that the group has not committed."""
    begins = await reader.beginning_offsets(list(ends))
    committed = await admin.list_consumer_group_offsets(GROUP)
    read = {place: max(begins[place], committed[place].offset if place in committed else 0) for place in ends}
    return sum(max(0, end - read[place]) for place, end in ends.items())


@asynccontextmanager
async def _asking(bootstrap: str) -> AsyncIterator[tuple[AIOKafkaConsumer, AIOKafkaAdminClient]]:
    reader = consumer(bootstrap, auto_offset_reset="earliest")
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **from_environment())
    try:
        await reader.start()
        await admin.start()
        yield reader, admin
    except KafkaConnectionError as error:
        raise nobody_at(bootstrap) from error
    finally:
        await reader.stop()
        await admin.close()
