"""The messages of the end of single stays: what each step sends, and what each reply adds to the data."""

from __future__ import annotations

from datetime import datetime

from services.booking.lifecycle.events import outgoing
from services.booking.lifecycle.sagas.data import repriced
from services.booking.lifecycle.sagas.stays_end.data import StaysEndData
from services.booking.record import TEXTS
from shared.contracts.availability import GiveUpStays
from shared.contracts.booking.lifecycle import BookingModified
from shared.contracts.payments import BookingRepriced, RepriceBooking
from shared.saga.table import Sends


def decide(data: StaysEndData, now: datetime) -> Sends:
    """The stays are off; the guest hears of it with the refund, once payments has said it."""
    del data, now
    return ()


def give_up(data: StaysEndData, _: datetime) -> Sends:
    """Their rooms are free for others."""
    property_id = data.context.property.id
    yield GiveUpStays(booking_id=data.booking_id, property_id=property_id, change=data.order, stays=dict(data.stays))


def settle(data: StaysEndData, _: datetime) -> Sends:
    """The booking costs its other rooms and the fee: what was paid beyond that goes back."""
    yield RepriceBooking(
        booking_id=data.booking_id,
        change=data.order,
        total=data.total,
        fee=data.fee,
        currency=data.currency,
        refunds=True,
        who=data.who,
        reason=data.reason,
    )


def settled(data: StaysEndData, reply: BookingRepriced) -> StaysEndData:
    """What payments has given back."""
    return repriced(data, reply).but(refund=reply.refund)


def modified(data: StaysEndData, now: datetime) -> Sends:
    """The booking as it is now, with what the end of its other stays costs."""
    context = data.context
    text = TEXTS.render(
        context.language,
        "stays_ended",
        property_name=context.property.name,
        end=data.end.value,
        codes=sorted(data.stays.values()),
        kept=[room.code for room in data.rooms],
        fee=data.fee,
        refund=data.refund,
        total=data.total,
        currency=data.currency,
    )
    event = BookingModified(
        **data.facts(now),
        text=text,
        revision=data.revision,
        package=data.package,
        rooms=data.rooms,
        total=data.total,
        currency=data.currency,
    )
    yield outgoing(event, f"modified {data.revision}")
