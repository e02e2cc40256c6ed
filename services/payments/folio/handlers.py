"""Handlers of staff's commands about money: payments taken, charges, refunds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from services.payments.folio import rules
from services.payments.folio.commands import AddCharge, RecordPayment, RefundPayment
from services.payments.folio.model import Charge
from services.payments.folio.replies import folio_changed
from services.payments.requests import Status, payment_reserved, settled
from services.payments.transfers import NOTHING, Payment, money, payment_at_desk, unknown_payment
from services.payments.unit_of_work import Sends, UnitOfWork


def record_payment(uow: UnitOfWork, command: RecordPayment, now: datetime) -> Sends:
    """Record money that staff took: reserved for a request that is open, else captured at once. Done once for an id."""
    request, payment = uow.request_of(command.booking_id), payment_at_desk(command, now)
    if known := uow.payments.get(payment.id):
        if not known.same_money(payment) or (known.id, request.booking_id) not in uow.paid:
            raise rules.id_used_before("payment_id", command.payment_id)
        return []
    if request.status in {Status.REFUSED, Status.RELEASED}:
        raise settled(request)
    rules.require_currency(request, command.currency)
    rules.require_begun(command.received_on, now)
    if request.is_open:
        rules.require_all(request, payment.amount)
        return [payment_reserved(uow.reserve(request, payment, now, command.staff))]
    reserved = payment.reserve(payment.amount, request.booking_id, now, command.staff)
    uow.put_payment(reserved.capture(payment.amount, request.booking_id, request.codes, now))
    return _folio_changed(uow, request.booking_id, now, paid=payment.amount)


def add_charge(uow: UnitOfWork, command: AddCharge, now: datetime) -> Sends:
    """Charge something that a booking costs beside its rooms. Done once for an id."""
    request = uow.request_of(command.booking_id)
    facts = command.model_dump(exclude={"charge_id", "role"})
    charge = Charge(command.charge_id, at=now, **facts | {"amount": money(command.amount)})
    if known := uow.charges.get(charge.id):
        if replace(known, at=now, staff=charge.staff) != charge:
            raise rules.id_used_before("charge_id", charge.id)
        return []
    rules.require_currency(request, command.currency)
    limits = uow.terms.of(request.wanted.property_id).charge_limits
    rules.require_within(limits, command.role, charge.amount, "would be charged")
    uow.new_charges.append(charge)
    return _folio_changed(uow, request.booking_id, now, charged=charge.amount)


def refund_payment(uow: UnitOfWork, command: RefundPayment, now: datetime) -> Sends:
    """Refund what a booking paid, or what is left of a payment. Done once for an id."""
    payment, done = uow.payments.get(command.payment_id), uow.refunds.get(command.refund_id)
    if payment is None:
        raise unknown_payment(command.payment_id)
    if done:
        same = (done.payment_id, done.booking_id) == (payment.id, command.booking_id)
        if not same or command.amount not in {None, done.amount}:
            raise rules.id_used_before("refund_id", command.refund_id)
        return []
    paid = uow.paid.get((payment.id, command.booking_id), NOTHING)
    amount = rules.refundable(payment, paid, command.booking_id, command.amount)
    limits = uow.terms.of(_property_id(uow, command, payment)).refund_limits
    rules.require_within(limits, command.role, payment.refunded + amount, "of this payment would be given back by then")
    uow.put_payment(
        payment.refund(amount, command.refund_id, command.booking_id, now, staff=command.staff, reason=command.reason)
    )
    return _folio_changed(uow, command.booking_id, now, paid=-amount) if command.booking_id else []


def _property_id(uow: UnitOfWork, command: RefundPayment, payment: Payment) -> str:
    request = uow.requests.get(command.booking_id) if command.booking_id else None
    return request.claim.property_id if request and request.claim else payment.property_id


def _folio_changed(
    uow: UnitOfWork, booking_id: UUID, now: datetime, *, paid: Decimal = NOTHING, charged: Decimal = NOTHING
) -> Sends:
    """Tell booking the sums of the folio; `paid` and `charged` are by how much this command changes them."""
    charges = uow.charged.get(booking_id, NOTHING) + charged
    return [folio_changed(booking_id, uow.paid_by(booking_id) + paid, charges, now)]
