"""What the booking saga asks for: set the money aside, take it, give it back."""

from __future__ import annotations

from datetime import datetime

from services.payments.requests import replies
from services.payments.requests.claim import claim_of
from services.payments.requests.request import OutOfTurn, Status, asked, tombstone
from services.payments.requests.retries import first_attempt
from services.payments.requests.search import Sends, conclude, escalate, wait
from services.payments.unit_of_work import UnitOfWork
from shared.contracts.payments import (
    CapturePayment,
    ReleasePayment,
    ReservePayment,
)


def reserve_payment(uow: UnitOfWork, command: ReservePayment, now: datetime) -> Sends:
    """Set the whole amount aside, or begin to look for it; asked again, the answer is the same."""
    known = uow.requests.get(command.booking_id)
    if known:
        return [replies.answer(known, uow.terms)]
    request = asked(claim_of(command), now)
    decision = uow.decide(request.wanted)
    first = first_attempt(uow.terms.of(command.property_id).schedule(command.evidence.method), now)
    if decision.final or (first is None and decision.ends_attempt):
        return conclude(uow, request, decision, now)
    if first is None:
        return escalate(uow, request, decision, now)
    return [*wait(uow, request, first, now), replies.second_look(request, uow.terms, now)]


def capture_payment(uow: UnitOfWork, command: CapturePayment, now: datetime) -> Sends:
    """Take the reserved money and write all codes on it, or what was booked and give the rest back; done once."""
    request = uow.requests.get(command.booking_id)
    if request is None:
        raise OutOfTurn(f"booking {command.booking_id} has reserved nothing that could be captured")
    if request.status is not Status.CAPTURED:
        codes = [code.strip() for code in command.codes if code.strip()]
        reserved = request.amount
        request = request.captured(codes, now, command.amount)
        payment = uow.serving(request).capture(request.amount, request.booking_id, codes, now)
        if rest := reserved - request.amount:
            payment = payment.release(rest, request.booking_id, now)
        uow.keep_payment(payment)
        uow.keep(request)
    return [replies.captured(request)]


def release_payment(uow: UnitOfWork, command: ReleasePayment, now: datetime) -> Sends:
    """Give back what is reserved and stop looking; a release that comes first stays as a tombstone."""
    before = uow.requests.get(command.booking_id)
    if before and before.status is Status.RELEASED:
        return [replies.released(before)]
    request = before.released(now) if before else tombstone(command.booking_id, now)
    if before and before.status is Status.RESERVED:
        uow.keep_payment(uow.serving(before).release(before.amount, before.booking_id, now))
    uow.keep(request)
    return [replies.released(request)]
