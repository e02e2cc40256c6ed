"""What the staff does at the desk: take money, charge, give back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from services.payments.commands import AddCharge, RecordPayment, RefundPayment
from services.payments.folio import staff_rules
from services.payments.folio.model import Charge
from services.payments.requests import replies
from services.payments.requests.request import Status
from services.payments.requests.search import Sends, known_request, set_aside
from services.payments.transfers.ledger import NOTHING
from services.payments.transfers.payment import Payment, money, payment_at_desk
from services.payments.unit_of_work import UnitOfWork


def record_payment(uow: UnitOfWork, command: RecordPayment, now: datetime) -> Sends:
    """Money taken at the desk: a booking that waits goes on with it, any other has paid it."""
    request, payment = known_request(uow, command.booking_id), payment_at_desk(command, now)
    if known := uow.payments.get(payment.id):
        if not known.same_money(payment) or (known.id, request.booking_id) not in uow.kept:
            raise staff_rules.done_otherwise("payment_id", command.payment_id)
        return []
    if request.status in {Status.REFUSED, Status.RELEASED}:
        raise staff_rules.settled(request)
    staff_rules.require_currency(request, command.currency)
    if request.is_open:
        staff_rules.require_all(request, payment.amount)
        return set_aside(uow, request, payment, now, command.staff)
    paid = payment.reserve(payment.amount, request.booking_id, now, command.staff)
    uow.keep_payment(paid.capture(payment.amount, request.booking_id, request.codes, now))
    return _folio(uow, request.booking_id, now, paid=payment.amount)


def add_charge(uow: UnitOfWork, command: AddCharge, now: datetime) -> Sends:
    """Something that a booking costs beside its rooms."""
    request = known_request(uow, command.booking_id)
    facts = command.model_dump(exclude={"charge_id", "role"})
    charge = Charge(command.charge_id, at=now, **facts | {"amount": money(command.amount)})
    if known := uow.charges.get(charge.id):
        if replace(known, at=now, staff=charge.staff) != charge:
            raise staff_rules.done_otherwise("charge_id", charge.id)
        return []
    staff_rules.require_currency(request, command.currency)
    limits = uow.terms.of(request.wanted.property_id).charge_limits
    staff_rules.require_within(limits, command.role, charge.amount, "would be charged")
    uow.new_charges.append(charge)
    return _folio(uow, request.booking_id, now, charged=charge.amount)


def refund_payment(uow: UnitOfWork, command: RefundPayment, now: datetime) -> Sends:
    """Give back a booking's money, or what nobody has used; done twice, it is done once."""
    payment, done = uow.payments.get(command.payment_id), uow.refunds.get(command.refund_id)
    if payment is None:
        raise staff_rules.unknown_payment(command.payment_id)
    if done:
        same = (done.payment_id, done.booking_id) == (payment.id, command.booking_id)
        if not same or command.amount not in {None, done.amount}:
            raise staff_rules.done_otherwise("refund_id", command.refund_id)
        return []
    kept = uow.kept.get((payment.id, command.booking_id), NOTHING)
    amount = staff_rules.refundable(payment, kept, command.booking_id, command.amount)
    limits = uow.terms.of(_property(uow, command, payment)).refund_limits
    staff_rules.require_within(
        limits, command.role, payment.refunded + amount, "of this payment would be given back by then"
    )
    uow.keep_payment(
        payment.refund(amount, command.refund_id, command.booking_id, now, staff=command.staff, reason=command.reason)
    )
    return _folio(uow, command.booking_id, now, paid=-amount) if command.booking_id else []


def _property(uow: UnitOfWork, command: RefundPayment, payment: Payment) -> str:
    request = uow.requests.get(command.booking_id) if command.booking_id else None
    return request.claim.property_id if request and request.claim else payment.property_id


def _folio(
    uow: UnitOfWork, booking_id: UUID, now: datetime, *, paid: Decimal = NOTHING, charged: Decimal = NOTHING
) -> Sends:
    """Let booking know what its balance is made of, after the staff has changed it by so much."""
    charges = uow.charged.get(booking_id, NOTHING) + charged
    return [replies.folio_changed(booking_id, uow.kept_by(booking_id) + paid, charges, now)]
