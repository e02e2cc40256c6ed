"""Answers of other services: to the change of a confirmed booking, or to a booking's own saga before that."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from services.booking.lifecycle import saga_replies
from services.booking.requests import handlers
from services.booking.unit_of_work import Bookings
from shared.contracts.booking.staff import ChangeDue
from shared.contracts.payments import FolioChanged
from shared.messages.message import Message, Outgoing

Sends = Iterable[Message | Outgoing]


def take_reply(bookings: Bookings, reply: Any, now: datetime) -> Sends:
    """Fold an answer into whatever waits for it."""
    booking = bookings.lives.bookings.get(reply.booking_id)
    if booking:
        return saga_replies.answer(bookings.lives, booking, reply, now)
    return handlers.take_reply(bookings, reply, now)


def wake_change(bookings: Bookings, due: ChangeDue, now: datetime) -> Sends:
    """A change has waited long enough."""
    return saga_replies.wake(bookings.lives, due, now)


def take_folio(bookings: Bookings, told: FolioChanged, now: datetime) -> Sends:
    """What a booking owes has changed at the desk."""
    return saga_replies.take_folio(bookings.lives, told, now)
