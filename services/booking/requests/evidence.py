"""What counts as evidence of a payment."""

from __future__ import annotations

from datetime import datetime

from shared.clock import has_begun
from shared.contracts.booking import RequestFacts
from shared.contracts.common import PaymentMethod, Reason
from shared.contracts.payments import Evidence
from shared.errors import Refusal


def evidence_of(request: RequestFacts) -> Evidence:
    """The evidence in a request: a slip for a bank transfer, an authorisation number for a card link.

    The payer is the guest unless named; a slip's amount is the amount paid unless another is given.

    Raises:
        Refusal: payment_missing, naming the field; invalid_request, for evidence that cannot be used.
    """
    payment = request.payment
    payer = payment.payer or request.guest.name
    shown = payment.authorization_number if payment.method is PaymentMethod.CARD_LINK else payment.slip_date
    if payment.payment_id and not shown:
        raise Refusal(
            Reason.INVALID_REQUEST,
            "payment.payment_id: a payment cannot be chosen by its id alone; give the slip's date and amount, or the"
            " card's authorization number",
            field="payment.payment_id",
        )
    if payment.method is PaymentMethod.CARD_LINK:
        if not payment.authorization_number:
            raise _missing("authorization_number", "the card's authorisation number")
        return Evidence(method=payment.method, authorization_number=payment.authorization_number, payer=payer)
    if payment.slip_date is None:
        raise _missing("slip_date", "the date of the transfer slip")
    return Evidence(
        method=payment.method,
        slip_date=payment.slip_date,
        slip_amount=payment.amount if payment.slip_amount is None else payment.slip_amount,
        payer=payer,
        reference=payment.reference,
    )


def check_paid(request: RequestFacts, now: datetime) -> None:
    """Refuse what cannot be true of a slip: a date that has begun nowhere yet, or less money than it is said to show.

    Raises:
        Refusal: invalid_request, naming the field.
    """
    payment = request.payment
    if payment.slip_date and not has_begun(payment.slip_date, now):
        text = f"payment.slip_date: {payment.slip_date} lies in the future: correct it"
        raise Refusal(Reason.INVALID_REQUEST, text, field="payment.slip_date")
    if payment.slip_amount is not None and payment.slip_amount < payment.amount:
        text = (
            f"payment.amount: the slip shows {payment.slip_amount}, so {payment.amount} cannot have been paid with it:"
            " correct one of them"
        )
        raise Refusal(Reason.INVALID_REQUEST, text, field="payment.amount")


def _missing(field: str, what: str) -> Refusal:
    return Refusal(Reason.PAYMENT_MISSING, f"payment.{field}: {what} is needed to find the payment", field=field)
