"""Builds what a booking's life tells the world, each event under an id of its own, so that a repetition is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from services.booking.lifecycle.texts import LifecycleTexts
from shared.contracts.booking import BookedRoom
from shared.contracts.booking.lifecycle import (
    BookingCancelled,
    BookingModified,
    CancellationDecided,
    GuestCheckedIn,
    GuestCheckedOut,
    GuestNotShown,
)
from shared.messages.message import Outgoing

if TYPE_CHECKING:
    from services.booking.lifecycle.event_context import EventContext
    from services.booking.lifecycle.sagas.cancellation.saga import CancellationSaga
    from services.booking.lifecycle.sagas.change_dates.saga import DateChangeSaga
    from services.booking.record.booking import Booking

wording = LifecycleTexts(Path(__file__).parents[1] / "texts")


def modified(data: DateChangeSaga, at: datetime) -> Outgoing:
    """The booking as it is now, and what changed."""
    if data.total is None:
        raise ValueError(f"the change of booking {data.booking_id} has no price")
    codes = {wish.line: wish.code for wish in data.wishes}
    rooms = tuple(BookedRoom(code=codes[room.line], **room.model_dump()) for room in data.rooms)
    event = BookingModified(
        **_facts(data.telling, data.booking_id, data.check_in, data.check_out, at),
        text=wording.modified(data),
        revision=data.revision,
        package=data.package,
        rooms=rooms,
        total=data.total,
        currency=data.currency,
    )
    return Outgoing(event, id=_id(data.booking_id, f"modified {data.revision}"))


def cancellation_decided(data: CancellationSaga, at: datetime) -> Outgoing:
    """The booking is off, and its money is being settled."""
    facts = _facts(data.telling, data.booking_id, data.check_in, data.check_out, at)
    event = CancellationDecided(**facts, text=wording.cancellation_decided(data))
    return Outgoing(event, id=_id(data.booking_id, "cancellation decided"))


def cancelled(data: CancellationSaga, at: datetime) -> Outgoing:
    """The booking is off, with its fee and what was given back."""
    if data.refund is None:
        raise ValueError(f"nobody has said what booking {data.booking_id} gets back")
    event = BookingCancelled(
        **_facts(data.telling, data.booking_id, data.check_in, data.check_out, at),
        text=wording.cancelled(data),
        reservation_codes=data.codes,
        fee=data.fee,
        refund=data.refund,
        currency=data.currency,
        rule=data.rule,
    )
    return Outgoing(event, id=_id(data.booking_id, "cancelled"))


def not_shown(data: CancellationSaga, at: datetime) -> Outgoing:
    """The guests did not come."""
    facts = _facts(data.telling, data.booking_id, data.check_in, data.check_out, at)
    event = GuestNotShown(**facts, text=wording.not_shown(data))
    return Outgoing(event, id=_id(data.booking_id, "not shown"))


def checked_in(booking: Booking, telling: EventContext, codes: Sequence[str], at: datetime) -> Outgoing:
    """Guests have arrived in these stays."""
    facts = _facts(telling, booking.id, booking.check_in, booking.check_out, at)
    event = GuestCheckedIn(**facts, text=wording.checked_in(telling, codes), reservation_codes=tuple(codes))
    return Outgoing(event, id=_id(booking.id, f"checked in {' '.join(codes)}"))


def checked_out(
    booking: Booking, telling: EventContext, codes: Sequence[str], left_on: date, at: datetime, *, last: bool
) -> Outgoing:
    """Guests have left these stays; `left_on` is the property's own date."""
    event = GuestCheckedOut(
        **_facts(telling, booking.id, booking.check_in, booking.check_out, at),
        text=wording.checked_out(telling, codes),
        reservation_codes=tuple(codes),
        left_on=left_on,
        last=last,
        total=booking.total if last else None,
        balance=max(booking.balance, booking.balance * 0) if last else None,
        currency=booking.currency,
    )
    return Outgoing(event, id=_id(booking.id, f"checked out {' '.join(codes)}"))


def _facts(telling: EventContext, booking_id: UUID, check_in: date, check_out: date, at: datetime) -> dict[str, Any]:
    return telling.facts() | {"booking_id": booking_id, "check_in": check_in, "check_out": check_out, "at": at}


def _id(booking_id: UUID, what: str) -> str:
    return str(uuid5(booking_id, what))
