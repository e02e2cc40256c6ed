"""What the handlers share: how a request for money is settled, waits, is escalated or ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from services.payments.cases.decision import Action, StaffDecision
from services.payments.commands import ChooseTransfer, DeclinePayment
from services.payments.folio import staff_rules
from services.payments.requests import replies
from services.payments.requests.request import PaymentRequest
from services.payments.requests.retries import Attempt
from services.payments.requests.terms import Unfound
from services.payments.transfers.matching import Decision, Verdict
from services.payments.transfers.payment import Payment
from services.payments.unit_of_work import UnitOfWork
from shared.contracts.payments import (
    MarkFrustrated,
    WithdrawPayment,
)
from shared.errors import Refusal
from shared.messages.message import Message, Outgoing

Sends: TypeAlias = Sequence[Message | Outgoing]


def look(uow: UnitOfWork, request: PaymentRequest, now: datetime, *, attempt: bool = False) -> Sends:
    """Settle a waiting request if that can be done now, or at an attempt; no messages while it cannot."""
    decision = uow.decide(request.wanted)
    ends = decision.ends_attempt if attempt else decision.ends_search
    return conclude(uow, request, decision, now) if ends else []


def conclude(uow: UnitOfWork, request: PaymentRequest, decision: Decision, now: datetime) -> Sends:
    """Do what a decision says: set the money aside, end the search, or hand it to a person."""
    payment = decision.payment
    if decision.verdict is Verdict.AMBIGUOUS:
        return escalate(uow, request, decision, now)
    if payment is None or decision.verdict is not Verdict.FOUND:
        return end(uow, request, replies.wording.refusal(decision, uow.terms), now)
    return set_aside(uow, request, payment, now)


def set_aside(
    uow: UnitOfWork, request: PaymentRequest, payment: Payment, now: datetime, staff: str | None = None
) -> Sends:
    """Set the whole amount aside from a payment; `staff` is who chose it, where a person did."""
    uow.keep_payment(payment.reserve(request.amount, request.booking_id, now, staff))
    request = request.reserved(payment.id, now)
    uow.keep(request)
    return [replies.reserved(request)]


def wait(uow: UnitOfWork, request: PaymentRequest, upcoming: Attempt, now: datetime) -> Sends:
    """Wait for the next attempt, and tell the saga."""
    request = request.waits(upcoming, now)
    uow.keep(request)
    return [replies.awaited(request, uow.terms), replies.search(request)]


def escalate(uow: UnitOfWork, request: PaymentRequest, decision: Decision, now: datetime) -> Sends:
    """Tell the staff everything; the booking fails, or waits for them, as its property chooses."""
    refusal = replies.wording.refusal(decision, uow.terms)
    terms = uow.terms.of(decision.claim.property_id)
    alert = replies.staff_alerted(request, refusal, decision, now)
    if terms.unfound is Unfound.FAIL:
        return [*end(uow, request, refusal, now), alert]
    case = request.escalated(refusal, now + terms.staff_patience, now)
    uow.keep(case)
    return [replies.awaited(case, uow.terms, opens_stage=request.attempt is None), replies.staff_timer(case), alert]


def doubt(uow: UnitOfWork, request: PaymentRequest, decision: Decision, now: datetime) -> Sends:
    """Tell the staff of what fits and may be another's: they can choose it while the search goes on."""
    if decision.verdict is not Verdict.AMBIGUOUS:
        return []
    return [replies.staff_alerted(request, replies.wording.refusal(decision, uow.terms), decision, now)]


def end(uow: UnitOfWork, request: PaymentRequest, refusal: Refusal, now: datetime) -> Sends:
    """Nothing is set aside, and the search is over."""
    uow.keep(request.refused(refusal, now))
    return [replies.refused(request, refusal)]


def known_request(uow: UnitOfWork, booking_id: UUID) -> PaymentRequest:
    """A booking's request.

    Raises:
        Refusal: unknown_booking.
    """
    request = uow.requests.get(booking_id)
    if request is None:
        raise staff_rules.unknown_booking(booking_id)
    return request


def require_open(request: PaymentRequest) -> None:
    """Only what waits or is escalated can be decided.

    Raises:
        Refusal: when it is settled.
    """
    if not request.is_open:
        raise staff_rules.settled(request)


def note(
    uow: UnitOfWork,
    command: MarkFrustrated | WithdrawPayment | ChooseTransfer | DeclinePayment,
    action: Action,
    now: datetime,
    payment_id: UUID | None = None,
) -> None:
    """Keep what a person decided for ever."""
    uow.rulings.append(StaffDecision(command.booking_id, action, now, command.staff, command.reason, payment_id))
