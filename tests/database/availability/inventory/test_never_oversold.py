"""Guests, a desk and a clock play against PostgreSQL and a model: whatever they do, no room is sold twice."""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from services.availability.catalogue.model import RoomRecord
from services.availability.catalogue.repository import CatalogueRepository
from services.availability.repository import Repository
from shared.contracts.availability import (
    BookRooms,
    CountAnswered,
    CountRequested,
    ExtendHold,
    HoldExpired,
    HoldRooms,
    ReleaseRooms,
    RoomsBooked,
    RoomsHeld,
    RoomsNotHeld,
)
from shared.contracts.common import Policy
from shared.database.pool import Connection, Database
from shared.errors import Refusal
from shared.messages.message import Message
from shared.outbox.timers import fire_due
from tests.database.availability.conftest import Availability
from tests.support.builders.bookings import CHECK_IN, hold, wish
from tests.support.doubles.transport import MovedClock, message_of, process_records, record_of_row
from tests.support.scale import scaled
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
PROPERTY, TYPE = "las-hojas", "habitacion"
ROOMS = ("1A", "2A", "3A", "4A")
DAYS = 5
Result = TypeVar("Result")

_CLEAN = "TRUNCATE room_nights, holds, inbox, outbox"
_ONLY = """
UPDATE rooms SET out_of_order_from = CASE WHEN number = ANY($1) THEN NULL ELSE date '2000-01-01' END,
                 out_of_order_until = NULL WHERE property_id = 'las-hojas'"""
_NIGHTS = "SELECT room, night, booking_id FROM room_nights"
_STATES = "SELECT booking_id, state FROM holds"

stays = st.tuples(st.integers(0, DAYS - 1), st.integers(1, 3)).map(
    lambda drawn: (CHECK_IN + timedelta(days=drawn[0]), CHECK_IN + timedelta(days=sum(drawn)))
)


@dataclass
class Booked:
    """What the model knows of a booking."""

    command: HoldRooms
    state: str
    rooms: tuple[str, ...] = ()
    expires_at: datetime | None = None

    @property
    def nights(self) -> list[date]:
        """The nights of its stay."""
        first = self.command.check_in
        return [first + timedelta(days=n) for n in range((self.command.check_out - first).days)]


@dataclass
class Model:
    """The property_ as it must be."""

    bookings: dict[UUID, Booked] = field(default_factory=dict)
    closed: dict[str, tuple[date, date]] = field(default_factory=dict)

    def taken(self) -> Counter[tuple[str, date]]:
        """How often each room-night is sold."""
        alive = [one for one in self.bookings.values() if one.state != "released"]
        return Counter((room, night) for one in alive for room in one.rooms for night in one.nights)

    def free(self, check_in: date, check_out: date) -> set[str]:
        """Rooms that are free for every night."""
        nights = [check_in + timedelta(days=n) for n in range((check_out - check_in).days)]
        taken = self.taken()
        return {
            room for room in ROOMS if not any(taken[room, night] or self.is_closed(room, night) for night in nights)
        }

    def is_closed(self, room: str, night: date) -> bool:
        """Whether it is out of order."""
        first, last = self.closed.get(room, (date.max, date.min))
        return first <= night <= last


class Rival(Repository):
    """Looks, and waits until its rival has looked, too."""

    barrier: asyncio.Barrier | None = None

    async def load_optimistic(self, connection: Connection, messages: Any, now: datetime) -> Any:
        """Look, then meet, once."""
        uow = await super().load_optimistic(connection, messages, now)
        barrier, self.barrier = self.barrier, None
        if barrier:
            await barrier.wait()
        return uow


