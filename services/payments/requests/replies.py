"""Builds the messages of payments: replies to the saga, timers, answers to gateways, and alerts to the staff."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

from services.payments.requests.request import PaymentRequest, Status
from services.payments.requests.retries import SECOND_LOOK, stage_ends_at
from services.payments.requests.terms import Terms
from services.payments.requests.texts import PaymentTexts
from services.payments.transfers import NOTHING, MatchResult, Payment
from shared.contracts.common import Reason, RefusalDetails
from shared.contracts.notifications import StaffAlerted
from shared.contracts.payments import (
    MOST_CODES,
    Asked,
    MarkFrustrated,
    PaymentAwaited,
    PaymentCaptured,
    PaymentRefused,
    PaymentReleased,
    PaymentReserved,
    PaymentVerified,
    RequestDone,
    RequestRefused,
    SearchDue,
    SearchRequestInvalid,
    StaffDue,
    Verification,
    VerificationInvalid,
    VerifyPayment,
    WithdrawPayment,
)
from shared.errors import Refusal
from shared.messages.message import Message, Outgoing

TEXTS = PaymentTexts(Path(__file__).parents[1] / "texts")


def request_refused(command: WithdrawPayment | MarkFrustrated, refusal: Refusal) -> RequestRefused:
    """The answer to a gateway whose command is refused."""
    reason = RefusalDetails(reason=refusal.code, text=refusal.text, details=refusal.details)
    return RequestRefused(booking_id=command.booking_id, asked=_asked(command), refusal=reason)


def not_fitting(invalid: SearchRequestInvalid) -> RequestRefused:
    """The answer to a gateway whose command does not fit."""
    return RequestRefused(booking_id=invalid.booking_id, asked=invalid.asked, refusal=invalid.error)


def request_done(command: WithdrawPayment | MarkFrustrated, *, changed: bool) -> RequestDone:
    """The answer to whoever gave a command that is done, now or before."""
    return RequestDone(booking_id=command.booking_id, asked=_asked(command), changed=changed)


def _asked(command: WithdrawPayment | MarkFrustrated) -> Asked:
    return "withdrawal" if isinstance(command, WithdrawPayment) else "frustration"


def answer(request: PaymentRequest, terms: Terms) -> Message:
    """The reply that fits the state of a request; a repeated command gets the same reply."""
    if request.is_open:
        return payment_awaited(request, terms)
    if request.status in {Status.RESERVED, Status.CAPTURED}:
        return payment_reserved(request)
    return payment_refused(request, request.refusal or TEXTS.refusal_after_release(terms))


def payment_reserved(request: PaymentRequest) -> PaymentReserved:
    """The reply that the money is reserved."""
    return PaymentReserved(
        booking_id=request.booking_id,
        payment_id=str(request.payment_id),
        amount=request.amount,
        found_later=request.found_later,
    )


def payment_awaited(request: PaymentRequest, terms: Terms, *, opens_stage: bool | None = None) -> PaymentAwaited:
    """The reply that the money is searched for. Rooms are kept until this stage, or the staff's time, has ended."""
    claim, attempt = request.claim, request.attempt
    if claim is None or attempt is None:
        raise ValueError(f"booking {request.booking_id} waits for nothing")
    own, searched = terms.of(claim.property_id), request.status is Status.WAITING
    until = stage_ends_at(own.schedule(claim.method), attempt) if searched else attempt.at
    return PaymentAwaited(
        booking_id=request.booking_id,
        stage=attempt.stage,
        attempt=attempt.number,
        next_attempt_at=attempt.at,
        keep_until=until + own.hold_margin,
        keep_rooms=own.keeps_rooms(attempt.stage),
        opens_stage=(searched and attempt.opens_stage) if opens_stage is None else opens_stage,
        escalated=not searched,
    )


def staff_timer(request: PaymentRequest) -> Outgoing:
    """The timer for the end of the staff's time."""
    return Outgoing(StaffDue(booking_id=request.booking_id), due=request.attempt.at if request.attempt else None)


def attempt_timer(request: PaymentRequest) -> Outgoing:
    """The timer for a request's next attempt."""
    attempt = request.attempt
    if attempt is None:
        raise ValueError(f"booking {request.booking_id} waits for nothing")
    due = SearchDue(booking_id=request.booking_id, stage=attempt.stage, attempt=attempt.number)
    return Outgoing(due, due=attempt.at)


def second_look_timer(request: PaymentRequest, terms: Terms, now: datetime) -> Outgoing:
    """The timer for the second look, which counts as no attempt."""
    return Outgoing(SearchDue(booking_id=request.booking_id, stage=1, attempt=SECOND_LOOK), due=now + terms.second_look)


def payment_refused(request: PaymentRequest, refusal: Refusal) -> PaymentRefused:
    """The reply that nothing is reserved, with the reason."""
    reason = RefusalDetails(reason=refusal.code, text=refusal.text, details=refusal.details)
    return PaymentRefused(booking_id=request.booking_id, refusal=reason)


