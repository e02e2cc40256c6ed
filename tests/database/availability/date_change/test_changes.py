"""Bookings that move to other nights: both are held until they decide, whatever is repeated, late or never came."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.availability.repository import Repository
from shared.contracts.availability import (
    BookRooms,
    ChangeDropped,
    ChangeKept,
    ChangeRooms,
    DropChange,
    KeepChange,
    PlacedWish,
    ReleaseRooms,
    RoomsChanged,
    RoomsHeld,
    RoomsNotChanged,
)
from shared.database.pool import Database
from shared.messages.message import Message
from tests.database.availability.conftest import Availability
from tests.support.builders.bookings import CHECK_IN, hold, wish
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
LATER = CHECK_IN + timedelta(days=1)


async def booked(service: Availability, rooms: int = 1, type_: str = "Matrimonial", night: date = CHECK_IN) -> Any:
    """A booking with its rooms; gives what availability said."""
    dates = {"check_in": night, "check_out": night + timedelta(days=1)}
    (held,) = await service.tell(hold(uuid4(), *[wish(line, type_) for line in range(1, rooms + 1)], **dates))
    assert isinstance(held, RoomsHeld)
    codes = {room.room: f"HR{held.booking_id.hex[:6]}{room.line}" for room in held.rooms}
    await service.tell(BookRooms(booking_id=held.booking_id, property_id="las-hojas", codes=codes))
    return held


def change(
    held: Any, first: date = LATER, nights: int = 1, number: int = 1, avoid_rooms: tuple[str, ...] = ()
) -> ChangeRooms:
    """The same rooms on other nights."""
    wishes = [
        PlacedWish(line=room.line, type=room.type, adults=room.adults, room=room.room, code=f"HR{room.line}")
        for room in held.rooms
    ]
    return ChangeRooms(
        booking_id=held.booking_id,
        property_id="las-hojas",
        change=number,
        check_in=first,
        check_out=first + timedelta(days=nights),
        package="Las Hojas",
        rooms=tuple(wishes),
        avoid_rooms=avoid_rooms,
    )


def keep(held: Any, number: int = 1) -> KeepChange:
    return KeepChange(booking_id=held.booking_id, property_id="las-hojas", change=number)


def drop(held: Any, number: int = 1) -> DropChange:
    return DropChange(booking_id=held.booking_id, property_id="las-hojas", change=number)


async def nights(service: Availability, booking_id: UUID) -> set[tuple[str, date]]:
    async with service.database.connection() as connection:
        rows = await connection.fetch("SELECT room, night FROM room_nights WHERE booking_id = $1", booking_id)
    return {(row["room"], row["night"]) for row in rows}


async def only(service: Availability, *messages: Message) -> Any:
    """The last answer to these, one after the other."""
    for message in messages:
        (answer,) = await service.tell(message)
    return answer


async def test_both_nights_are_held_until_the_booking_decides(service: Availability) -> None:
    held = await booked(service, 2)
    old = {(room.room, CHECK_IN) for room in held.rooms}
    new = {(room.room, LATER) for room in held.rooms}
    changed = await only(service, change(held))
    assert isinstance(changed, RoomsChanged)
    assert [room.room for room in changed.rooms] == [room.room for room in held.rooms]
    assert changed.total == held.total
    assert await nights(service, held.booking_id) == old | new
    assert isinstance(await only(service, keep(held), keep(held)), ChangeKept)
    assert await nights(service, held.booking_id) == new


async def test_a_stay_that_has_begun_can_be_made_longer_and_never_earlier(service: Availability) -> None:
    """The past is no range to be asked for; the first night that a booking has is its own all the same."""
    held = await booked(service)
    service.clock.now = datetime.combine(CHECK_IN + timedelta(days=1), time(18), UTC)
    early = await only(service, change(held, first=CHECK_IN - timedelta(days=1), nights=4))
    assert isinstance(early, RoomsNotChanged)
    assert (early.refusal.reason, early.refusal.details["field"]) == ("invalid_request", "check_in")
    changed = await only(service, change(held, first=CHECK_IN, nights=3))
    assert isinstance(changed, RoomsChanged)
    await only(service, keep(held))
    room = held.rooms[0].room
    assert await nights(service, held.booking_id) == {(room, CHECK_IN + timedelta(days=day)) for day in range(3)}


async def test_a_room_to_be_avoided_is_not_given_for_other_nights_either(service: Availability) -> None:
    """The booking's own room is, for it has that already."""
    held = await booked(service)
    own = held.rooms[0].room
    all_rooms = {"22", "42", "47", "48", "53"}
    (other,) = all_rooms - {own, *sorted(all_rooms - {own})[:3]}
    stays = await only(service, change(held, avoid_rooms=(own,)))
    assert [room.room for room in stays.rooms] == [own]
    await only(service, drop(held))
    in_the_way = hold(
        uuid4(),
        wish(1, "Matrimonial"),
        check_in=LATER,
        check_out=LATER + timedelta(days=1),
        avoid_rooms=sorted(all_rooms - {own}),
    )
    await service.tell(in_the_way)
    short = await only(service, change(held, number=2, avoid_rooms=tuple(all_rooms)))
    assert isinstance(short, RoomsNotChanged)
    assert short.refusal.reason == "not_enough_rooms"
    changed = await only(service, change(held, number=3, avoid_rooms=tuple(sorted(all_rooms - {other}))))
    assert [room.room for room in changed.rooms] == [other]


