"""Builds what payments answers to the saga, and what it tells the staff."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from services.payments.folio.price import Price
from services.payments.requests.claim import Claim
from services.payments.requests.request import PaymentRequest, Status
from services.payments.requests.retries import SECOND_LOOK, stage_ends_at
from services.payments.requests.terms import Terms
from services.payments.requests.texts import PaymentTexts
from services.payments.transfers.ledger import NOTHING
from services.payments.transfers.matching import Considered, Decision
from shared.contracts.common import RefusalDetails
from shared.contracts.notifications import StaffAlerted
from shared.contracts.payments import (
    MOST_CODES,
    BookingRepriced,
    FolioChanged,
    MarkFrustrated,
    PaymentAwaited,
    PaymentCaptured,
    PaymentRefused,
    PaymentReleased,
    PaymentReserved,
    PaymentVerified,
    RequestRefused,
    SearchDue,
    StaffDue,
    Verification,
    VerificationInvalid,
    VerifyPayment,
    WithdrawPayment,
)
from shared.errors import Refusal
from shared.messages.message import Message, Outgoing

wording = PaymentTexts(Path(__file__).parents[1] / "texts")


def request_refused(asked: WithdrawPayment | MarkFrustrated, refusal: Refusal) -> RequestRefused:
    """What a gateway asked is not done, and why."""
    what = "withdrawal" if isinstance(asked, WithdrawPayment) else "frustration"
    reason = RefusalDetails(reason=refusal.code, text=refusal.text, details=refusal.details)
    return RequestRefused(booking_id=asked.booking_id, asked=what, refusal=reason)


def answer(request: PaymentRequest, terms: Terms) -> Message:
    """What a request is answered, by what has become of it: the same however often it is asked."""
    if request.is_open:
        return awaited(request, terms)
    if request.status in {Status.RESERVED, Status.CAPTURED}:
        return reserved(request)
    return refused(request, request.refusal or wording.refusal_after_release(terms))


def reserved(request: PaymentRequest) -> PaymentReserved:
    """The money is set aside."""
    return PaymentReserved(
        booking_id=request.booking_id,
        payment_id=str(request.payment_id),
        amount=request.amount,
        found_later=request.found_later,
    )


def awaited(request: PaymentRequest, terms: Terms, *, opens_stage: bool | None = None) -> PaymentAwaited:
    """The money is looked for again; the rooms should be kept as long as this stage or the staff's time lasts."""
    claim, attempt = request.claim, request.attempt
    if claim is None or attempt is None:
        raise ValueError(f"booking {request.booking_id} waits for nothing")
    terms, searched = terms.of(claim.property_id), request.status is Status.WAITING
    until = stage_ends_at(terms.schedule(claim.method), attempt) if searched else attempt.at
    return PaymentAwaited(
        booking_id=request.booking_id,
        stage=attempt.stage,
        attempt=attempt.number,
        next_attempt_at=attempt.at,
        keep_until=until + terms.hold_margin,
        keep_rooms=terms.keeps_rooms(attempt.stage),
        opens_stage=(searched and attempt.opens_stage) if opens_stage is None else opens_stage,
        escalated=not searched,
    )


def staff_timer(request: PaymentRequest) -> Outgoing:
    """The timer of the time that the staff has."""
    return Outgoing(StaffDue(booking_id=request.booking_id), due=request.attempt.at if request.attempt else None)


def search(request: PaymentRequest) -> Outgoing:
    """The timer of a request's next attempt."""
    attempt = request.attempt
    if attempt is None:
        raise ValueError(f"booking {request.booking_id} waits for nothing")
    due = SearchDue(booking_id=request.booking_id, stage=attempt.stage, attempt=attempt.number)
    return Outgoing(due, due=attempt.at)


def second_look(request: PaymentRequest, terms: Terms, now: datetime) -> Outgoing:
    """The timer of the one look that counts as no attempt."""
    return Outgoing(SearchDue(booking_id=request.booking_id, stage=1, attempt=SECOND_LOOK), due=now + terms.second_look)


def refused(request: PaymentRequest, refusal: Refusal) -> PaymentRefused:
    """Nothing is set aside, and why."""
    reason = RefusalDetails(reason=refusal.code, text=refusal.text, details=refusal.details)
    return PaymentRefused(booking_id=request.booking_id, refusal=reason)


