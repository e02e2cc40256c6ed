"""What stands on the topics: each booking's outcomes, what was set aside, and whom unread messages are about."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Self
from uuid import UUID

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from posada.audit.reading import Record, read_between, went_silent
from posada.client.booking_events import CONFIRMED, OUTCOMES, nobody_at, partitions_of
from services.booking.requests.events import outcome_id
from shared.clock import Clock, system_clock
from shared.contracts.topics import BOOKING_EVENTS, SERVICES, dead
from shared.kafka.access import from_environment
from shared.kafka.consumers import consumer
from shared.outbox.dead_letter_topic import DeadLetter, read_dead

BOOKING: Final = "posada/booking"
MOST_UNREAD: Final = 50_000
LETTERS_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class TopicSnapshot:
    """What a look at the topics found.

    `announced` has the kinds of outcome of each booking (confirmed, refused, failed). Of bookings decided before
    `whole_since` the broker may have forgotten some. `in_flight` are bookings that one of the `unread` messages is
    about, and with `much_unread` there are too many to tell.
    """

    announced: Mapping[UUID, Sequence[str]] = field(default_factory=dict)
    whole_since: datetime | None = None
    dead: Sequence[DeadLetter] = ()
    in_flight: frozenset[UUID] = frozenset()
    unread: int = 0

    @property
    def much_unread(self) -> bool:
        """Whether so much is unread that it is not known which bookings it concerns."""
        return self.unread > MOST_UNREAD


class TopicReader:
    """Reads the topics without a group, so that nobody's place moves; a second look reads only what is new."""

    def __init__(self, bootstrap: str, clock: Clock = system_clock) -> None:
        self._bootstrap = bootstrap
        self._clock = clock
        self._consumer = consumer(bootstrap, auto_offset_reset="earliest")
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **from_environment())
        self._announced: dict[UUID, list[str]] = {}
        self._places: dict[TopicPartition, int] = {}
        self._whole_since: datetime | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
            await self._admin.start()
        except KafkaConnectionError as error:
            await self._close()
            raise nobody_at(self._bootstrap) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def look(self) -> TopicSnapshot:
        """Everything that stands there now.

        Raises:
            Problem: when a topic is not there or not for us to read, or the broker falls silent.
        """
        await self._read_outcomes()
        in_flight, unread = await self._read_unread()
        return TopicSnapshot(self._announced, self._whole_since, await self._read_dead(), in_flight, unread)

    async def _close(self) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def _read_outcomes(self) -> None:
        there = await partitions_of(self._bootstrap, BOOKING_EVENTS.name)
        asked_at = self._clock()
        begins = await self._consumer.beginning_offsets(there)
        for partition, begin in begins.items():
            self._places[partition] = max(self._places.get(partition, 0), begin)
        ends = await self._consumer.end_offsets(there)

        def note(record: Record) -> None:
            partition = TopicPartition(record.topic, record.partition)
            if begins[partition] > 0 and record.offset == begins[partition]:  # what came before is forgotten
                oldest = datetime.fromtimestamp(record.timestamp / 1000, UTC)
                self._forgets_before(oldest)
            self._places[partition] = record.offset + 1
            if (found := outcome_in(record)) is not None:
                self._announced.setdefault(found[0], []).append(found[1])

        for partition, begin in begins.items():
            if 0 < begin == ends[partition]:  # all that stood there is forgotten
                self._forgets_before(asked_at)
        await read_between(self._consumer, dict(self._places), ends, note)

    def _forgets_before(self, moment: datetime) -> None:
        self._whole_since = max(self._whole_since or moment, moment)

    async def _read_dead(self) -> list[DeadLetter]:
        there = await partitions_of(self._bootstrap, *[dead(service).name for service in SERVICES])
        try:
            async with asyncio.timeout(LETTERS_S):
                return await read_dead(self._bootstrap, there)
        except TimeoutError as silent:
            raise went_silent(LETTERS_S) from silent

    async def _read_unread(self) -> tuple[frozenset[UUID], int]:
        """Whom messages are about that a group has not committed, and how many those are.

        They may be in hand, or still to come.
        """
        places: dict[TopicPartition, int] = {}
        for service in SERVICES:
            committed = await self._admin.list_consumer_group_offsets(f"posada-{service}")
            for partition, place in committed.items():
                places[partition] = min(places.get(partition, place.offset), place.offset)
        ends = await self._consumer.end_offsets(list(places)) if places else {}
        unread = sum(max(0, end - places[partition]) for partition, end in ends.items())
        if unread > MOST_UNREAD:
            return frozenset(), unread
        found: set[UUID] = set()

        def note(record: Record) -> None:
            found.update(about(record.headers, record.key))

        await read_between(self._consumer, places, ends, note)
        return frozenset(found), unread


def outcome_in(record: Record) -> tuple[UUID, str] | None:
    """The booking and the kind of the outcome in a record; None for anything else.

    Booking's answer to a request that is none has an id of its own and is no outcome of a booking.
    """
    headers = {name: value.decode("utf-8", "replace") for name, value in record.headers if value}
    kind = headers.get("ce_type", "")
    booking_id = uuid_in(record.key)
    if booking_id is None or kind not in OUTCOMES or headers.get("ce_source") != BOOKING:
        return None
    if kind != CONFIRMED and headers.get("ce_id") != outcome_id(booking_id):
        return None
    return booking_id, kind.split(".")[2]


def about(headers: Sequence[tuple[str, bytes]], key: bytes | None) -> set[UUID]:
    """The bookings that a message names in its envelope or its key."""
    named = [value for name, value in headers if name == "ce_correlationid"]
    return {found for one in [*named, key] if (found := uuid_in(one))}


def uuid_in(text: bytes | None) -> UUID | None:
    """The UUID in a text; None where it is none."""
    try:
        return UUID((text or b"").decode("ascii"))
    except (ValueError, UnicodeDecodeError):
        return None
