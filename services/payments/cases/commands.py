"""Staff's commands about a case. They come over HTTP only, where the caller is known."""

from __future__ import annotations

from uuid import UUID

from shared.contracts.common import Name, Text
from shared.messages.message import Message


class ChooseTransfer(Message):
    """This is the payment that the booking's guest means."""

    booking_id: UUID
    payment_id: UUID
    staff: Name
    reason: Text | None = None


class DeclinePayment(Message):
    """No payment serves this booking: it fails."""

    booking_id: UUID
    staff: Name
    reason: Text | None = None
