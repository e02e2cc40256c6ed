"""Handlers of the saga's commands (reserve, capture, release) and of questions whether a payment is there."""

from __future__ import annotations

from datetime import datetime

from services.payments.requests import replies, search
from services.payments.requests.request import OutOfTurn, Status, new_request, tombstone
from services.payments.requests.retries import first_attempt
from services.payments.transfers import Naming, Verdict, claim_of, money, question_of
from services.payments.unit_of_work import Sends, UnitOfWork
from shared.clock import has_begun
from shared.contracts.payments import (
    CapturePayment,
    ReleasePayment,
    ReservePayment,
    SearchRequestInvalid,
    VerificationInvalid,
    VerifyPayment,
)


def reserve_payment(uow: UnitOfWork, command: ReservePayment, now: datetime) -> Sends:
    """Reserve the whole amount, or begin to search for it. Repetition gives the same reply."""
    known = uow.requests.get(command.booking_id)
    if known:
        return [replies.answer(known, uow.terms)]
    request = new_request(claim_of(command), now)
    if search.is_meant(uow, request, command.evidence):
        return search.reserve_named(uow, request, command.evidence, now)
    matched = uow.match(request.wanted)
    first = first_attempt(uow.terms.of(command.property_id).schedule(command.evidence.method), now)
    if matched.final or (first is None and matched.ends_attempt):
        return search.settle(uow, request, matched, now)
    if first is None:
        return search.escalate(uow, request, matched, now)
    return [*search.wait(uow, request, first, now), replies.second_look_timer(request, uow.terms, now)]


def capture_payment(uow: UnitOfWork, command: CapturePayment, now: datetime) -> Sends:
    """Capture the reserved money, once, and note all reservation codes on the payment.

    With a smaller amount the rest is released.

    Raises:
        OutOfTurn: when nothing is reserved.
    """
    request = uow.requests.get(command.booking_id)
    if request is None:
        raise OutOfTurn(f"booking {command.booking_id} has reserved nothing that could be captured")
    if request.status is not Status.CAPTURED:
        codes = [code.strip() for code in command.codes if code.strip()]
        reserved = request.amount
        request = request.captured(codes, now, command.amount)
        payment = uow.payment_of(request).capture(request.amount, request.booking_id, codes, now)
        if rest := reserved - request.amount:
            payment = payment.release(rest, request.booking_id, now)
        uow.put_payment(payment)
        uow.put(request)
    return [replies.payment_captured(request)]


def release_payment(uow: UnitOfWork, command: ReleasePayment, now: datetime) -> Sends:
    """Release what is reserved and end the search. A release before its request is kept as a tombstone."""
    before = uow.requests.get(command.booking_id)
    if before and before.status is Status.RELEASED:
        return [replies.payment_released(before)]
    request = before.released(now) if before else tombstone(command.booking_id, now)
    if before and before.status is Status.RESERVED:
        uow.put_payment(uow.payment_of(before).release(before.amount, before.booking_id, now))
    uow.put(request)
    return [replies.payment_released(request)]


def verify_payment(uow: UnitOfWork, question: VerifyPayment, now: datetime) -> Sends:
    """Answer whether a payment is there, and name one that is to whoever asks; nothing is reserved.

    A slip of a day that has not begun is none.
    """
    if question.slip_date and not has_begun(question.slip_date, now):
        return [replies.question_invalid(replies.slip_in_future(question))]
    matched = uow.match(question_of(question, uow.terms.default_property))
    if matched.verdict is Verdict.FOUND and matched.payment and question.caller:
        payment, claim = matched.payment, matched.claim
        amount = money(question.booking_amount or payment.left)
        uow.put_naming(Naming(payment.id, question.caller, claim.property_id, amount, claim.currency, now))
    return [replies.payment_verified(question, matched, uow.terms)]


def verification_invalid(_: UnitOfWork, invalid: VerificationInvalid, __: datetime) -> Sends:
    """Answer an invalid question."""
    return [replies.question_invalid(invalid)]


def search_request_invalid(_: UnitOfWork, invalid: SearchRequestInvalid, __: datetime) -> Sends:
    """Answer a withdrawal or a mark of frustration that does not fit."""
    return [replies.not_fitting(invalid)]
