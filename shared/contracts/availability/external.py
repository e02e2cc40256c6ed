"""Rooms that an external system keeps: read, booked and cancelled there."""

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

# An external system may have more rooms than a booking may request.
FreeNumbers = Annotated[tuple[RoomNumber, ...], Field(max_length=100_000)]


class OrderingGuest(Part):
    """What a front desk wants to know of a guest beside the name."""

    email: Text | None = None
    phone: Identifier | None = None
    city: Name | None = None
    document: Identifier | None = None
    nationality: Name | None = None


class OrderRooms(
    Message, type="posada.availability.order-rooms.v1", topic=topics.AVAILABILITY_COMMANDS, key="property_id"
):
    """Book the held rooms in the external system that keeps them: all, or under best effort those that are free."""

    booking_id: UUID
    property_id: Identifier
    package: Identifier
    payment_method: Identifier
    guest: Name
    guest_facts: OrderingGuest = OrderingGuest()
    payer: Name
    instructions: Text = ""
    avoid_rooms: tuple[RoomNumber, ...] = Field(default=(), max_length=MOST_ROOMS)
    rooms: tuple[HeldRoom, ...] = Field(min_length=1, max_length=MOST_ROOMS)
    policy: Policy = Policy.ALL_OR_NOTHING
    language: Language = Language.SPANISH


class OrderedRoom(Part):
    """The room that a line got in the external system, and its code there."""

    line: Line
    room: RoomNumber
    code: Identifier


class RoomsOrdered(
    Message, type="posada.availability.rooms-ordered.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """The rooms are booked in the external system; some may differ from those that were held.

    Under best effort `failed` lists the lines without a room.
    """

    booking_id: UUID
    rooms: tuple[OrderedRoom, ...] = Field(max_length=MOST_ROOMS)
    failed: tuple[FailedRoom, ...] = Field(default=(), max_length=MOST_ROOMS)


class RoomsNotOrdered(
    Message, type="posada.availability.rooms-not-ordered.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """A room could not be booked in the external system; the other orders are cancelled, as far as it can cancel."""

    booking_id: UUID
    refusal: RefusalDetails


class CancelOrders(
    Message, type="posada.availability.cancel-orders.v1", topic=topics.AVAILABILITY_COMMANDS, key="property_id"
):
    """Cancel all orders of a booking in the external system, even if there are none."""

    booking_id: UUID
    property_id: Identifier


class OrdersCancelled(
    Message, type="posada.availability.orders-cancelled.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """The orders are cancelled; staff were alerted to those that the external system cannot cancel."""

    booking_id: UUID


class OutsideSeen(
    Message, type="posada.availability.outside-seen.v1", topic=topics.internal("availability"), key="request_id"
):
    """The free rooms in an external system, for the count or hold that needs them; without `free` it did not answer."""

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
    """The external system has booked the rooms, except for the lines in `failed`."""

    booking_id: UUID
    rooms: tuple[OrderedRoom, ...] = Field(max_length=MOST_ROOMS)
    failed: tuple[Line, ...] = Field(default=(), max_length=MOST_ROOMS)
    language: Language = Language.SPANISH
