"""Handlers of arriving money and of the search: attempts, escalation, and its end by staff or guest."""

from __future__ import annotations

from datetime import datetime

from services.payments.requests import replies, search
from services.payments.requests.request import Status
from services.payments.requests.retries import SECOND_LOOK, next_attempt
from services.payments.requests.staff_decision import Action, StaffDecision
from services.payments.transfers import Contradiction, money, payment_of, payment_reversed, reversal_id_of
from services.payments.unit_of_work import Sends, UnitOfWork
from shared.contracts.common import Reason
from shared.contracts.payments import (
    MarkFrustrated,
    SearchDue,
    StaffDue,
    TransferArrived,
    TransferReversed,
    WithdrawPayment,
)


def source_told(uow: UnitOfWork, message: TransferArrived | TransferReversed, now: datetime) -> Sends:
    """Record what a line of a source says.

    Raises:
        Contradiction: when it was recorded otherwise.
    """
    return (
        transfer_reversed(uow, message, now)
        if isinstance(message, TransferReversed)
        else transfer_arrived(uow, message, now)
    )


def transfer_arrived(uow: UnitOfWork, message: TransferArrived, now: datetime) -> Sends:
    """Record a transfer once, and settle the requests that wait for it. A repeated line changes nothing.

    Raises:
        Contradiction: when the same line was recorded with another amount, currency or date.
    """
    payment = payment_of(message, now)
    known = uow.payments.get(payment.id)
    if known is None:
        uow.put_payment(payment)
        return [send for request in uow.waiting_for(payment) for send in search.try_to_settle(uow, request, now)]
    for name in ("amount", "currency", "posted_on"):
        if getattr(known, name) != getattr(payment, name):
            raise Contradiction(f"transfer {message.transfer_id} of {message.source} was recorded with another {name}")
    return []


def transfer_reversed(uow: UnitOfWork, message: TransferReversed, now: datetime) -> Sends:
    """Block what is free of a transfer that the bank took back, and tell the staff. Told again it changes nothing.

    Raises:
        Contradiction: when more is taken back than arrived, or in another currency.
    """
    reversal_id = reversal_id_of(message)
    if reversal_id in uow.reversals:
        return []
    told = payment_reversed(message, now)
    payment = uow.payments.get(told.id, told)
    if payment.currency != message.currency or payment.reversed + message.amount > payment.amount:
        raise Contradiction(f"transfer {message.transfer_id} of {message.source} was recorded with another amount")
    reversed_now = payment.take_back(money(message.amount), reversal_id, now, reason=message.reference)
    uow.put_payment(reversed_now)
    uow.reversals.add(reversal_id)
    known = payment is not told
    return [replies.transfer_was_reversed(payment, reversed_now, message.amount, known=known)]


def search_due(uow: UnitOfWork, due: SearchDue, now: datetime) -> Sends:
    """Search again: settle the request, plan the next attempt, or escalate after the last stage."""
    request = uow.requests.get(due.booking_id)
    if request is None or request.attempt is None or not request.expects(due.stage, due.attempt):
        return []
    settled = search.try_to_settle(uow, request, now, attempt=due.attempt != SECOND_LOOK)
    if settled or due.attempt == SECOND_LOOK:
        return settled
    matched = uow.match(request.wanted)
    schedule = uow.terms.of(matched.claim.property_id).schedule(matched.claim.method)
    upcoming = next_attempt(schedule, request.attempt, now)
    if upcoming is None:
        return search.escalate(uow, request, matched, now)
    return [*search.wait(uow, request, upcoming, now), *search.alert_ambiguous(uow, request, matched, now)]


def staff_due(uow: UnitOfWork, due: StaffDue, now: datetime) -> Sends:
    """Refuse a case that staff have not decided in time, with the refusal that it was escalated with."""
    request = uow.requests.get(due.booking_id)
    if request is None or request.status is not Status.ESCALATED or request.refusal is None:
        return []
    return search.refuse(uow, request, request.refusal, now)


def mark_frustrated(uow: UnitOfWork, command: MarkFrustrated, now: datetime) -> Sends:
    """Search once more and escalate at once if nothing is found; only a waiting request changes."""
    request = uow.request_of(command.booking_id)
    if request.status is not Status.WAITING:
        return [replies.request_done(command, changed=False)]
    uow.decisions.append(StaffDecision.of(command, Action.FRUSTRATED, now))
    settled = search.try_to_settle(uow, request, now, attempt=True)
    sends = settled or search.escalate(uow, request, uow.match(request.wanted), now)
    return [*sends, replies.request_done(command, changed=True)]


def withdraw_payment(uow: UnitOfWork, command: WithdrawPayment, now: datetime) -> Sends:
    """End the search, and the booking with it.

    Raises:
        Refusal: payment_settled, when the money is reserved or captured: then the booking is cancelled instead.
    """
    request = uow.request_of(command.booking_id)
    if request.status in {Status.REFUSED, Status.RELEASED}:
        return [replies.request_done(command, changed=False)]
    request.require_open()
    uow.decisions.append(StaffDecision.of(command, Action.WITHDRAWN, now))
    refused = search.refuse(uow, request, replies.TEXTS.ended(Reason.PAYMENT_WITHDRAWN, uow.terms), now)
    return [*refused, replies.request_done(command, changed=True)]