def captured(request: PaymentRequest) -> PaymentCaptured:
    """The money is taken."""
    return PaymentCaptured(booking_id=request.booking_id, payment_id=str(request.payment_id), amount=request.amount)


def repriced(price: Price) -> BookingRepriced:
    """What was paid for it and kept."""
    return BookingRepriced(
        booking_id=price.booking_id, change=price.change, paid=price.paid, refund=price.refund, at=price.at
    )


def folio_changed(booking_id: UUID, paid: Decimal, charges: Decimal, at: datetime) -> FolioChanged:
    """What was paid and kept, and what is charged beside the rooms."""
    return FolioChanged(booking_id=booking_id, paid=paid, charges=charges, at=at)


def released(request: PaymentRequest) -> PaymentReleased:
    """Nothing is reserved; the amount is what had been set aside, if anything."""
    gave_back = request.amount if request.payment_id else NOTHING
    return PaymentReleased(booking_id=request.booking_id, amount=gave_back)


def verified(ask: VerifyPayment, decision: Decision, terms: Terms) -> PaymentVerified:
    """What came of looking for a payment; codes and dates only of one that is found or used."""
    payment, result = decision.payment, Verification(decision.verdict.value)
    used_at = payment.used_at if payment and result is Verification.USED else None
    return PaymentVerified(
        request_id=ask.request_id,
        result=result,
        payment_id=str(payment.id) if payment else None,
        left=payment.left if payment else None,
        difference=decision.lacking if result is Verification.TOO_LITTLE else None,
        codes=payment.codes[:MOST_CODES] if used_at and payment else (),
        codes_text=wording.codes(payment.codes, ask.language) if used_at and payment else None,
        used_on=used_at.astimezone(terms.of(decision.claim.property_id).zone).date() if used_at else None,
        missing=decision.claim.missing if result is Verification.MISSING else (),
        message=wording.verified(decision, ask.language, terms),
    )


def not_verified(asked: VerificationInvalid) -> PaymentVerified:
    """The answer to a question that could not be read, with what is wrong with it."""
    return PaymentVerified(
        request_id=asked.request_id,
        result=Verification.INVALID,
        message=wording.not_verified(asked.error, asked.language),
        error=asked.error,
    )


def staff_alerted(request: PaymentRequest, refusal: Refusal, decision: Decision, now: datetime) -> StaffAlerted:
    """A case for a person, with everything known: the claim, the search, and each payment with its reasons."""
    details = {
        **refusal.details,
        "property_id": decision.claim.property_id,
        "claim": evidence(decision.claim),
        "started_at": request.started_at.isoformat(),
        "ended_at": now.isoformat(),
        "payments": [considered(one) for one in decision.considered],
    }
    if last := request.attempt:
        details |= {"stage": last.stage, "attempt": last.number}
    return StaffAlerted(booking_id=request.booking_id, code=refusal.code, text=_for_staff(decision), details=details)


def _for_staff(decision: Decision) -> str:
    claim, verdict = decision.claim, decision.verdict.value.replace("_", " ")
    if decision.contradicted:
        return (
            f"For the payment of {claim.amount} {claim.currency} there is money of that amount and date, but neither"
            " its reference nor its payer agrees with the slip. Choose it if it is the guest's."
        )
    return (
        f"The payment of {claim.amount} {claim.currency} is {verdict}: of {len(decision.looked_at)} payments looked at"
        f" {len(decision.close)} fit. Nothing is reserved; please look into it."
    )


def evidence(claim: Claim) -> dict[str, str]:
    """What the guest claims, for the staff."""
    facts = {name: getattr(claim, name) for name in Claim.__slots__ if name != "booking_id"}
    return {name: str(value) for name, value in facts.items() if value is not None}


def considered(one: Considered) -> dict[str, Any]:
    """A payment that was looked at, for the staff: what it is, and what speaks for and against it."""
    payment = one.payment
    facts = {name: getattr(payment, name) for name in ("id", "amount", "left", "currency", "posted_on", "payer")}
    facts |= {"transfer_id": payment.transfer_id, "reference": payment.reference}
    known = {name: str(value) for name, value in facts.items() if value is not None}
    return {**known, "codes": list(payment.codes), "for": list(one.pros), "against": list(one.cons)}
