"""Other dates for a booking: the new nights are held and priced before it decides, the old ones freed after it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.booking.lifecycle import events
from services.booking.lifecycle.event_context import EventContext
from shared.contracts.availability import (
    ChangeDropped,
    ChangeKept,
    ChangeRooms,
    DropChange,
    HeldRoom,
    KeepChange,
    PlacedWish,
    RoomsChanged,
    RoomsNotChanged,
)
from shared.contracts.payments import BookingRepriced, RepriceBooking
from shared.saga.state import Verdict
from shared.saga.table import Rejection, SagaTable, Sends, compensable, pivot, retriable


class DateChangeSaga(BaseModel):
    """What a change of dates knows. `rooms` are the new ones with their prices, once they are held.

    `order` is its number among what was asked of other services for this booking, `revision` the booking's after it.
    """

    model_config = ConfigDict(frozen=True)

    booking_id: UUID
    command_id: UUID
    order: int
    revision: int
    telling: EventContext
    check_in: date
    check_out: date
    package: str
    wishes: tuple[PlacedWish, ...]
    avoid_rooms: tuple[str, ...] = ()
    who: str
    reason: str
    rooms: tuple[HeldRoom, ...] = ()
    total: Decimal | None = None
    currency: str = ""
    paid: Decimal | None = None
    heard_at: datetime | None = None

    def but(self, **changes: Any) -> DateChangeSaga:
        """The same with some fields changed."""
        return self.model_copy(update=changes)


def hold_nights(data: DateChangeSaga, _: datetime) -> Sends:
    """Hold and price the new nights beside the old ones, all or none."""
    yield ChangeRooms(
        booking_id=data.booking_id,
        property_id=data.telling.property.id,
        change=data.order,
        check_in=data.check_in,
        check_out=data.check_out,
        package=data.package,
        rooms=data.wishes,
        avoid_rooms=data.avoid_rooms,
        language=data.telling.language,
    )


def nights_held(data: DateChangeSaga, reply: RoomsChanged) -> DateChangeSaga:
    """The rooms with their prices."""
    return data.but(rooms=reply.rooms, total=reply.total, currency=reply.currency)


def drop_nights(data: DateChangeSaga, _: datetime) -> Sends:
    """Free the new nights, also where they were never held."""
    yield DropChange(booking_id=data.booking_id, property_id=data.telling.property.id, change=data.order)


def decide(data: DateChangeSaga, now: datetime) -> Sends:
    """The booking as it is now."""
    yield events.modified(data, now)


def free_old_nights(data: DateChangeSaga, _: datetime) -> Sends:
    """Free the nights that only the old dates had."""
    yield KeepChange(booking_id=data.booking_id, property_id=data.telling.property.id, change=data.order)


def tell_price(data: DateChangeSaga, _: datetime) -> Sends:
    """What the booking costs now; the difference is its balance."""
    if data.total is None:
        raise ValueError(f"the change of booking {data.booking_id} has no price")
    yield RepriceBooking(
        booking_id=data.booking_id,
        change=data.order,
        total=data.total,
        fee=Decimal("0.00"),
        currency=data.currency,
        who=data.who,
        reason=data.reason,
    )


def price_told(data: DateChangeSaga, reply: BookingRepriced) -> DateChangeSaga:
    """What was paid for it, as payments knows it."""
    return data.but(paid=reply.paid, heard_at=reply.at)


def refused_by(reply: RoomsNotChanged) -> Rejection:
    """Why the booking keeps what it had."""
    return Rejection(Verdict.REFUSED, reply.refusal.reason, reply.refusal.text, reply.refusal.details)


def _nobody(*_: Any) -> Sends:
    """Who asked for the change reads the command's outcome; for the guest nothing has changed."""
    return ()


CHANGE_DATES: SagaTable[DateChangeSaga] = SagaTable(
    name="change_dates",
    steps=(
        compensable(
            "hold the new nights",
            do=hold_nights,
            done=RoomsChanged,
            on_reply=nights_held,
            refused=RoomsNotChanged,
            refusal=refused_by,
            undo=drop_nights,
            undone=ChangeDropped,
        ),
        pivot("decide", do=decide),
        retriable("free the old nights", do=free_old_nights, done=ChangeKept),
        retriable("tell the price", do=tell_price, done=BookingRepriced, on_reply=price_told),
    ),
    refuse=_nobody,
)