def payment_captured(request: PaymentRequest) -> PaymentCaptured:
    """The reply that the money is captured."""
    return PaymentCaptured(booking_id=request.booking_id, payment_id=str(request.payment_id), amount=request.amount)


def payment_released(request: PaymentRequest) -> PaymentReleased:
    """The reply that nothing is reserved; `amount` is what was reserved before, if anything."""
    amount = request.amount if request.payment_id else NOTHING
    return PaymentReleased(booking_id=request.booking_id, amount=amount)


def payment_verified(question: VerifyPayment, matched: MatchResult, terms: Terms) -> PaymentVerified:
    """The answer to a question about a payment. Codes and date of a used one are given only to whom they belong."""
    payment, result = matched.payment, Verification(matched.verdict.value)
    used_at = payment.used_at if payment and result is Verification.USED and matched.discloses else None
    return PaymentVerified(
        request_id=question.request_id,
        result=result,
        payment_id=str(payment.id) if payment else None,
        left=payment.left if payment else None,
        difference=matched.lacking if result is Verification.TOO_LITTLE else None,
        codes=payment.codes[:MOST_CODES] if used_at and payment else (),
        codes_text=TEXTS.codes(payment.codes, question.language) if used_at and payment else None,
        used_on=used_at.astimezone(terms.of(matched.claim.property_id).zone).date() if used_at else None,
        missing=matched.claim.missing if result is Verification.MISSING else (),
        message=TEXTS.verified(matched, question.language, terms),
        ignored=question.ignored or None,
    )


def slip_in_future(question: VerifyPayment) -> VerificationInvalid:
    """What is wrong with a question about a slip of a day that has not begun."""
    problem = {"field": "slip_date", "problem": f"{question.slip_date} lies in the future: correct it"}
    text = f"{problem['field']}: {problem['problem']}"
    error = RefusalDetails(
        reason=Reason.INVALID_REQUEST, text=text, details={"field": "slip_date", "problems": [problem]}
    )
    return VerificationInvalid(request_id=question.request_id, language=question.language, error=error)


def question_invalid(invalid: VerificationInvalid) -> PaymentVerified:
    """The answer to an invalid question, with its problems."""
    return PaymentVerified(
        request_id=invalid.request_id,
        result=Verification.INVALID,
        message=TEXTS.not_verified(invalid.error, invalid.language),
        error=invalid.error,
    )


def staff_alerted(request: PaymentRequest, refusal: Refusal, matched: MatchResult, now: datetime) -> StaffAlerted:
    """The alert about a case, with everything known: the claim, the search, and each payment with its reasons."""
    details = {
        **refusal.details,
        "property_id": matched.claim.property_id,
        "claim": matched.claim.facts(),
        "started_at": request.started_at.isoformat(),
        "ended_at": now.isoformat(),
        "payments": [considered.facts() for considered in matched.considered],
    }
    if last := request.attempt:
        details |= {"stage": last.stage, "attempt": last.number}
    return StaffAlerted(booking_id=request.booking_id, code=refusal.code, text=_for_staff(matched), details=details)


def transfer_was_reversed(before: Payment, after: Payment, amount: Decimal, *, known: bool) -> StaffAlerted:
    """The alert that the bank took money back: what of it was free, and which reservations count on the rest.

    Where the transfer was not `known`, the bank may have named another id than that under which its money is recorded.
    """
    blocked = before.left - after.left
    in_use = after.reserved + after.captured
    text = f"The bank took {amount} {after.currency} of transfer {after.transfer_id} ({after.source}) back."
    if not known:
        text += " No such transfer was recorded: look for its money under another id, and refund what is free of it."
    elif blocked:
        text += f" {blocked} of it was free and can no longer be used."
    if in_use:
        codes = f" ({', '.join(after.codes)})" if after.codes else ""
        text += f" Bookings count on {in_use}{codes}: ask the guest for another payment."
    details = {
        "property_id": after.property_id,
        "payment_id": str(after.id),
        "amount": str(amount),
        "blocked": str(blocked),
        "in_use": str(in_use),
        "codes": list(after.codes),
    }
    return StaffAlerted(booking_id=after.id, code="transfer_reversed", text=text, details=details)


def _for_staff(matched: MatchResult) -> str:
    claim, verdict = matched.claim, matched.verdict.value.replace("_", " ")
    if matched.contradicted:
        return (
            f"For the payment of {claim.amount} {claim.currency} there is money of that amount and date, but neither"
            " its reference nor its payer agrees with the slip. Choose it if it is the guest's."
        )
    return (
        f"The payment of {claim.amount} {claim.currency} is {verdict}: of {len(matched.candidates)} payments"
        f" {len(matched.close)} fit. Nothing is reserved; please look into it."
    )
