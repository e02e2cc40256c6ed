"""What the staff may do with a booking's money, and why it may not."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from services.payments.requests.claim import Claim
from services.payments.requests.request import PaymentRequest
from services.payments.transfers.payment import ANY_PROPERTY, Payment, money
from shared.contracts.common import Reason
from shared.errors import Refusal


def fitting(claim: Claim, payment: Payment | None, payment_id: UUID) -> Payment:
    """The payment, if its money can serve the claim; amount, date, payer and reference are for the staff to judge.

    Raises:
        Refusal: when there is none, or its money is another property's, of another currency, or too little.
    """
    if payment is None:
        raise unknown_payment(payment_id)
    if payment.property_id not in {ANY_PROPERTY, claim.property_id}:
        raise Refusal("payment_of_another_property", f"payment_id: {payment_id} belongs to {payment.property_id}")
    if payment.currency != claim.currency:
        text = f"payment_id: {payment_id} is in {payment.currency}, the booking costs {claim.currency}"
        raise Refusal("payment_in_another_currency", text)
    if payment.left < claim.amount:
        text = f"payment_id: {payment_id} has {payment.left} left, the booking costs {claim.amount}"
        raise Refusal(Reason.PAYMENT_INSUFFICIENT, text, difference=f"{claim.amount - payment.left:.2f}")
    return payment


def refundable(payment: Payment, captured: Decimal, booking_id: UUID | None, wanted: Decimal | None) -> Decimal:
    """How much to give back: what is wanted, or all; `captured` is what the payment's booking has paid and kept.

    Raises:
        Refusal: when there is not so much, or nothing.
    """
    most = captured if booking_id else payment.left
    what = f"captured for booking {booking_id}" if booking_id else "left"
    if not most:
        raise Refusal("nothing_to_refund", f"payment_id: of payment {payment.id} nothing is {what}")
    if wanted is not None and wanted > most:
        text = f"amount: of payment {payment.id} {most:.2f} is {what}, {wanted:.2f} cannot be given back"
        raise Refusal("refund_too_large", text, refundable=f"{most:.2f}")
    return money(wanted) if wanted is not None else most


def require_currency(request: PaymentRequest, currency: str) -> None:
    """A booking is paid and charged in the currency that it costs.

    Raises:
        Refusal: when it is another, or the booking was given up before it cost anything.
    """
    if request.claim is None:
        raise settled(request)
    if currency != request.wanted.currency:
        text = f"currency: booking {request.booking_id} costs {request.wanted.currency}, not {currency}"
        raise Refusal("payment_in_another_currency", text)


def require_all(request: PaymentRequest, amount: Decimal) -> None:
    """A booking that waits for its money is paid at once or not at all.

    Raises:
        Refusal: when the amount is less than its cost.
    """
    if amount < request.amount:
        text = f"amount: booking {request.booking_id} waits for {request.amount:.2f}, take all of it"
        raise Refusal(Reason.PAYMENT_INSUFFICIENT, text, difference=f"{request.amount - amount:.2f}")


def require_within(limits: Mapping[str, Decimal], role: str | None, amount: Decimal, what: str) -> None:
    """A role moves no more than its limit.

    Raises:
        Refusal: over_limit, when the amount is more.
    """
    limit = limits.get(role) if role else None
    if limit is not None and amount > limit:
        text = (
            f"amount: {amount:.2f} {what}, the limit of the role {role} is {limit:.2f}: ask somebody with a higher one"
        )
        raise Refusal("over_limit", text, field="amount", limit=f"{limit:.2f}", role=role)


def done_otherwise(field: str, key: UUID) -> Refusal:
    """The same id has been used for something else."""
    return Refusal("done_otherwise", f"{field}: {key} was used before, for something else; take a new id")


def unknown_payment(payment_id: UUID) -> Refusal:
    """There is no such payment."""
    return Refusal("payment_unknown", f"payment_id: there is no payment {payment_id}")


def unknown_booking(booking_id: UUID) -> Refusal:
    """Of this booking payments knows nothing."""
    return Refusal("booking_unknown", f"booking_id: booking {booking_id} has asked for no payment")


def settled(request: PaymentRequest) -> Refusal:
    """Nothing is left to be decided."""
    text = f"booking_id: booking {request.booking_id} is {request.status} already, there is nothing to decide"
    return Refusal("payment_settled", text, status=request.status.value)
