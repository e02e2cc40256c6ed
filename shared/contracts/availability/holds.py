"""Holds, bookings and releases: what the saga commands, and what it hears."""

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
    """Price the rooms and hold them all in one step; what is held is distinct and never in `avoid_rooms`.

    Asked again for a booking whose rooms were freed, rooms of the same types are held, at the prices of the first time.
    `holding` is 1 the first time and 2 then, so that what comes late is known for it.
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
    """A room of the request that could not be had."""

    line: Line
    type: Text
    reason: Text
    text: Text


class RoomsHeld(Message, type="posada.availability.rooms-held.v1", topic=topics.BOOKING_REPLIES, key="booking_id"):
    """Rooms are held until `expires_at`. Under best effort `failed` lists what could not be had."""

    booking_id: UUID
    rooms: tuple[HeldRoom, ...] = Field(max_length=MOST_ROOMS)
    failed: tuple[FailedRoom, ...] = Field(default=(), max_length=MOST_ROOMS)
    total: Amount
    currency: Currency
    expires_at: Moment
    outside: bool = Field(default=False, description="An outside system keeps them: order them there first.")


class RoomsNotHeld(
    Message, type="posada.availability.rooms-not-held.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """Nothing is held, and why."""

    booking_id: UUID
    refusal: RefusalDetails


class ExtendHold(
    Message, type="posada.availability.extend-hold.v1", topic=topics.AVAILABILITY_COMMANDS, key="property_id"
):
    """Keep the rooms held until `until`: the saga waits for money. Never shortens a hold; has no reply."""

    booking_id: UUID
    property_id: Identifier
    until: Moment


class FreeRooms(
    Message, type="posada.availability.free-rooms.v1", topic=topics.AVAILABILITY_COMMANDS, key="property_id"
):
    """Let others have the rooms while the booking goes on; HoldRooms holds rooms for it again.

    It is about the rooms of that `holding` alone: those held since stay.
    """

    booking_id: UUID
    property_id: Identifier
    holding: int | None = Field(default=None, ge=1, le=2, description="None from versions that did not count.")


class RoomsFreed(Message, type="posada.availability.rooms-freed.v1", topic=topics.BOOKING_REPLIES, key="booking_id"):
    """The booking has no rooms; `rooms` are those that this gave back."""

    booking_id: UUID
    rooms: tuple[RoomNumber, ...] = Field(default=(), max_length=MOST_ROOMS)


class HoldExpired(Message, type="posada.availability.hold-expired.v1", topic=topics.BOOKING_REPLIES, key="booking_id"):
    """A hold has outlived its time. Its owner answers with ReleaseRooms, or with BookRooms where it was confirmed."""

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
    """Free whatever the booking holds; a hold that comes later than its release is refused."""

    booking_id: UUID
    property_id: Identifier


class RoomsReleased(
    Message, type="posada.availability.rooms-released.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """The booking holds nothing; `rooms` are those that this release freed."""

    booking_id: UUID
    rooms: tuple[RoomNumber, ...] = Field(default=(), max_length=MOST_ROOMS)


class HoldDue(Message, type="posada.availability.hold-due.v1", topic=topics.internal("availability"), key="booking_id"):
    """Availability's own clock: the time of a hold is up."""

    booking_id: UUID
