"""What a person decides of a case: this payment is meant, or none."""

from __future__ import annotations

from datetime import datetime

from services.payments.cases.decision import Action
from services.payments.commands import ChooseTransfer, DeclinePayment
from services.payments.folio import staff_rules
from services.payments.requests import replies
from services.payments.requests.request import Status
from services.payments.requests.search import Sends, end, known_request, note, require_open, set_aside
from services.payments.unit_of_work import UnitOfWork
from shared.contracts.common import Reason


def choose_transfer(uow: UnitOfWork, command: ChooseTransfer, now: datetime) -> Sends:
    """Reserve from the payment that the staff names, whatever the matching thought of it; the saga goes on at once."""
    request, payment = known_request(uow, command.booking_id), uow.payments.get(command.payment_id)
    if request.payment_id == command.payment_id and request.status in {Status.RESERVED, Status.CAPTURED}:
        return []
    require_open(request)
    payment = staff_rules.fitting(request.wanted, payment, command.payment_id)
    note(uow, command, Action.CHOSEN, now, payment.id)
    return set_aside(uow, request, payment, now, command.staff)


def decline_payment(uow: UnitOfWork, command: DeclinePayment, now: datetime) -> Sends:
    """No payment serves the booking: it fails."""
    request = known_request(uow, command.booking_id)
    if request.status is Status.REFUSED:
        return []
    require_open(request)
    note(uow, command, Action.DECLINED, now)
    return end(uow, request, replies.wording.ended(Reason.PAYMENT_DECLINED, uow.terms), now)
