"""Answers of other services: to the change of a confirmed booking, or to a booking's own saga before that."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from services.booking.lifecycle import saga_replies
from services.booking.requests import handlers
from services.booking.unit_of_work import UnitOfWork
from shared.contracts.booking.staff import ChangeDue
from shared.contracts.payments import FolioChanged
from shared.messages.message import Message, Outgoing

Sends = Iterable[Message | Outgoing]


def take_reply(uow: UnitOfWork, reply: Any, now: datetime) -> Sends:
    """Fold an answer into whatever waits for it."""
    booking = uow.lives.bookings.get(reply.booking_id)
    if booking:
        return saga_replies.answer(uow.lives, booking, reply, now)
    return handlers.take_reply(uow, reply, now)


def wake_change(uow: UnitOfWork, due: ChangeDue, now: datetime) -> Sends:
    """A change has waited long enough."""
    return saga_replies.wake(uow.lives, due, now)


def take_folio(uow: UnitOfWork, told: FolioChanged, now: datetime) -> Sends:
    """What a booking owes has changed at the desk."""
    return saga_replies.take_folio(uow.lives, told, now)
