"""Other nights for a booking that has rooms: asked for, kept or dropped."""

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
    """A room that a booking has, wanted on other nights: the same room where that can be."""

    room: RoomNumber
    code: Identifier


class ChangeRooms(
    Message, type="posada.availability.change-rooms.v1", topic=topics.AVAILABILITY_COMMANDS, key="property_id"
):
    """Price a booking's rooms for other nights and hold those as well; what it has stays its own until it decides.

    `change` numbers the changes of a booking and grows; one that comes after its DropChange is refused. A room that is
    not the booking's own already is never one of `avoid_rooms`.
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
    """The other nights are held beside the old ones: one room a line, with its price."""

    booking_id: UUID
    change: Number
    rooms: tuple[HeldRoom, ...] = Field(min_length=1, max_length=MOST_ROOMS)
    total: Amount
    currency: Currency


class RoomsNotChanged(
    Message, type="posada.availability.rooms-not-changed.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """The booking has what it had, and why."""

    booking_id: UUID
    change: Number
    refusal: RefusalDetails


class KeepChange(
    Message, type="posada.availability.keep-change.v1", topic=topics.AVAILABILITY_COMMANDS, key="property_id"
):
    """The booking has its new nights: free those that only the old dates had."""

    booking_id: UUID
    property_id: Identifier
    change: Number


class ChangeKept(Message, type="posada.availability.change-kept.v1", topic=topics.BOOKING_REPLIES, key="booking_id"):
    """The old nights are free."""

    booking_id: UUID
    change: Number


class DropChange(
    Message, type="posada.availability.drop-change.v1", topic=topics.AVAILABILITY_COMMANDS, key="property_id"
):
    """The booking keeps what it had: free the nights that only the change had, also where it never happened."""

    booking_id: UUID
    property_id: Identifier
    change: Number


class ChangeDropped(
    Message, type="posada.availability.change-dropped.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """The booking has what it had, and this change will never be."""

    booking_id: UUID
    change: Number