class Hotel(RuleBasedStateMachine):
    """The players. A subclass says which database, and whether its guard stands."""

    url: ClassVar[str]
    bookings = Bundle("bookings")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = MovedClock()
        self.model = Model()
        self.database = Database(self.url)
        self.run(self.database.open())
        self.instances = [Availability(self.database, self.clock) for _ in range(2)]
        for one in self.instances:
            one.consumer.routes.repository = one.consumer._optimistic = Rival()
        self.service = self.instances[0]
        self.records = CatalogueRepository(self.database)

    def teardown(self) -> None:
        self.run(self.database.close())
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.loop.run_until_complete(asyncio.wait_for(work, 60))

    @initialize()
    def open_the_house(self) -> None:
        async def clean() -> None:
            async with self.database.connection() as connection:
                await connection.execute(_CLEAN)
                await connection.execute(_ONLY, ROOMS)

        self.run(clean())

    @rule(target=bookings, stay=stays, rooms=st.integers(1, 3), avoid=st.sets(st.sampled_from(ROOMS), max_size=2))
    def a_guest_asks(self, stay: Any, rooms: int, avoid: set[str]) -> UUID:
        command = self.wants(stay, rooms, avoid_rooms=tuple(avoid))
        (answer,) = self.run(self.service.tell(command))
        enough = len(self.model.free(*stay) - avoid) >= rooms
        assert isinstance(answer, RoomsHeld) is enough
        self.believe(command, answer)
        return command.booking_id

    @rule(target=bookings, stay=stays, rooms=st.integers(1, 4))
    def a_guest_takes_what_there_is(self, stay: Any, rooms: int) -> UUID:
        command = self.wants(stay, rooms, policy=Policy.BEST_EFFORT)
        (answer,) = self.run(self.service.tell(command))
        had = len(answer.rooms) if isinstance(answer, RoomsHeld) else 0
        assert had == min(rooms, len(self.model.free(*stay)))
        self.believe(command, answer)
        return command.booking_id

    @rule(target=bookings, first=stays, second=stays, rooms=st.integers(1, 3), apart=st.booleans())
    def two_guests_ask_at_once(self, first: Any, second: Any, rooms: int, apart: bool) -> Any:
        """In one batch, or at two instances that both look before either writes."""
        commands = [self.wants(first, rooms), self.wants(second, rooms)]
        answers = self.run(self.at_two(commands) if apart else self.service.tell(*commands))
        by_booking = {answer.booking_id: answer for answer in answers}
        for command in commands:
            self.believe(command, by_booking[command.booking_id])
        for command in commands:
            if isinstance(by_booking[command.booking_id], RoomsNotHeld):
                assert len(self.model.free(command.check_in, command.check_out)) < rooms
        return multiple(*by_booking)

    @rule(booking=bookings)
    def the_saga_books(self, booking: UUID) -> None:
        known = self.model.bookings[booking]
        if known.state == "released":
            return
        codes = {room: f"HR{room}" for room in known.rooms}
        (answer,) = self.run(self.service.tell(BookRooms(booking_id=booking, property_id=PROPERTY, codes=codes)))
        assert isinstance(answer, RoomsBooked)
        assert set(answer.rooms) == set(known.rooms)
        known.state = "booked"

    @rule(booking=bookings, again=st.booleans())
    def the_saga_releases(self, booking: UUID, again: bool) -> None:
        release = ReleaseRooms(booking_id=booking, property_id=PROPERTY)
        self.run(self.service.tell(*[release] * (1 + again)))
        self.model.bookings[booking].state = "released"

    @rule(booking=bookings, stay=stays)
    def a_release_and_a_hold_share_a_batch(self, booking: UUID, stay: Any) -> None:
        command = self.wants(stay, 2)
        release = ReleaseRooms(booking_id=booking, property_id=PROPERTY)
        answers = self.run(self.service.tell(release, command))
        self.model.bookings[booking].state = "released"
        (answer,) = [one for one in answers if isinstance(one, RoomsHeld | RoomsNotHeld)]
        assert isinstance(answer, RoomsHeld) is (len(self.model.free(*stay)) >= 2)
        self.believe(command, answer)

    @rule(booking=bookings)
    def a_command_comes_again(self, booking: UUID) -> None:
        known = self.model.bookings[booking]
        (answer,) = self.run(self.service.tell(known.command))
        if known.state == "released":
            refused = isinstance(answer, RoomsNotHeld)
            if not refused:  # it never had a hold: a new chance
                self.believe(known.command, answer)
        else:
            assert isinstance(answer, RoomsHeld)
            assert {room.room for room in answer.rooms} == set(known.rooms)

    @rule(booking=bookings, minutes=st.integers(1, 60))
    def the_saga_waits_for_money(self, booking: UUID, minutes: int) -> None:
        known = self.model.bookings[booking]
        until = self.clock() + timedelta(minutes=minutes)
        self.run(self.service.tell(ExtendHold(booking_id=booking, property_id=PROPERTY, until=until)))
        if known.state == "held" and known.expires_at:
            known.expires_at = max(known.expires_at, until)

    @rule(minutes=st.integers(1, 40))
    def time_passes(self, minutes: int) -> None:
        """Holds whose time is up are proposed to their owners, who give them back; nothing frees itself."""
        self.clock.forward(timedelta(minutes=minutes))
        told = set(self.run(self.expired()))
        due = {
            key
            for key, one in self.model.bookings.items()
            if one.state == "held" and one.expires_at and one.expires_at <= self.clock()
        }
        assert told == due
        for booking in due:
            self.run(self.service.tell(ReleaseRooms(booking_id=booking, property_id=PROPERTY)))
            self.model.bookings[booking].state = "released"

    @rule(room=st.sampled_from(ROOMS), stay=stays)
    def the_desk_closes_a_room(self, room: str, stay: Any) -> None:
        first, last = stay[0], stay[1] - timedelta(days=1)
        taken = [night for (number, night), sold in self.model.taken().items() if sold and number == room]
        broken = any(first <= night <= last for night in taken)
        record = RoomRecord(
            property_id=PROPERTY, room=room, type=TYPE, out_of_order_from=first, out_of_order_until=last
        )
        try:
            self.run(self.records.put(record, self.clock()))
        except Refusal as refusal:
            assert broken, refusal.text
        else:
            assert not broken
            self.model.closed[room] = (first, last)

    @rule(room=st.sampled_from(ROOMS))
    def the_desk_opens_a_room(self, room: str) -> None:
        self.run(self.records.put(RoomRecord(property_id=PROPERTY, room=room, type=TYPE), self.clock()))
        self.model.closed.pop(room, None)

    @rule(stay=stays)
    def somebody_counts(self, stay: Any) -> None:
        request = CountRequested(request_id=str(uuid4()), property_id=PROPERTY, check_in=stay[0], check_out=stay[1])
        (answer,) = self.run(self.service.tell(request))
        assert isinstance(answer, CountAnswered)
        assert answer.available_counts[TYPE] == len(self.model.free(*stay))

    @invariant()
    def nothing_is_sold_twice(self) -> None:
        nights, states = self.run(self.written())
        sold = Counter((row["room"], row["night"]) for row in nights)
        assert all(number == 1 for number in sold.values()), "a room is sold twice"
        assert sold == +self.model.taken()
        assert not [key for key in sold if self.model.is_closed(*key)]
        for key, one in self.model.bookings.items():
            assert states.get(key, "released") == one.state

    def wants(self, stay: Any, rooms: int, **more: Any) -> HoldRooms:
        lines = [wish(line, "Habitación") for line in range(1, rooms + 1)]
        return hold(uuid4(), *lines, check_in=stay[0], check_out=stay[1], **more)

    def believe(self, command: HoldRooms, answer: Message) -> None:
        """Take over what was answered, after a look at whether it can be."""
        if not isinstance(answer, RoomsHeld):
            self.model.bookings[command.booking_id] = Booked(command, "released")
            return
        rooms = tuple(room.room for room in answer.rooms)
        assert len(set(rooms)) == len(rooms)
        assert set(rooms) <= self.model.free(command.check_in, command.check_out) - set(command.avoid_rooms), (
            "a room is sold twice"
        )
        self.model.bookings[command.booking_id] = Booked(command, "held", rooms, answer.expires_at)

    async def at_two(self, commands: list[HoldRooms]) -> list[Message]:
        barrier = asyncio.Barrier(2)
        for one in self.instances:
            one.consumer.routes.repository.barrier = barrier  # type: ignore[attr-defined]
        told = await asyncio.gather(*[one.tell(given) for one, given in zip(self.instances, commands, strict=True)])
        return [answer for answers in told for answer in answers]

    async def expired(self) -> list[UUID]:
        """Whose holds are said to be over."""
        service = self.service
        due = service.consumer.routes.repository.due
        await fire_due(self.database, service.relay, "tests", due, self.clock())
        rows = service.office.taken()
        await process_records(service.consumer, [record_of_row(row) for row in rows])
        return [one.booking_id for one in map(message_of, service.office.taken()) if isinstance(one, HoldExpired)]

    async def written(self) -> tuple[Any, dict[UUID, str]]:
        async with self.database.connection() as connection:
            nights = await connection.fetch(_NIGHTS)
            return nights, {row["booking_id"]: row["state"] for row in await connection.fetch(_STATES)}


def play(url: str, *, examples: int, phases: tuple[Phase, ...] = tuple(Phase)) -> None:
    """Let them play against this database."""
    game = type("Game", (Hotel,), {"url": url})
    run_state_machine_as_test(
        game,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.long
def test_nothing_is_ever_oversold(fresh_database: FreshDatabase) -> None:
    play(fresh_database("availability"), examples=scaled(25, part=8))


def test_without_the_key_they_find_a_room_sold_twice(fresh_database: FreshDatabase) -> None:
    """The proof that the test above tests something."""
    url = fresh_database("availability")

    async def remove() -> None:
        database = Database(url)
        await database.open()
        async with database.connection() as connection:
            await connection.execute("ALTER TABLE room_nights DROP CONSTRAINT room_nights_pkey")
        await database.close()

    asyncio.run(remove())
    with pytest.raises((AssertionError, BaseExceptionGroup)) as found:
        play(url, examples=200, phases=(Phase.generate,))
    assert "a room is sold twice" in "".join(traceback.format_exception(found.value))
