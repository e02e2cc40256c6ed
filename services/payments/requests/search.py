"""What the handlers share: how a request for money is settled, waits, is escalated or ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from services.payments.cases.decision import Action, Ruling
from services.payments.commands import ChooseTransfer, DeclinePayment
from services.payments.folio import staff_rules
from services.payments.requests import replies
from services.payments.requests.request import PaymentRequest
from services.payments.requests.retries import Attempt
from services.payments.requests.terms import Unfound
from services.payments.transfers.matching import Decision, Verdict
from services.payments.transfers.payment import Payment
from services.payments.unit_of_work import World
from shared.contracts.payments import (
    MarkFrustrated,
    WithdrawPayment,
)
from shared.errors import Refusal
from shared.messages.message import Message, Outgoing

Sends: TypeAlias = Sequence[Message | Outgoing]


def look(world: World, request: PaymentRequest, now: datetime, *, attempt: bool = False) -> Sends:
    """Settle a waiting request if that can be done now, or at an attempt; no messages while it cannot."""
    decision = world.decide(request.wanted)
    ends = decision.ends_attempt if attempt else decision.ends_search
    return conclude(world, request, decision, now) if ends else []


def conclude(world: World, request: PaymentRequest, decision: Decision, now: datetime) -> Sends:
    """Do what a decision says: set the money aside, end the search, or hand it to a person."""
    payment = decision.payment
    if decision.verdict is Verdict.AMBIGUOUS:
        return escalate(world, request, decision, now)
    if payment is None or decision.verdict is not Verdict.FOUND:
        return end(world, request, replies.wording.refusal(decision, world.terms), now)
    return set_aside(world, request, payment, now)


def set_aside(
    world: World, request: PaymentRequest, payment: Payment, now: datetime, staff: str | None = None
) -> Sends:
    """Set the whole amount aside from a payment; `staff` is who chose it, where a person did."""
    world.keep_payment(payment.reserve(request.amount, request.booking_id, now, staff))
    request = request.reserved(payment.id, now)
    world.keep(request)
    return [replies.reserved(request)]


def wait(world: World, request: PaymentRequest, upcoming: Attempt, now: datetime) -> Sends:
    """Wait for the next attempt, and tell the saga."""
    request = request.waits(upcoming, now)
    world.keep(request)
    return [replies.awaited(request, world.terms), replies.search(request)]


def escalate(world: World, request: PaymentRequest, decision: Decision, now: datetime) -> Sends:
    """Tell the staff everything; the booking fails, or waits for them, as its property chooses."""
    refusal = replies.wording.refusal(decision, world.terms)
    terms = world.terms.of(decision.claim.property_id)
    alert = replies.staff_alerted(request, refusal, decision, now)
    if terms.unfound is Unfound.FAIL:
        return [*end(world, request, refusal, now), alert]
    case = request.escalated(refusal, now + terms.staff_patience, now)
    world.keep(case)
    return [replies.awaited(case, world.terms, opens_stage=request.attempt is None), replies.staff_timer(case), alert]


def doubt(world: World, request: PaymentRequest, decision: Decision, now: datetime) -> Sends:
    """Tell the staff of what fits and may be another's: they can choose it while the search goes on."""
    if decision.verdict is not Verdict.AMBIGUOUS:
        return []
    return [replies.staff_alerted(request, replies.wording.refusal(decision, world.terms), decision, now)]


def end(world: World, request: PaymentRequest, refusal: Refusal, now: datetime) -> Sends:
    """Nothing is set aside, and the search is over."""
    world.keep(request.refused(refusal, now))
    return [replies.refused(request, refusal)]


def known_request(world: World, booking_id: UUID) -> PaymentRequest:
    """A booking's request.

    Raises:
        Refusal: unknown_booking.
    """
    request = world.requests.get(booking_id)
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
    world: World,
    command: MarkFrustrated | WithdrawPayment | ChooseTransfer | DeclinePayment,
    action: Action,
    now: datetime,
    payment_id: UUID | None = None,
) -> None:
    """Keep what a person decided for ever."""
    world.rulings.append(Ruling(command.booking_id, action, now, command.staff, command.reason, payment_id))
