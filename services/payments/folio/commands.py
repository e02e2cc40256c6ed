"""Staff's commands about money. They come over HTTP only, where the caller is known."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from services.payments.folio.corrections import Way
from services.payments.folio.model import ChargeKind
from services.payments.transfers import DeskMethod
from shared.contracts.common import Amount, Currency, Day, Describing, DescribingName, Name, Text
from shared.messages.message import Message


class RecordPayment(Message):
    """Money that staff took for a booking; the same `payment_id`, which staff choose, counts once."""

    payment_id: UUID
    booking_id: UUID
    method: DeskMethod
    amount: Amount = Field(gt=0)
    currency: Currency
    received_on: Day
    reference: Describing = None
    payer: DescribingName = None
    staff: Name


class AddCharge(Message):
    """Something that a booking costs beside its rooms; the same `charge_id`, which staff choose, counts once."""

    charge_id: UUID
    booking_id: UUID
    kind: ChargeKind
    amount: Amount = Field(gt=0)
    currency: Currency
    reason: Text = Field(min_length=1)
    staff: Name
    role: str | None = Field(None, description="The caller's role, whose limit applies; none: no limit.")


class ReverseCharge(Message):
    """Take a charge of a booking back, as a whole, with a reason; a charge is reversed once."""

    charge_id: UUID
    booking_id: UUID
    reason: Text = Field(min_length=1)
    staff: Name
    role: str | None = Field(None, description="The caller's role, whose limit applies; none: no limit.")


class HandOutRefund(Message):
    """A refund has reached the guest, and how; a refund is handed out once."""

    refund_id: UUID
    payment_id: UUID
    way: Way
    note: Name | None = None
    staff: Name


class RefundPayment(Message):
    """Give money back: what a booking paid, or what is left of a payment; all of it unless an amount is named.

    The same `refund_id`, which staff choose, counts once.
    """

    refund_id: UUID
    payment_id: UUID
    booking_id: UUID | None = None
    amount: Amount | None = Field(None, gt=0)
    reason: Text = Field(min_length=1)
    staff: Name
    role: str | None = Field(None, description="The caller's role, whose limit applies; none: no limit.")
