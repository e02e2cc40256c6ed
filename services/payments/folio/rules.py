"""Rules for what staff may do with a booking's money, and the refusals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from services.payments.requests import PaymentRequest, settled
from services.payments.transfers import Payment, money
from shared.clock import has_begun
from shared.contracts.common import Reason
from shared.errors import Refusal


def refundable(payment: Payment, paid: Decimal, booking_id: UUID | None, wanted: Decimal | None) -> Decimal:
    """How much to refund: the wanted amount, or all. `paid` is what the booking has paid with this payment and kept.

    Raises:
        Refusal: nothing_to_refund, or refund_too_large.
    """
    most = paid if booking_id else payment.left
    what = f"captured for booking {booking_id}" if booking_id else "left"
    if not most:
        raise Refusal("nothing_to_refund", f"payment_id: of payment {payment.id} nothing is {what}")
    if wanted is not None and wanted > most:
        text = f"amount: of payment {payment.id} {most:.2f} is {what}, {wanted:.2f} cannot be given back"
        raise Refusal("refund_too_large", text, refundable=f"{most:.2f}")
    return money(wanted) if wanted is not None else most


def require_currency(request: PaymentRequest, currency: str) -> None:
    """Refuse money in another currency than the booking's.

    Raises:
        Refusal: payment_in_another_currency; payment_settled, when the booking was released before it had a price.
    """
    if request.claim is None:
        raise settled(request)
    if currency != request.wanted.currency:
        text = f"currency: booking {request.booking_id} costs {request.wanted.currency}, not {currency}"
        raise Refusal("payment_in_another_currency", text)


def require_all(request: PaymentRequest, amount: Decimal) -> None:
    """Refuse a part of the money that a booking waits for.

    Raises:
        Refusal: payment_insufficient.
    """
    if amount < request.amount:
        text = f"amount: booking {request.booking_id} waits for {request.amount:.2f}, take all of it"
        raise Refusal(Reason.PAYMENT_INSUFFICIENT, text, difference=f"{request.amount - amount:.2f}")


def require_begun(received_on: date, now: datetime) -> None:
    """Refuse money of a day that has not begun anywhere.

    Raises:
        Refusal: invalid_request.
    """
    if not has_begun(received_on, now):
        text = f"received_on: {received_on} lies in the future: correct it"
        raise Refusal(Reason.INVALID_REQUEST, text, field="received_on")


def require_within(limits: Mapping[str, Decimal], role: str | None, amount: Decimal, what: str) -> None:
    """Refuse an amount above the limit of a role.

    Raises:
        Refusal: over_limit.
    """
    limit = limits.get(role) if role else None
    if limit is not None and amount > limit:
        text = (
            f"amount: {amount:.2f} {what}, the limit of the role {role} is {limit:.2f}: ask somebody with a higher one"
        )
        raise Refusal("over_limit", text, field="amount", limit=f"{limit:.2f}", role=role)


def id_used_before(field: str, key: UUID) -> Refusal:
    """The refusal when an id was used before for something else."""
    return Refusal("done_otherwise", f"{field}: {key} was used before, for something else; take a new id")
