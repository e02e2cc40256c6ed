"""Payments' messages about what a booking costs and has paid after it was confirmed."""

from __future__ import annotations

from uuid import UUID

from shared.contracts import topics
from shared.contracts.common import Amount, Currency, Moment, Name, Number, Text
from shared.messages.message import Message


class RepriceBooking(
    Message, type="posada.payments.reprice-booking.v1", topic=topics.PAYMENTS_COMMANDS, key="booking_id"
):
    """What a booking costs from now on: `total` for its rooms, and `fee`, which is charged once for this change.

    With `refunds` whatever was paid and kept beyond total, charges and all fees is given back, from the payments that
    paid it.
    `change` numbers what is asked for a booking: the same again is answered alike.
    """

    booking_id: UUID
    change: Number
    total: Amount
    fee: Amount
    currency: Currency
    refunds: bool = False
    who: Name
    reason: Text


class BookingRepriced(
    Message, type="posada.payments.booking-repriced.v1", topic=topics.BOOKING_REPLIES, key="booking_id"
):
    """What was paid and kept for the booking once `refund` had been given back."""

    booking_id: UUID
    change: Number
    paid: Amount
    refund: Amount
    at: Moment


class FolioChanged(
    Message, type="posada.payments.folio-changed.v1", topic=topics.BOOKING_REPLIES, key="booking_id", urgent=False
):
    """What was paid and kept for a booking, and what it costs beside its rooms, since the staff changed one of them.

    The newest counts, by `at`; `charges` leave out the fees that booking itself asked for.
    """

    booking_id: UUID
    paid: Amount
    charges: Amount
    at: Moment
