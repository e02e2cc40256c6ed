"""Handlers of staff's decisions about a case: this payment is meant, or none is."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.payments.cases.commands import ChooseTransfer, DeclinePayment
from services.payments.requests import TEXTS, Action, StaffDecision, Status, payment_refused, payment_reserved
from services.payments.transfers import ANY_PROPERTY, Claim, Payment, unknown_payment
from services.payments.unit_of_work import Sends, UnitOfWork
from shared.contracts.common import Reason
from shared.errors import Refusal


def choose_transfer(uow: UnitOfWork, command: ChooseTransfer, now: datetime) -> Sends:
    """Reserve from the payment that staff name, whatever the matching found; the saga goes on at once."""
    request, payment = uow.request_of(command.booking_id), uow.payments.get(command.payment_id)
    if request.payment_id == command.payment_id and request.status in {Status.RESERVED, Status.CAPTURED}:
        return []
    request.require_open()
    payment = _usable(request.wanted, payment, command.payment_id)
    uow.decisions.append(StaffDecision.of(command, Action.CHOSEN, now, payment.id))
    return [payment_reserved(uow.reserve(request, payment, now, command.staff))]


def decline_payment(uow: UnitOfWork, command: DeclinePayment, now: datetime) -> Sends:
    """Refuse the request: no payment is meant, and the booking fails."""
    request = uow.request_of(command.booking_id)
    if request.status is Status.REFUSED:
        return []
    request.require_open()
    uow.decisions.append(StaffDecision.of(command, Action.DECLINED, now))
    refusal = TEXTS.ended(Reason.PAYMENT_DECLINED, uow.terms)
    uow.put(request.refused(refusal, now))
    return [payment_refused(request, refusal)]


def _usable(claim: Claim, payment: Payment | None, payment_id: UUID) -> Payment:
    """The payment, if its money can serve the claim. Amount, date, payer and reference are left to the staff.

    Raises:
        Refusal: when there is none, or its money is another property's, in another currency, or too little.
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
