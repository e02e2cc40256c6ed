"""Money that arrives, and the search for what has not: attempts, escalation, and giving it up."""

from __future__ import annotations

from datetime import datetime

from services.payments.cases.decision import Action
from services.payments.requests import replies
from services.payments.requests.request import Status
from services.payments.requests.retries import SECOND_LOOK, next_attempt
from services.payments.requests.search import (
    Sends,
    doubt,
    end,
    escalate,
    known_request,
    look,
    note,
    require_open,
    wait,
)
from services.payments.transfers.payment import Contradiction, payment_of
from services.payments.unit_of_work import UnitOfWork
from shared.contracts.common import Reason
from shared.contracts.payments import (
    MarkFrustrated,
    SearchDue,
    StaffDue,
    TransferArrived,
    WithdrawPayment,
)


def transfer_arrived(uow: UnitOfWork, message: TransferArrived, now: datetime) -> Sends:
    """Record money once, and serve at once whoever waits for it; the same line twice is one payment."""
    payment = payment_of(message, now)
    known = uow.payments.get(payment.id)
    if known is None:
        uow.keep_payment(payment)
        return [send for request in uow.waiting_for(payment) for send in look(uow, request, now)]
    if (known.amount, known.currency) != (payment.amount, payment.currency):
        raise Contradiction(f"transfer {message.transfer_id} of {message.source} was recorded with another amount")
    return []


def search_due(uow: UnitOfWork, due: SearchDue, now: datetime) -> Sends:
    """Look again: found, or the next attempt, or after the last stage a case for the staff."""
    request = uow.requests.get(due.booking_id)
    if request is None or request.attempt is None or not request.expects(due.stage, due.attempt):
        return []
    found = look(uow, request, now, attempt=due.attempt != SECOND_LOOK)
    if found or due.attempt == SECOND_LOOK:
        return found
    decision = uow.decide(request.wanted)
    schedule = uow.terms.of(decision.claim.property_id).schedule(decision.claim.method)
    upcoming = next_attempt(schedule, request.attempt, now)
    if upcoming is None:
        return escalate(uow, request, decision, now)
    return [*wait(uow, request, upcoming, now), *doubt(uow, request, decision, now)]


def staff_due(uow: UnitOfWork, due: StaffDue, now: datetime) -> Sends:
    """The staff has had its time: what nobody decided comes to what it would have come to without them."""
    request = uow.requests.get(due.booking_id)
    if request is None or request.status is not Status.ESCALATED or request.refusal is None:
        return []
    uow.keep(request.refused(request.refusal, now))
    return [replies.refused(request, request.refusal)]


def mark_frustrated(uow: UnitOfWork, command: MarkFrustrated, now: datetime) -> Sends:
    """Look once more, and escalate at once what is not found; of what waits no longer nothing changes."""
    request = known_request(uow, command.booking_id)
    if request.status is not Status.WAITING:
        return []
    note(uow, command, Action.FRUSTRATED, now)
    return look(uow, request, now, attempt=True) or escalate(uow, request, uow.decide(request.wanted), now)


def withdraw_payment(uow: UnitOfWork, command: WithdrawPayment, now: datetime) -> Sends:
    """End the search, and with it the booking; what has its money already is cancelled, not withdrawn."""
    request = known_request(uow, command.booking_id)
    if request.status in {Status.REFUSED, Status.RELEASED}:
        return []
    require_open(request)
    note(uow, command, Action.WITHDRAWN, now)
    return end(uow, request, replies.wording.ended(Reason.PAYMENT_WITHDRAWN, uow.terms), now)
