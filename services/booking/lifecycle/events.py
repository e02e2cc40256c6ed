"""The events about a confirmed booking, each under an id of its own, so that a repetition is known as one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from services.booking.lifecycle.event_context import EventContext
from services.booking.record import NOTHING, TEXTS, Booking
from shared.contracts.booking.lifecycle import GuestCheckedIn, GuestCheckedOut
from shared.messages.message import Message, Outgoing


def checked_in(booking: Booking, context: EventContext, codes: Sequence[str], at: datetime) -> Outgoing:
    """Guests have arrived in these stays."""
    facts = _facts(booking, context, codes, at)
    event = GuestCheckedIn(**facts, text=_text(context, "checked_in", codes))
    return outgoing(event, f"checked in {' '.join(codes)}")


def checked_out(
    booking: Booking, context: EventContext, codes: Sequence[str], left_on: date, at: datetime, *, last: bool
) -> Outgoing:
    """Guests have left these stays; `left_on` is the property's own date."""
    event = GuestCheckedOut(
        **_facts(booking, context, codes, at),
        text=_text(context, "checked_out", codes),
        left_on=left_on,
        last=last,
        total=booking.total if last else None,
        balance=max(booking.balance, NOTHING) if last else None,
        currency=booking.currency,
    )
    return outgoing(event, f"checked out {' '.join(codes)}")


def outgoing(event: Message, what: str) -> Outgoing:
    """An event under the id that it always has for this booking."""
    return Outgoing(event, id=str(uuid5(UUID(event.correlation), what)))


def _facts(booking: Booking, context: EventContext, codes: Sequence[str], at: datetime) -> dict[str, Any]:
    return context.facts() | {
        "booking_id": booking.id,
        "check_in": booking.check_in,
        "check_out": booking.check_out,
        "at": at,
        "reservation_codes": tuple(codes),
    }


def _text(context: EventContext, name: str, codes: Sequence[str]) -> str:
    return TEXTS.render(context.language, name, property_name=context.property.name, codes=codes)
