"""What counts as evidence of a payment."""

from __future__ import annotations

from shared.contracts.booking import RequestFacts
from shared.contracts.common import PaymentMethod, Reason
from shared.contracts.payments import Evidence
from shared.errors import Refusal


def evidence_of(request: RequestFacts) -> Evidence:
    """The evidence in a request: a slip for a bank transfer, an authorisation number for a card link.

    The payer is the guest unless named; a slip's amount is the amount paid unless another is given.

    Raises:
        Refusal: payment_missing, naming the field.
    """
    payment = request.payment
    if payment.method is PaymentMethod.CARD_LINK:
        if not payment.authorization_number:
            raise _missing("authorization_number", "the card's authorisation number")
        return Evidence(method=payment.method, authorization_number=payment.authorization_number)
    if payment.slip_date is None:
        raise _missing("slip_date", "the date of the transfer slip")
    return Evidence(
        method=payment.method,
        slip_date=payment.slip_date,
        slip_amount=payment.amount if payment.slip_amount is None else payment.slip_amount,
        payer=payment.payer or request.guest.name,
        reference=payment.reference,
    )


def _missing(field: str, what: str) -> Refusal:
    return Refusal(Reason.PAYMENT_MISSING, f"payment.{field}: {what} is needed to find the payment", field=field)
