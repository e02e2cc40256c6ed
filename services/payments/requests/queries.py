"""Whether a payment is there: asked by gateways, answered without reserving anything."""

from __future__ import annotations

from datetime import datetime

from services.payments.requests import replies
from services.payments.requests.claim import question_of
from services.payments.requests.search import Sends
from services.payments.unit_of_work import UnitOfWork
from shared.contracts.payments import (
    VerificationInvalid,
    VerifyPayment,
)


def verify_payment(uow: UnitOfWork, ask: VerifyPayment, _: datetime) -> Sends:
    """Whether a payment is there; nothing is reserved."""
    decision = uow.decide(question_of(ask, uow.terms.default_property))
    return [replies.verified(ask, decision, uow.terms)]


def verification_invalid(_: UnitOfWork, asked: VerificationInvalid, __: datetime) -> Sends:
    """Say what is wrong with a question about a payment."""
    return [replies.not_verified(asked)]
