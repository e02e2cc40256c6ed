"""Payments' handlers over a unit of work in memory, with a clock that the timers move."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from services.payments.consumers import routes
from services.payments.requests.terms import Terms
from services.payments.unit_of_work import UnitOfWork
from shared.contracts.payments import (
    PaymentRefused,
)
from shared.messages.message import Message, Outgoing
from tests.support.builders.payments import (
    NOW,
    TERMS,
    Ticking,
)

TABLE = routes(None).table  # type: ignore[arg-type]


class Desk:
    """A world that is told one message after the other."""

    def __init__(self, terms: Terms = TERMS) -> None:
        self.uow = UnitOfWork(terms)
        self.clock = Ticking()
        self.timers: list[Outgoing] = []

    def tell(self, *messages: Message) -> list[Message]:
        """Handle messages; gives what is sent at once, and keeps the timers."""
        sent: list[Message] = []
        for message in messages:
            for send in TABLE[type(message)].handle(self.uow, message, self.clock()):
                outgoing = Outgoing.of(send)
                if outgoing.due:
                    self.timers.append(outgoing)
                else:
                    sent.append(outgoing.message)
        return sent

    def ring(self) -> list[Message]:
        """Let time pass to the next timer, and tell it."""
        self.timers.sort(key=lambda timer: timer.due or NOW)
        timer = self.timers.pop(0)
        self.clock.now = max(self.clock.now, timer.due or NOW)
        return self.tell(timer.message)

    def left(self, transfer_id: str = "T1") -> Decimal:
        """What is left of a payment."""
        return next(payment.left for payment in self.uow.payments.values() if payment.transfer_id == transfer_id)


def told(*messages: Message) -> Desk:
    desk = Desk()
    desk.tell(*messages)
    return desk


def names(messages: Sequence[Message]) -> list[str]:
    return [type(message).__name__ for message in messages]


def refusal(messages: Sequence[Message]) -> tuple[str, dict[str, Any]]:
    assert isinstance(messages[0], PaymentRefused)
    return messages[0].refusal.reason, messages[0].refusal.details
