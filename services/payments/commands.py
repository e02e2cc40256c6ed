"""What the staff asks of payments over HTTP: never on Kafka, for only the API knows who asks."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from services.payments.folio.model import ChargeKind
from services.payments.transfers.payment import DeskMethod
from shared.contracts.common import Amount, Currency, Day, Identifier, Name, Text
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


class RecordPayment(Message):
    """Money that the staff took for a booking; `payment_id` is theirs, and counts once."""

    payment_id: UUID
    booking_id: UUID
    method: DeskMethod
    amount: Amount = Field(gt=0)
    currency: Currency
    received_on: Day
    reference: Identifier | None = None
    payer: Name | None = None
    staff: Name


class AddCharge(Message):
    """Something that a booking costs beside its rooms; `charge_id` is the staff's, and counts once."""

    charge_id: UUID
    booking_id: UUID
    kind: ChargeKind
    amount: Amount = Field(gt=0)
    currency: Currency
    reason: Text = Field(min_length=1)
    staff: Name
    role: str | None = Field(None, description="Of whoever asks, whose limit counts; none: no limit.")


class RefundPayment(Message):
    """Give money back: a booking's, or what nobody has used; all of it unless an amount is named.

    `refund_id` is the staff's, and counts once.
    """

    refund_id: UUID
    payment_id: UUID
    booking_id: UUID | None = None
    amount: Amount | None = Field(None, gt=0)
    reason: Text = Field(min_length=1)
    staff: Name
    role: str | None = Field(None, description="Of whoever asks, whose limit counts; none: no limit.")
