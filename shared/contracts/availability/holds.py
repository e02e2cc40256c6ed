"""Holds, bookings and releases of rooms: the saga's commands and their replies."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from pydantic import Field

from shared.contracts import topics
from shared.contracts.availability.queries import RoomWish
from shared.contracts.common import (
    MOST_ROOMS,
    Amount,
    Currency,
    Headcount,
    Identifier,
    Language,
    Line,
    Moment,
    Occupants,
    Part,
    Policy,
    RefusalDetails,
    RoomNumber,
    Text,
)
from shared.messages.message import Message


class HoldRooms(
    Message, type="posada.availability.hold-rooms.v1", topic=topics.AVAILABILITY_COMMANDS, key="property_id"
):
    """Price the rooms and hold them in one step. The rooms are distinct, and none is in `avoid_rooms`.

    For a booking whose rooms were freed, rooms of the same types are held at the first prices. `holding` is 1 the first
    time and 2 then, so that late messages can be recognised.
    """

    booking_id: UUID
    property_id: Identifier
    check_in: date
    check_out: date
    package: Identifier
    rooms: tuple[RoomWish, ...] = Field(min_length=1, max_length=MOST_ROOMS)
    avoid_rooms: tuple[RoomNumber, ...] = Field(default=(), max_length=MOST_ROOMS)
    policy: Policy = Policy.ALL_OR_NOTHING
    language: Language = Language.SPANISH
    holding: int | None = Field(default=None, ge=1, le=2, description="None from versions that did not count.")


class HeldRoom(Occupants):
    """A room that is held, with its price for the whole stay, tax included in `amount`."""

    line: Line
    type: Text
    type_label: Text
    room: RoomNumber
    extra_beds: Headcount = 0
    extra_beds_cost: Amount = Decimal("0.00")
    amount: Amount
    first_night: Amount | None = Field(default=None, description="What its first night costs, without other fees.")


class FailedRoom(Part):
    """A room of the request that is not available."""

    line: Line
    type: Text
    reason: Text
    text: Text


class RoomsHeld(Message, type="posada.availability.rooms-held.v1", topic=topics.BOOKING_REPLIES, key="booking_id"):
    """Rooms are held until `expires_at`. Under best effort `failed` lists those that are not available.

    `holding` is that of the command, so that a late reply to the first hold is not taken for one to the second.
    """

    booking_id: UUID
    rooms: tuple[HeldRoom, ...] = Field(max_length=MOST_ROOMS)
    failed: tuple[FailedRoom, ...] = Field(default=(), max_length=MOST_ROOMS)
    total: Amount
    currency: Currency
    expires_at: Moment
    outside: bool = Field(default=False, description="An external system keeps them: order them there first.")
    holding: int | None = Field(default=None, ge=1, le=2, description="That of the command. None from older versions.")


class RoomsNotHeld(
    Message, type="posada.availability.rooms-not-held.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """Nothing is held, with the reason."""

    booking_id: UUID
    refusal: RefusalDetails
    holding: int | None = Field(default=None, ge=1, le=2, description="That of the command. None from older versions.")


class ExtendHold(
    Message, type="posada.availability.extend-hold.v1", topic=topics.AVAILABILITY_COMMANDS, key="property_id"
):
    """Hold the rooms until `until`, as the saga waits for money. It never shortens a hold and has no reply."""

    booking_id: UUID
    property_id: Identifier
    until: Moment


class FreeRooms(
    Message, type="posada.availability.free-rooms.v1", topic=topics.AVAILABILITY_COMMANDS, key="property_id"
):
    """Give the rooms up while the booking goes on; HoldRooms can hold rooms for it again.

    Only the rooms of this `holding` are freed, not those that were held again since.
    """

    booking_id: UUID
    property_id: Identifier
    holding: int | None = Field(default=None, ge=1, le=2, description="None from versions that did not count.")


class RoomsFreed(Message, type="posada.availability.rooms-freed.v1", topic=topics.BOOKING_REPLIES, key="booking_id"):
    """The booking has no rooms; `rooms` are those that this command freed."""

    booking_id: UUID
    rooms: tuple[RoomNumber, ...] = Field(default=(), max_length=MOST_ROOMS)
    holding: int | None = Field(default=None, ge=1, le=2, description="That of the command. None from older versions.")


class HoldExpired(Message, type="posada.availability.hold-expired.v1", topic=topics.BOOKING_REPLIES, key="booking_id"):
    """A hold has expired. The saga answers with ReleaseRooms, or with BookRooms if the booking was confirmed."""

    booking_id: UUID
    property_id: Identifier
    expired_at: Moment


class BookRooms(
    Message,
    type="posada.availability.book-rooms.v1",
    topic=topics.AVAILABILITY_COMMANDS,
    key="property_id",
    urgent=False,
):
    """Turn the hold into a booking; `codes` are the reservation codes by room number."""

    booking_id: UUID
    property_id: Identifier
    codes: dict[RoomNumber, Identifier] = Field(max_length=MOST_ROOMS)


class RoomsBooked(
    Message, type="posada.availability.rooms-booked.v1", topic=topics.BOOKING_REPLIES, key="booking_id", urgent=False
):
    """The held rooms are booked."""

    booking_id: UUID
    rooms: tuple[RoomNumber, ...] = Field(max_length=MOST_ROOMS)


class ReleaseRooms(
    Message,
    type="posada.availability.release-rooms.v1",
    topic=topics.AVAILABILITY_COMMANDS,
    key="property_id",
):
    """Free all rooms of the booking; a hold that arrives after its release is refused."""

    booking_id: UUID
    property_id: Identifier


class RoomsReleased(
    Message, type="posada.availability.rooms-released.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """The booking has no rooms; `rooms` are those that this release freed."""

    booking_id: UUID
    rooms: tuple[RoomNumber, ...] = Field(default=(), max_length=MOST_ROOMS)


class HoldDue(Message, type="posada.availability.hold-due.v1", topic=topics.internal("availability"), key="booking_id"):
    """A timer of availability: a hold has expired."""

    booking_id: UUID
