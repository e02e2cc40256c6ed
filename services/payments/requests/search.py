"""The search for a request's money: it is settled, waits, is escalated or refused."""

from __future__ import annotations

from datetime import datetime

from services.payments.requests import replies
from services.payments.requests.request import PaymentRequest
from services.payments.requests.retries import Attempt
from services.payments.requests.terms import Unfound
from services.payments.transfers import MatchResult, Verdict, payment_id_in, too_little_left
from services.payments.unit_of_work import Sends, UnitOfWork
from shared.contracts.common import Reason
from shared.contracts.payments import Evidence
from shared.errors import Refusal


def is_meant(uow: UnitOfWork, request: PaymentRequest, evidence: Evidence) -> bool:
    """Whether a request means the payment of which it gives the id.

    Beside other evidence, an id that no verification named to this caller counts for nothing: older gateways send one.
    """
    if evidence.payment_id is None:
        return False
    return bool(request.wanted.missing) or (payment_id_in(evidence.payment_id), evidence.named_to) in uow.namings


def reserve_named(uow: UnitOfWork, request: PaymentRequest, evidence: Evidence, now: datetime) -> Sends:
    """Reserve exactly the payment that a verification named to this caller; it is never searched for."""
    claim, payment_id = request.wanted, payment_id_in(evidence.payment_id)
    payment = uow.payments.get(payment_id) if payment_id else None
    naming = uow.namings.get((payment.id, evidence.named_to or "")) if payment else None
    if payment is None or naming is None or not naming.allows(claim, payment, now):
        return refuse(uow, request, replies.TEXTS.ended(Reason.PAYMENT_NOT_VERIFIED, uow.terms), now)
    if payment.left < claim.amount:
        return settle(uow, request, too_little_left(claim, payment, uow.used_for(payment)), now)
    return [replies.payment_reserved(uow.reserve(request, payment, now))]


def try_to_settle(uow: UnitOfWork, request: PaymentRequest, now: datetime, *, attempt: bool = False) -> Sends:
    """Settle a waiting request if the money that is there allows it; else no messages.

    `attempt` says that this is a planned attempt, at which money with another reference is accepted too.
    """
    matched = uow.match(request.wanted)
    ends = matched.ends_attempt if attempt else matched.ends_search
    return settle(uow, request, matched, now) if ends else []


def settle(uow: UnitOfWork, request: PaymentRequest, matched: MatchResult, now: datetime) -> Sends:
    """Act on a match: reserve the money, refuse the request, or hand it to the staff."""
    payment = matched.payment
    if matched.verdict is Verdict.AMBIGUOUS:
        return escalate(uow, request, matched, now)
    if payment is None or matched.verdict is not Verdict.FOUND:
        return refuse(uow, request, replies.TEXTS.refusal(matched, uow.terms), now)
    return [replies.payment_reserved(uow.reserve(request, payment, now))]


def wait(uow: UnitOfWork, request: PaymentRequest, upcoming: Attempt, now: datetime) -> Sends:
    """Wait for the next attempt, and tell the saga."""
    request = request.waits(upcoming, now)
    uow.put(request)
    return [replies.payment_awaited(request, uow.terms), replies.attempt_timer(request)]


def escalate(uow: UnitOfWork, request: PaymentRequest, matched: MatchResult, now: datetime) -> Sends:
    """Alert the staff with everything known. The request is refused or waits for them, as the terms say."""
    refusal = replies.TEXTS.refusal(matched, uow.terms)
    terms = uow.terms.of(matched.claim.property_id)
    alert = replies.staff_alerted(request, refusal, matched, now)
    if terms.unfound is Unfound.FAIL:
        return [*refuse(uow, request, refusal, now), alert]
    case = request.escalated(refusal, now + terms.staff_patience, now)
    uow.put(case)
    awaited = replies.payment_awaited(case, uow.terms, opens_stage=request.attempt is None)
    return [awaited, replies.staff_timer(case), alert]


def alert_ambiguous(uow: UnitOfWork, request: PaymentRequest, matched: MatchResult, now: datetime) -> Sends:
    """Alert the staff to money that fits and may be another guest's: they can choose it while the search goes on."""
    if matched.verdict is not Verdict.AMBIGUOUS:
        return []
    return [replies.staff_alerted(request, replies.TEXTS.refusal(matched, uow.terms), matched, now)]


def refuse(uow: UnitOfWork, request: PaymentRequest, refusal: Refusal, now: datetime) -> Sends:
    """End the search without money."""
    uow.put(request.refused(refusal, now))
    return [replies.payment_refused(request, refusal)]
