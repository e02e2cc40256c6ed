"""What the staff may decide about a booking's money, and why it may not."""

from __future__ import annotations

from uuid import UUID

from services.payments.domain.claim import Claim
from services.payments.domain.payment import ANY_PROPERTY, Payment
from services.payments.domain.request import PaymentRequest
from shared.contracts.common import Reason
from shared.errors import Refusal


def fitting(claim: Claim, payment: Payment | None, payment_id: UUID) -> Payment:
    """The payment, if its money can serve the claim; amount, date, payer and reference are for the staff to judge.

    Raises:
        Refusal: when there is none, or its money is another property's, of another currency, or too little.
    """
    if payment is None:
        raise Refusal("payment_unknown", f"payment_id: there is no payment {payment_id}; take one of the case's")
    if payment.property_id not in {ANY_PROPERTY, claim.property_id}:
        raise Refusal("payment_of_another_property", f"payment_id: {payment_id} belongs to {payment.property_id}")
    if payment.currency != claim.currency:
        text = f"payment_id: {payment_id} is in {payment.currency}, the booking costs {claim.currency}"
        raise Refusal("payment_in_another_currency", text)
    if payment.left < claim.amount:
        text = f"payment_id: {payment_id} has {payment.left} left, the booking costs {claim.amount}"
        raise Refusal(Reason.PAYMENT_INSUFFICIENT, text, difference=f"{claim.amount - payment.left:.2f}")
    return payment


def unknown_booking(booking_id: UUID) -> Refusal:
    """Of this booking payments knows nothing."""
    return Refusal("booking_unknown", f"booking_id: booking {booking_id} has asked for no payment")


def settled(request: PaymentRequest) -> Refusal:
    """Nothing is left to be decided."""
    text = f"booking_id: booking {request.booking_id} is {request.status} already, there is nothing to decide"
    return Refusal("payment_settled", text, status=request.status.value)
