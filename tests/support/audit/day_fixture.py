"""Five databases in which a day was lived, and copies of them that a test may spoil."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from posada.audit.topic_snapshot import TopicSnapshot, outcome_in
from shared.contracts.booking import BookingRequested, booking_id_of
from shared.contracts.booking.staff import CancelBooking, ChangeDates, CheckIn, CheckOut, MarkNoShow
from shared.contracts.common import Channel
from shared.contracts.conversations import Author, ChatMessage
from shared.outbox.row import Row
from tests.support.builders.bookings import CHECK_IN, request, room, transfer_for
from tests.support.doubles.transport import START, record_of_row
from tests.support.sagas.in_memory_cluster import InMemoryCluster, cluster_of
from tests.support.servers.databases import Databases

FIRST, SECOND, SHORT, CROWD, UNPAID = "first", "second", "short", "crowd", "unpaid"
MOVED, OFF, MISSED, HERE, EARLY = "moved", "off", "missed", "here", "early"

EVERYBODY = (FIRST, SECOND, SHORT, CROWD, UNPAID, MOVED, OFF, MISSED, HERE, EARLY)


def asked(name: str, nights_on: int, **more: object) -> BookingRequested:
    """A request for a night of its own."""
    nights = {"check_in": CHECK_IN + timedelta(days=nights_on), "check_out": CHECK_IN + timedelta(days=nights_on + 1)}
    return request(name, **{key: day.isoformat() for key, day in nights.items()}, **more)


@dataclass
class House:
    """The addresses of the databases, and what was sent that day."""

    urls: dict[str, str]
    log: list[Row] = field(default_factory=list)

    @property
    def ids(self) -> dict[str, UUID]:
        """The bookings by their requests' names."""
        return {name: booking_id_of(name) for name in EVERYBODY}

    def books(self) -> TopicSnapshot:
        """What stands on the topics."""
        announced: dict[UUID, list[str]] = {}
        for row in self.log:
            if found := outcome_in(record_of_row(row)):
                announced.setdefault(found[0], []).append(found[1])
        return TopicSnapshot(announced)


class Shelf:
    """Topics that stand still."""

    def __init__(self, books: TopicSnapshot) -> None:
        self.books = books

    async def look(self) -> TopicSnapshot:
        """What was put there."""
        return self.books


async def live_a_day(urls: Mapping[str, str]) -> House:
    """Two bookings confirmed, one paid too little, one for more rooms than there are, one never paid; and a chat.

    Of four more that are confirmed one moves to other nights and again to two others, one moves and is called off,
    one's guests do not come, and one's come and leave again, room by room. One is cancelled while its money is looked
    for.
    """
    async with cluster_of(urls) as cluster:
        await cluster.publish(transfer_for(FIRST), transfer_for(SECOND), transfer_for(SHORT, "100.00"))
        await cluster.publish(asked(FIRST, 1), asked(FIRST, 1), asked(SECOND, 2), asked(SHORT, 3), asked(UNPAID, 4))
        await cluster.publish(asked(CROWD, 5, rooms=[room(2, "Matrimonial")] * 6))
        await cluster.publish(_chat("50371234567", "m1"), _chat("50379999999", "m2"))
        await cluster.publish(*map(transfer_for, (MOVED, OFF, MISSED, HERE)))
        await cluster.publish(asked(MOVED, 60), asked(OFF, 64), asked(MISSED, -5), asked(HERE, -5))
        # To the evening of the day on which the missed ones were to come, and not to the others' reminders.
        await cluster.run(until=cluster.clock() + timedelta(hours=9))
        moved, off, here = booking_id_of(MOVED), booking_id_of(OFF), booking_id_of(HERE)
        await cluster.publish(_moves(moved, 11, 62, 63), _moves(off, 12, 65, 66))
        await cluster.run(until=cluster.clock() + timedelta(minutes=1))
        await cluster.publish(_moves(moved, 1, 61, 63))
        await cluster.publish(CancelBooking(command_id=UUID(int=2), booking_id=off, who="Marta"))
        await cluster.publish(MarkNoShow(command_id=UUID(int=3), booking_id=booking_id_of(MISSED), who="Marta"))
        stays = await cluster.ask("booking", "SELECT code FROM stays WHERE booking_id = $1 ORDER BY line", here)
        first, *others = [stay["code"] for stay in stays]
        for number, codes in ((20, (first,)), (21, tuple(others))):
            await cluster.publish(CheckIn(command_id=UUID(int=number), booking_id=here, who="Marta", codes=codes))
        for number, codes in ((22, tuple(others)), (23, ())):  # the last one without saying which
            await cluster.publish(CheckOut(command_id=UUID(int=number), booking_id=here, who="Marta", codes=codes))
        await cluster.publish(asked(EARLY, 70))
        await cluster.run(until=cluster.clock() + timedelta(minutes=1))
        await cluster.publish(CancelBooking(command_id=UUID(int=6), booking_id=booking_id_of(EARLY), who="Marta"))
        await cluster.run()
        return House(dict(urls), _log_of(cluster))


def _moves(booking_id: UUID, number: int, first: int, last: int) -> ChangeDates:
    """To other nights, counted from the first day on."""
    nights = {"check_in": CHECK_IN + timedelta(days=first), "check_out": CHECK_IN + timedelta(days=last)}
    return ChangeDates(command_id=UUID(int=number), booking_id=booking_id, who="Marta", **nights)


def _log_of(cluster: InMemoryCluster) -> list[Row]:
    return list(cluster.log)


def _chat(contact: str, message_id: str) -> ChatMessage:
    return ChatMessage(
        message_id=message_id,
        channel=Channel.WHATSAPP,
        contact=contact,
        author=Author.TENANT,
        text="¿A qué hora es la entrada?",
        sent_at=START,
    )


@contextmanager
def spoiled(house: House, databases: Databases, service: str) -> Iterator[House]:
    """The house with a copy of one database, to be spoiled."""
    copy = databases.copy(house.urls[service])
    try:
        yield House(house.urls | {service: copy}, house.log)
    finally:
        databases.drop(copy)