async def test_a_change_that_is_dropped_leaves_what_there_was(service: Availability) -> None:
    held = await booked(service)
    await only(service, change(held), change(held))
    assert isinstance(await only(service, drop(held), drop(held), keep(held)), ChangeKept)
    assert await nights(service, held.booking_id) == {(held.rooms[0].room, CHECK_IN)}
    refused = await only(service, change(held))
    assert isinstance(refused, RoomsNotChanged)
    assert refused.refusal.reason == "change_dropped"
    assert isinstance(await only(service, change(held, number=2)), RoomsChanged)


async def test_a_drop_that_comes_first_refuses_its_change(service: Availability) -> None:
    held = await booked(service)
    assert isinstance(await only(service, drop(held)), ChangeDropped)
    assert isinstance(await only(service, change(held)), RoomsNotChanged)


async def test_all_of_it_in_one_batch(service: Availability) -> None:
    held = await booked(service)
    room = held.rooms[0].room
    answers = await service.tell(change(held), drop(held), change(held, number=2), keep(held, 2))
    assert [type(one) for one in answers] == [RoomsChanged, ChangeDropped, RoomsChanged, ChangeKept]
    assert await nights(service, held.booking_id) == {(room, LATER)}
    await service.tell(ReleaseRooms(booking_id=held.booking_id, property_id="las-hojas"), change(held, number=3))
    assert await nights(service, held.booking_id) == set()


async def test_a_release_frees_what_a_change_held_as_well(service: Availability) -> None:
    held = await booked(service)
    await only(service, change(held), ReleaseRooms(booking_id=held.booking_id, property_id="las-hojas"))
    assert await nights(service, held.booking_id) == set()
    assert isinstance(await only(service, keep(held)), ChangeKept)
    assert await nights(service, held.booking_id) == set()


async def test_longer_in_a_full_house_and_all_or_none(service: Availability) -> None:
    everybody = await booked(service, 5)
    assert isinstance(await only(service, change(everybody, CHECK_IN, 2)), RoomsChanged)
    await only(service, keep(everybody))
    elsewhere = await booked(service, 2, night=LATER + timedelta(days=1))
    refused = await only(service, change(elsewhere, LATER, 2))
    assert refused.refusal.reason == "not_enough_rooms"
    assert len(await nights(service, elsewhere.booking_id)) == 2


async def test_a_repeated_booking_after_a_change_says_nothing_new(service: Availability) -> None:
    held = await booked(service)
    await only(service, change(held), keep(held))
    old = {held.rooms[0].room: "an older code"}
    await service.tell(BookRooms(booking_id=held.booking_id, property_id="las-hojas", codes=old))
    async with service.database.connection() as connection:
        found = await Repository().hold(connection, held.booking_id)
    assert found
    assert found.codes == ((held.rooms[0].room, "HR1"),)


async def test_two_that_move_to_the_last_room_do_not_both_get_it(fresh_database: FreshDatabase) -> None:
    url = fresh_database("availability")
    databases = [Database(url), Database(url)]
    for database in databases:
        await database.open()
    first, second = [Availability(database) for database in databases]
    night = LATER + timedelta(days=7)
    await booked(first, 4, night=night)
    movers = [await booked(first), await booked(first)]
    both = [change(mover, night) for mover in movers]
    answers = [one[0] for one in await asyncio.gather(first.tell(both[0]), second.tell(both[1]))]
    assert {type(one) for one in answers} == {RoomsChanged, RoomsNotChanged}
    async with first.database.connection() as connection:
        taken = await connection.fetchval("SELECT count(*) FROM room_nights WHERE night = $1", night)
    assert taken == 5
    for database in databases:
        await database.close()
