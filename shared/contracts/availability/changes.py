"""Changes of a booking's dates: held, then kept or dropped."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from shared.contracts import topics
from shared.contracts.availability.holds import HeldRoom
from shared.contracts.availability.queries import RoomWish
from shared.contracts.common import (
    MOST_ROOMS,
    Amount,
    Currency,
    Day,
    Identifier,
    Language,
    Number,
    RefusalDetails,
    RoomNumber,
)
from shared.messages.message import Message


class PlacedWish(RoomWish):
    """A room that a booking has, wanted on other nights; the same room if it is free."""

    room: RoomNumber
    code: Identifier


class ChangeRooms(
    Message, type="posada.availability.change-rooms.v1", topic=topics.AVAILABILITY_COMMANDS, key="property_id"
):
    """Price rooms for a booking on other nights and hold them, beside its own, until the change is kept or dropped.

    `change` numbers the changes of a booking and grows; one that arrives after its DropChange is refused. A room that
    the booking does not have already is never one of `avoid_rooms`.
    """

    booking_id: UUID
    property_id: Identifier
    change: Number
    check_in: Day
    check_out: Day
    package: Identifier
    rooms: tuple[PlacedWish, ...] = Field(min_length=1, max_length=MOST_ROOMS)
    avoid_rooms: tuple[RoomNumber, ...] = Field(default=(), max_length=MOST_ROOMS)
    language: Language = Language.SPANISH


class RoomsChanged(
    Message, type="posada.availability.rooms-changed.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """The other nights are held beside the old ones: a room for each line, with its price."""

    booking_id: UUID
    change: Number
    rooms: tuple[HeldRoom, ...] = Field(min_length=1, max_length=MOST_ROOMS)
    total: Amount
    currency: Currency


class RoomsNotChanged(
    Message, type="posada.availability.rooms-not-changed.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """The change is refused, with the reason; the booking keeps what it has."""

    booking_id: UUID
    change: Number
    refusal: RefusalDetails


class KeepChange(
    Message, type="posada.availability.keep-change.v1", topic=topics.AVAILABILITY_COMMANDS, key="property_id"
):
    """Keep the change: the nights of the old dates become free."""

    booking_id: UUID
    property_id: Identifier
    change: Number


class ChangeKept(Message, type="posada.availability.change-kept.v1", topic=topics.BOOKING_REPLIES, key="booking_id"):
    """The change is kept, and the old nights are free."""

    booking_id: UUID
    change: Number


class GiveUpStays(
    Message, type="posada.availability.give-up-stays.v1", topic=topics.AVAILABILITY_COMMANDS, key="property_id"
):
    """Free single rooms of a booking that keeps others; `stays` are their reservation codes by room number.

    A room that is no longer booked under that code is left alone. An external system that keeps it is told too.
    """

    booking_id: UUID
    property_id: Identifier
    change: Number
    stays: dict[RoomNumber, Identifier] = Field(min_length=1, max_length=MOST_ROOMS)


class StaysGivenUp(
    Message, type="posada.availability.stays-given-up.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """The rooms are free; staff were alerted to those that an external system cannot cancel."""

    booking_id: UUID
    change: Number


class DropChange(
    Message, type="posada.availability.drop-change.v1", topic=topics.AVAILABILITY_COMMANDS, key="property_id"
):
    """Drop the change: its nights become free. A change that never arrived is dropped too."""

    booking_id: UUID
    property_id: Identifier
    change: Number


class ChangeDropped(
    Message, type="posada.availability.change-dropped.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """The change is dropped; if it arrives later, it is refused."""

    booking_id: UUID
    change: Number
