"""The messages of a change of dates: what each step sends, and what each reply adds to the data."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from services.booking.lifecycle.events import outgoing
from services.booking.lifecycle.sagas.change_dates.data import DateChangeData
from services.booking.record import TEXTS, day_text
from shared.contracts.availability import ChangeRooms, DropChange, KeepChange, RoomsChanged, RoomsNotChanged
from shared.contracts.booking import BookedRoom
from shared.contracts.booking.lifecycle import BookingModified
from shared.contracts.payments import RepriceBooking
from shared.saga.state import Verdict
from shared.saga.table import Rejection, Sends


def hold_nights(data: DateChangeData, _: datetime) -> Sends:
    """Hold and price the new nights beside the old ones, all or none."""
    yield ChangeRooms(
        booking_id=data.booking_id,
        property_id=data.context.property.id,
        change=data.order,
        check_in=data.check_in,
        check_out=data.check_out,
        package=data.package,
        rooms=data.wishes,
        avoid_rooms=data.avoid_rooms,
        language=data.context.language,
    )


def nights_held(data: DateChangeData, reply: RoomsChanged) -> DateChangeData:
    """The rooms with their prices."""
    return data.but(rooms=reply.rooms, total=reply.total, currency=reply.currency)


def drop_nights(data: DateChangeData, _: datetime) -> Sends:
    """Free the new nights, also if they were never held."""
    yield DropChange(booking_id=data.booking_id, property_id=data.context.property.id, change=data.order)


def refused_by(reply: RoomsNotChanged) -> Rejection:
    """Why the booking keeps what it had."""
    return Rejection(Verdict.REFUSED, reply.refusal.reason, reply.refusal.text, reply.refusal.details)


def decide(data: DateChangeData, now: datetime) -> Sends:
    """The booking as it is now, and what changed."""
    codes = {wish.line: wish.code for wish in data.wishes}
    context, language = data.context, data.context.language
    text = TEXTS.render(
        language,
        "modified",
        property_name=context.property.name,
        codes=list(codes.values()),
        check_in=day_text(data.check_in, language),
        check_out=day_text(data.check_out, language),
        total=data.total,
        currency=data.currency,
    )
    event = BookingModified(
        **data.facts(now),
        text=text,
        revision=data.revision,
        package=data.package,
        rooms=tuple(BookedRoom(code=codes[room.line], **room.model_dump()) for room in data.rooms),
        total=_total(data),
        currency=data.currency,
    )
    yield outgoing(event, f"modified {data.revision}")


def free_old_nights(data: DateChangeData, _: datetime) -> Sends:
    """Free the nights that only the old dates had."""
    yield KeepChange(booking_id=data.booking_id, property_id=data.context.property.id, change=data.order)


def tell_price(data: DateChangeData, _: datetime) -> Sends:
    """What the booking costs now; the difference is its balance."""
    yield RepriceBooking(
        booking_id=data.booking_id,
        change=data.order,
        total=_total(data),
        fee=Decimal("0.00"),
        currency=data.currency,
        who=data.who,
        reason=data.reason,
    )


def _total(data: DateChangeData) -> Decimal:
    if data.total is None:
        raise ValueError(f"the change of booking {data.booking_id} has no price")
    return data.total
