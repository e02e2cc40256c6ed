"""Rooms that are freed and held again: what speaks of the first time and comes late does nothing to the second."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.availability import (
    BookRooms,
    FreeRooms,
    HoldDue,
    HoldRooms,
    ReleaseRooms,
    RoomsBooked,
    RoomsFreed,
    RoomsHeld,
    RoomsNotHeld,
)
from shared.messages.message import Message
from tests.database.availability.conftest import Availability
from tests.support.builders.bookings import hold, wish
from tests.support.doubles.transport import START

pytestmark = pytest.mark.real
PROPERTY = "las-hojas"


def wanted(booking: UUID, holding: int) -> HoldRooms:
    return hold(booking, wish(1), wish(2), holding=holding)


def unwanted(booking: UUID, holding: int) -> FreeRooms:
    return FreeRooms(booking_id=booking, property_id=PROPERTY, holding=holding)


async def nights(service: Availability, booking: UUID) -> list[Any]:
    async with service.database.connection() as connection:
        return list(await connection.fetch("SELECT room FROM room_nights WHERE booking_id = $1", booking))


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
async def test_in_whatever_order_they_come_the_rooms_are_held_in_the_end(
    service: Availability, order: tuple[int, ...]
) -> None:
    booking = uuid4()
    (first,) = await service.tell(wanted(booking, 1))
    assert isinstance(first, RoomsHeld)
    late: list[Message] = [unwanted(booking, 1), wanted(booking, 2), wanted(booking, 1)]
    answers = [answer for place in order for answer in await service.tell(late[place])]
    held = [answer for answer in answers if isinstance(answer, RoomsHeld)]
    assert held
    assert len(await nights(service, booking)) == 2
    codes = {room.room: f"HR{room.line}" for room in held[-1].rooms}
    (booked,) = await service.tell(BookRooms(booking_id=booking, property_id=PROPERTY, codes=codes))
    assert isinstance(booked, RoomsBooked)
    assert set(booked.rooms) == set(codes)


async def test_a_repeated_first_hold_takes_nothing_once_its_rooms_are_freed(service: Availability) -> None:
    await service.tell(wanted(booking := uuid4(), 1))
    (freed,) = await service.tell(unwanted(booking, 1))
    assert isinstance(freed, RoomsFreed)
    assert await service.tell(wanted(booking, 1)) == []
    assert await nights(service, booking) == []


async def test_a_reply_names_the_hold_that_it_answers(service: Availability) -> None:
    booking = uuid4()
    (first,) = await service.tell(wanted(booking, 1))
    (freed,) = await service.tell(unwanted(booking, 1))
    (second,) = await service.tell(wanted(booking, 2))
    (late,) = await service.tell(wanted(booking, 1))
    await service.tell(ReleaseRooms(booking_id=booking, property_id=PROPERTY))
    (refused,) = await service.tell(wanted(booking, 2))
    assert isinstance(refused, RoomsNotHeld)
    assert [getattr(reply, "holding", None) for reply in (first, freed, second, late, refused)] == [1, 1, 2, 1, 2]


async def test_rooms_that_were_never_freed_are_kept_as_long_as_new_ones(service: Availability) -> None:
    """Their first hold may be over by the time at which they are wanted again."""
    booking = uuid4()
    (first,) = await service.tell(wanted(booking, 1))
    assert isinstance(first, RoomsHeld)
    service.clock.now = first.expires_at + timedelta(minutes=1)
    (again,) = await service.tell(wanted(booking, 2))
    assert isinstance(again, RoomsHeld)
    assert [room.room for room in again.rooms] == [room.room for room in first.rooms]
    assert again.expires_at == service.clock.now + (first.expires_at - START)
    assert await service.tell(HoldDue(booking_id=booking)) == []


async def test_the_second_time_can_be_freed_as_well(service: Availability) -> None:
    booking = uuid4()
    await service.tell(wanted(booking, 1))
    await service.tell(unwanted(booking, 1))
    await service.tell(wanted(booking, 2))
    (freed,) = await service.tell(unwanted(booking, 2))
    assert isinstance(freed, RoomsFreed)
    assert len(freed.rooms) == 2
    assert await nights(service, booking) == []


async def test_senders_that_do_not_count_are_understood_as_before(service: Availability) -> None:
    booking = uuid4()
    await service.tell(hold(booking))
    await service.tell(FreeRooms(booking_id=booking, property_id=PROPERTY))
    (again,) = await service.tell(hold(booking))
    assert isinstance(again, RoomsHeld)
    assert len(await nights(service, booking)) == 1
