"""Rooms that an outside system keeps: seen, ordered and cancelled there."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field

from shared.contracts import topics
from shared.contracts.availability.holds import FailedRoom, HeldRoom, HoldRooms
from shared.contracts.availability.queries import CountRequested
from shared.contracts.common import (
    MOST_ROOMS,
    Identifier,
    Language,
    Line,
    Name,
    Part,
    Policy,
    RefusalDetails,
    RoomNumber,
    Text,
)
from shared.messages.message import Message

# An outside system may have more rooms than a booking may want.
FreeNumbers = Annotated[tuple[RoomNumber, ...], Field(max_length=100_000)]


class OrderRooms(
    Message, type="posada.availability.order-rooms.v1", topic=topics.AVAILABILITY_COMMANDS, key="property_id"
):
    """Book the held rooms in the outside system that keeps them: all of them or none, or those that can be had."""

    booking_id: UUID
    property_id: Identifier
    package: Identifier
    payment_method: Identifier
    guest: Name
    payer: Name
    instructions: Text = ""
    avoid_rooms: tuple[RoomNumber, ...] = Field(default=(), max_length=MOST_ROOMS)
    rooms: tuple[HeldRoom, ...] = Field(min_length=1, max_length=MOST_ROOMS)
    policy: Policy = Policy.ALL_OR_NOTHING
    language: Language = Language.SPANISH


class OrderedRoom(Part):
    """The room that a line really got, and its code in the outside system."""

    line: Line
    room: RoomNumber
    code: Identifier


class RoomsOrdered(
    Message, type="posada.availability.rooms-ordered.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """The rooms are booked in the outside system; some may be others than those that were held.

    Under best effort `failed` lists what could not be had there.
    """

    booking_id: UUID
    rooms: tuple[OrderedRoom, ...] = Field(max_length=MOST_ROOMS)
    failed: tuple[FailedRoom, ...] = Field(default=(), max_length=MOST_ROOMS)


class RoomsNotOrdered(
    Message, type="posada.availability.rooms-not-ordered.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """A room could not be had in the outside system; whatever it can cancel is cancelled."""

    booking_id: UUID
    refusal: RefusalDetails


class CancelOrders(
    Message, type="posada.availability.cancel-orders.v1", topic=topics.AVAILABILITY_COMMANDS, key="property_id"
):
    """Undo whatever a booking has in the outside system, also where it has nothing."""

    booking_id: UUID
    property_id: Identifier


class OrdersCancelled(
    Message, type="posada.availability.orders-cancelled.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """What can be cancelled is; of the rest staff was told."""

    booking_id: UUID


class OutsideSeen(
    Message, type="posada.availability.outside-seen.v1", topic=topics.internal("availability"), key="request_id"
):
    """What an outside system calls free, for the count or the hold that asked; without `free` it did not answer."""

    request_id: Identifier
    booking_id: UUID | None = None
    property_id: Identifier
    check_in: date
    check_out: date
    free: dict[Text, FreeNumbers] | None = None
    problem: Text = ""
    count: CountRequested | None = None
    hold: HoldRooms | None = None


class OutsideOrdered(
    Message, type="posada.availability.outside-ordered.v1", topic=topics.internal("availability"), key="booking_id"
):
    """The outside system has booked the rooms, and none for the lines that `failed`."""

    booking_id: UUID
    rooms: tuple[OrderedRoom, ...] = Field(max_length=MOST_ROOMS)
    failed: tuple[Line, ...] = Field(default=(), max_length=MOST_ROOMS)
    language: Language = Language.SPANISH
