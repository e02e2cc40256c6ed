"""What counts as evidence of a payment."""

from __future__ import annotations

from datetime import datetime

from shared.clock import has_begun
from shared.contracts.booking import RequestFacts
from shared.contracts.common import PaymentMethod, Reason
from shared.contracts.payments import Evidence
from shared.errors import Refusal


def evidence_of(request: RequestFacts, caller: str | None = None) -> Evidence:
    """The evidence in a request: a slip for a bank transfer, an authorisation number for a card link.

    A payment that a verification named to the caller needs no other. Beside other evidence its id may be one that was
    named to nobody, as older gateways send it: payments decides. The payer is the guest unless named; a slip's amount
    is the amount paid unless another is given.

    Raises:
        Refusal: payment_missing, naming the field; invalid_request, for evidence that cannot be used.
    """
    payment = request.payment
    payer = payment.payer or request.guest.name
    named = {"payment_id": payment.payment_id, "named_to": caller} if payment.payment_id and caller else {}
    card = payment.method is PaymentMethod.CARD_LINK
    if not (payment.authorization_number if card else payment.slip_date):
        if named:
            return Evidence(method=payment.method, payer=payer, **named)
        if payment.payment_id:
            raise Refusal(
                Reason.INVALID_REQUEST,
                "payment.payment_id: without the contact that it was named to, a payment cannot be chosen by its id"
                " alone; give the contact, or the slip's date and amount, or the card's authorization number",
                field="payment.payment_id",
            )
        if card:
            raise _missing("authorization_number", "the card's authorisation number")
        raise _missing("slip_date", "the date of the transfer slip")
    if card:
        return Evidence(method=payment.method, authorization_number=payment.authorization_number, payer=payer, **named)
    return Evidence(
        method=payment.method,
        slip_date=payment.slip_date,
        slip_amount=payment.amount if payment.slip_amount is None else payment.slip_amount,
        payer=payer,
        reference=payment.reference,
        **named,
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
