"""What payments does, one function for each message: (world, message, now) gives the messages to send."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.payments import replies
from services.payments.domain.claim import claim_of
from services.payments.domain.matching import Decision, Verdict
from services.payments.domain.payment import Contradiction, payment_of
from services.payments.domain.request import OutOfTurn, PaymentRequest, Status, asked, tombstone
from services.payments.domain.retries import SECOND_LOOK, Attempt, first_attempt, next_attempt
from services.payments.domain.world import World
from shared.contracts.payments import CapturePayment, ReleasePayment, ReservePayment, SearchDue, TransferArrived
from shared.messages import Message, Outgoing

Sends = Sequence[Message | Outgoing]


def reserve_payment(world: World, command: ReservePayment, now: datetime) -> Sends:
    """Set the whole amount aside, or begin to look for it; asked again, the answer is the same."""
    known = world.requests.get(command.booking_id)
    if known:
        return [replies.answer(known, world.terms)]
    request = asked(claim_of(command), now)
    decision = world.decide(request.wanted)
    first = first_attempt(world.terms.schedule(command.evidence.method), now)
    if decision.final:
        return _conclude(world, request, decision, now)
    if first is None:
        return _refuse(world, request, decision, now, alert=True)
    return [*_wait(world, request, first, now), replies.second_look(request, world.terms, now)]


def capture_payment(world: World, command: CapturePayment, now: datetime) -> Sends:
    """Take the reserved money and write all codes on it; done twice, the answer is the same."""
    request = world.requests.get(command.booking_id)
    if request is None:
        raise OutOfTurn(f"booking {command.booking_id} has reserved nothing that could be captured")
    if request.status is not Status.CAPTURED:
        codes = [code.strip() for code in command.codes if code.strip()]
        request = request.captured(codes, now)
        world.keep_payment(world.serving(request).capture(request.amount, request.booking_id, codes, now))
        world.keep(request)
    return [replies.captured(request)]


def release_payment(world: World, command: ReleasePayment, now: datetime) -> Sends:
    """Give back what is reserved and stop looking; a release that comes first stays as a tombstone."""
    before = world.requests.get(command.booking_id)
    if before and before.status is Status.RELEASED:
        return [replies.released(before)]
    request = before.released(now) if before else tombstone(command.booking_id, now)
    if before and before.status is Status.RESERVED:
        world.keep_payment(world.serving(before).release(before.amount, before.booking_id, now))
    world.keep(request)
    return [replies.released(request)]


def transfer_arrived(world: World, message: TransferArrived, now: datetime) -> Sends:
    """Record money once, and serve at once whoever waits for it; the same line twice is one payment."""
    payment = payment_of(message, now)
    known = world.payments.get(payment.id)
    if known is None:
        world.keep_payment(payment)
        return [send for request in world.waiting_for(payment) for send in _look(world, request, now)]
    if (known.amount, known.currency) != (payment.amount, payment.currency):
        raise Contradiction(f"transfer {message.transfer_id} of {message.source} was recorded with another amount")
    return []


def search_due(world: World, due: SearchDue, now: datetime) -> Sends:
    """Look again: found, or the next attempt, or after the last stage a refusal and a word to the staff."""
    request = world.requests.get(due.booking_id)
    if request is None or request.attempt is None or not request.expects(due.stage, due.attempt):
        return []
    found = _look(world, request, now)
    if found or due.attempt == SECOND_LOOK:
        return found
    decision = world.decide(request.wanted)
    upcoming = next_attempt(world.terms.schedule(decision.claim.method), request.attempt, now)
    if upcoming is None:
        return _refuse(world, request, decision, now, alert=True)
    return _wait(world, request, upcoming, now)


def _look(world: World, request: PaymentRequest, now: datetime) -> Sends:
    """Settle a waiting request if that can be done now; no messages while it cannot."""
    decision = world.decide(request.wanted)
    return _conclude(world, request, decision, now) if decision.ends_search else []


def _conclude(world: World, request: PaymentRequest, decision: Decision, now: datetime) -> Sends:
    payment = decision.payment
    if payment is None or decision.verdict is not Verdict.FOUND:
        return _refuse(world, request, decision, now, alert=decision.verdict is Verdict.AMBIGUOUS)
    world.keep_payment(payment.reserve(request.amount, request.booking_id, now))
    request = request.reserved(payment.id, now)
    world.keep(request)
    return [replies.reserved(request)]


def _wait(world: World, request: PaymentRequest, upcoming: Attempt, now: datetime) -> Sends:
    request = request.waits(upcoming, now)
    world.keep(request)
    return [replies.awaited(request, world.terms), replies.search(request)]


def _refuse(world: World, request: PaymentRequest, decision: Decision, now: datetime, *, alert: bool) -> Sends:
    refusal = replies.wording.refusal(decision, world.terms)
    world.keep(request.refused(refusal, now))
    answer = replies.refused(request, refusal)
    return [answer, replies.staff_alerted(request, refusal, decision, now)] if alert else [answer]
