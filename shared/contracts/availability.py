"""Availability's messages: counts for gateways; holds, bookings and releases for the saga."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import Field

from shared.contracts import topics
from shared.contracts.common import (
    MOST_ROOMS,
    Amount,
    Count,
    Currency,
    Day,
    Headcount,
    Identifier,
    Language,
    Line,
    Moment,
    Name,
    Number,
    Occupants,
    Part,
    Policy,
    RefusalDetails,
    RoomNumber,
    Text,
)
from shared.messages import Message

# An outside system may have more rooms than a booking may want.
FreeNumbers = Annotated[tuple[RoomNumber, ...], Field(max_length=100_000)]


class WantedType(Part):
    """How many rooms of a type are wanted; the type as label or key, whatever its case and accents."""

    type: Identifier
    count: int = Field(default=1, ge=1, le=500)


class CountRequested(
    Message,
    type="posada.availability.count-requested.v1",
    topic=topics.AVAILABILITY_REQUESTS,
    key="request_id",
):
    """Asks how many rooms of each type are free for all nights of [check_in, check_out)."""

    request_id: Identifier
    property_id: Identifier | None = None
    check_in: date
    check_out: date
    wanted: tuple[WantedType, ...] = Field(default=(), max_length=MOST_ROOMS)
    language: Language = Language.SPANISH


class Shortage(Part):
    """A type of which fewer are free than wanted."""

    type: Text
    requested: Count
    available: Count


class CountAnswered(
    Message, type="posada.availability.count-answered.v1", topic=topics.AVAILABILITY_ANSWERS, key="request_id"
):
    """The free count of every type; `message` is ready for the guest. On an error `success` is false."""

    request_id: Identifier
    success: bool
    can_fulfill: bool = False
    available_counts: dict[Text, Count] = Field(default_factory=dict)
    shortages: tuple[Shortage, ...] = Field(default=(), max_length=MOST_ROOMS)
    message: Text
    error: RefusalDetails | None = None


class CountInvalid(
    Message, type="posada.availability.count-invalid.v1", topic=topics.internal("availability"), key="request_id"
):
    """What could be read of a room-count request that does not fit its model; availability makes it for itself."""

    request_id: Identifier
    language: Language = Language.SPANISH
    error: RefusalDetails


class RoomWish(Occupants):
    """One wanted room; `line` is its place in the request's list, from 1."""

    line: Line
    type: Identifier
    extra_beds: Headcount = 0
    extra_beds_cost: Amount | None = None


class QuoteRequested(
    Message,
    type="posada.availability.quote-requested.v1",
    topic=topics.AVAILABILITY_REQUESTS,
    key="request_id",
):
    """Asks what rooms cost for all nights of [check_in, check_out): under one package, or under each that applies."""

    request_id: Identifier
    property_id: Identifier | None = None
    check_in: date
    check_out: date
    package: Identifier | None = None
    rooms: tuple[RoomWish, ...] = Field(min_length=1, max_length=MOST_ROOMS)
    language: Language = Language.SPANISH


class NightQuote(Part):
    """One night of one room, extra beds included: without tax, the tax, and together."""

    night: date
    base: Amount
    tax: Amount
    total: Amount


class FeeQuote(Part):
    """A supplement of the package or a fee of the property, for one room and the whole stay."""

    name: Text
    base: Amount
    tax: Amount
    total: Amount


class RoomQuote(Occupants):
    """One room: nights and fees sum to its total, which is rounded once."""

    line: Line
    type: Text
    type_label: Text
    extra_beds: Headcount = 0
    nights: tuple[NightQuote, ...] = Field(max_length=366)
    fees: tuple[FeeQuote, ...] = Field(default=(), max_length=1000)
    tax: Amount
    total: Amount


class PlanQuote(Part):
    """What the rooms cost under one rate plan. The rooms' totals sum to `total`; `fees` and `tax` are parts of it."""

    package: Text
    name: Text
    inclusions: tuple[Text, ...] = Field(default=(), max_length=1000)
    cancellation_policy: Text | None = None
    rooms: tuple[RoomQuote, ...] = Field(max_length=MOST_ROOMS)
    fees: Amount
    tax: Amount
    total: Amount


class QuoteAnswered(
    Message, type="posada.availability.quote-answered.v1", topic=topics.AVAILABILITY_ANSWERS, key="request_id"
):
    """Every rate plan that applies, the cheapest first; `message` is ready for the guest. On an error none."""

    request_id: Identifier
    success: bool
    currency: Currency | None = None
    plans: tuple[PlanQuote, ...] = Field(default=(), max_length=1000)
    message: Text
    error: RefusalDetails | None = None


class QuoteInvalid(
    Message, type="posada.availability.quote-invalid.v1", topic=topics.internal("availability"), key="request_id"
):
    """What could be read of a quote request that does not fit its model; availability makes it for itself."""

    request_id: Identifier
    language: Language = Language.SPANISH
    error: RefusalDetails


class HoldRooms(
    Message, type="posada.availability.hold-rooms.v1", topic=topics.AVAILABILITY_COMMANDS, key="property_id"
):
    """Price the rooms and hold them all in one step; what is held is distinct and never in `avoid_rooms`.

    Asked again for a booking whose rooms were freed, rooms of the same types are held, at the prices of the first time.
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
    """Let others have the rooms while the booking goes on; HoldRooms holds rooms for it again."""

    booking_id: UUID
    property_id: Identifier


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
    hurry=False,
):
    """Turn the hold into a booking; `codes` are the reservation codes by room number."""

    booking_id: UUID
    property_id: Identifier
    codes: dict[RoomNumber, Identifier] = Field(max_length=MOST_ROOMS)


class RoomsBooked(
    Message, type="posada.availability.rooms-booked.v1", topic=topics.BOOKING_REPLIES, key="booking_id", hurry=False
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


class PlacedWish(RoomWish):
    """A room that a booking has, wanted on other nights: the same room where that can be."""

    room: RoomNumber
    code: Identifier


class ChangeRooms(
    Message, type="posada.availability.change-rooms.v1", topic=topics.AVAILABILITY_COMMANDS, key="property_id"
):
    """Price a booking's rooms for other nights and hold those as well; what it has stays its own until it decides.

    `change` numbers the changes of a booking and grows; one that comes after its DropChange is refused.
    """

    booking_id: UUID
    property_id: Identifier
    change: Number
    check_in: Day
    check_out: Day
    package: Identifier
    rooms: tuple[PlacedWish, ...] = Field(min_length=1, max_length=MOST_ROOMS)
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


class HoldDue(Message, type="posada.availability.hold-due.v1", topic=topics.internal("availability"), key="booking_id"):
    """Availability's own clock: the time of a hold is up."""

    booking_id: UUID


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
