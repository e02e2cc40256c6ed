"""The end of a booking before its guests came: cancelled, or not shown up. It is decided first, then made good."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.booking.lifecycle import events
from services.booking.lifecycle.event_context import EventContext
from shared.contracts.availability import CancelOrders, OrdersCancelled, ReleaseRooms, RoomsReleased
from shared.contracts.payments import BookingRepriced, RepriceBooking
from shared.saga.table import Rejection, SagaTable, Sends, Step, pivot, retriable

SETTLE = "settle the money"


class End(StrEnum):
    """How a booking ended."""

    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


class CancellationSaga(BaseModel):
    """What an end knows. `order` is its number among what was asked of other services for this booking."""

    model_config = ConfigDict(frozen=True)

    booking_id: UUID
    command_id: UUID
    end: End
    order: int
    telling: EventContext
    check_in: date
    check_out: date
    codes: tuple[str, ...]
    fee: Decimal
    rule: str
    currency: str
    who: str
    reason: str
    outside: bool = False
    paid: Decimal | None = None
    heard_at: datetime | None = None
    refund: Decimal | None = None

    def but(self, **changes: Any) -> CancellationSaga:
        """The same with some fields changed."""
        return self.model_copy(update=changes)


def decide(data: CancellationSaga, now: datetime) -> Sends:
    """Nobody is expected any longer; what a cancelled guest gets back is told once it is known."""
    if data.end is End.NO_SHOW:
        yield events.not_shown(data, now)
    else:
        yield events.cancellation_decided(data, now)


def release_rooms(data: CancellationSaga, _: datetime) -> Sends:
    """The rooms are free for others."""
    yield ReleaseRooms(booking_id=data.booking_id, property_id=data.telling.property.id)


def settle(data: CancellationSaga, _: datetime) -> Sends:
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


def settled(data: CancellationSaga, reply: BookingRepriced) -> CancellationSaga:
    """What payments really gave back."""
    return data.but(paid=reply.paid, refund=reply.refund, heard_at=reply.at)


def cancel_orders(data: CancellationSaga, _: datetime) -> Sends:
    """The outside system that keeps the rooms has them back."""
    yield CancelOrders(booking_id=data.booking_id, property_id=data.telling.property.id)


def told(data: CancellationSaga, step: str, now: datetime) -> Sends:
    """A cancelled guest hears the fee and what comes back, once payments has said it."""
    if step == SETTLE and data.end is End.CANCELLED:
        yield events.cancelled(data, now)


def _never(data: CancellationSaga, no: Rejection, now: datetime) -> Sends:
    raise AssertionError(f"the end of booking {data.booking_id} was refused behind its decision: {no.reason} at {now}")


ENDING: SagaTable[CancellationSaga] = SagaTable(
    name="ending",
    steps=(
        pivot("decide", do=decide),
        retriable("release rooms", do=release_rooms, done=RoomsReleased),
        retriable(SETTLE, do=settle, done=BookingRepriced, on_reply=settled),
    ),
    refuse=_never,
    report=told,
)

# Where an outside system keeps the rooms it has to hear of it as well.
CANCEL_ORDERS: Step[CancellationSaga] = retriable("cancel orders", do=cancel_orders, done=OrdersCancelled)


def course_of(table: SagaTable[CancellationSaga], data: CancellationSaga) -> SagaTable[CancellationSaga]:
    """The steps of this end."""
    return replace(table, steps=(*table.steps, CANCEL_ORDERS)) if data.outside else table
