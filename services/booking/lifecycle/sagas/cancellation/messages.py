"""The messages of the end of a booking: what each step sends, and what each reply adds to the data."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from services.booking.lifecycle.events import outgoing
from services.booking.lifecycle.sagas.cancellation.data import CancellationData, End
from services.booking.lifecycle.sagas.data import repriced
from services.booking.record import TEXTS
from shared.contracts.availability import CancelOrders, ReleaseRooms
from shared.contracts.booking.lifecycle import BookingCancelled, CancellationDecided, GuestNotShown
from shared.contracts.payments import BookingRepriced, RepriceBooking
from shared.saga.table import Sends


def decide(data: CancellationData, now: datetime) -> Sends:
    """The booking is off; the refund is announced later, once payments has reported it."""
    if data.end is End.NO_SHOW:
        yield outgoing(GuestNotShown(**data.facts(now), text=_text(data, "not_shown")), "not shown")
    else:
        event = CancellationDecided(**data.facts(now), text=_text(data, "cancellation_decided"))
        yield outgoing(event, "cancellation decided")


def release_rooms(data: CancellationData, _: datetime) -> Sends:
    """The rooms are free for others."""
    yield ReleaseRooms(booking_id=data.booking_id, property_id=data.context.property.id)


def settle(data: CancellationData, _: datetime) -> Sends:
    """The booking costs its fee alone: what was paid beyond that goes back."""
    yield RepriceBooking(
        booking_id=data.booking_id,
        change=data.order,
        total=Decimal("0.00"),
        fee=data.fee,
        currency=data.currency,
        refunds=True,
        who=data.who,
        reason=data.reason,
    )


def settled(data: CancellationData, reply: BookingRepriced) -> CancellationData:
    """What payments has given back."""
    return repriced(data, reply).but(refund=reply.refund)


def cancelled(data: CancellationData, now: datetime) -> Sends:
    """A cancelled guest reads the fee and what comes back."""
    if data.end is not End.CANCELLED:
        return
    if data.refund is None:
        raise ValueError(f"payments has not reported what booking {data.booking_id} gets back")
    event = BookingCancelled(
        **data.facts(now),
        text=_text(data, "cancelled", fee=data.fee, refund=data.refund, currency=data.currency),
        reservation_codes=data.codes,
        fee=data.fee,
        refund=data.refund,
        currency=data.currency,
        rule=data.rule,
    )
    yield outgoing(event, "cancelled")


def cancel_orders(data: CancellationData, _: datetime) -> Sends:
    """The external system that keeps the rooms has them back."""
    yield CancelOrders(booking_id=data.booking_id, property_id=data.context.property.id)


def _text(data: CancellationData, name: str, **values: object) -> str:
    context = data.context
    return TEXTS.render(context.language, name, property_name=context.property.name, codes=data.codes, **values)
