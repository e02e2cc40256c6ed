"""A booking's request for money: waiting, escalated, reserved, captured, released or refused, and what may follow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from services.payments.requests.claim import Claim
from services.payments.requests.retries import SECOND_LOOK, Attempt
from services.payments.transfers.ledger import NOTHING
from services.payments.transfers.payment import money
from shared.errors import Refusal


class Status(StrEnum):
    """Where a request is. ESCALATED waits for the staff.

    RELEASED without a claim is a tombstone: the release came before its request.
    """

    WAITING = "waiting"
    ESCALATED = "escalated"
    RESERVED = "reserved"
    CAPTURED = "captured"
    RELEASED = "released"
    REFUSED = "refused"


class OutOfTurn(RuntimeError):
    """A command that does not fit what went before: a fault, tried again in case it only came too early."""


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """What one booking asked of payments and what came of it.

    `attempt` is the next one while it waits, and while the staff has it the last one, at the time that they have.
    """

    booking_id: UUID
    status: Status
    started_at: datetime
    changed_at: datetime
    claim: Claim | None = None
    attempt: Attempt | None = None
    payment_id: UUID | None = None
    found_later: bool = False
    codes: tuple[str, ...] = ()
    refusal: Refusal | None = None

    @property
    def amount(self) -> Decimal:
        """What the booking costs."""
        return self.claim.amount if self.claim else NOTHING

    @property
    def is_open(self) -> bool:
        """Whether money may still be found for it."""
        return self.status in {Status.WAITING, Status.ESCALATED}

    @property
    def wanted(self) -> Claim:
        """The claim; a tombstone has none.

        Raises:
            OutOfTurn: when nothing was ever asked.
        """
        if self.claim is None:
            raise OutOfTurn(f"booking {self.booking_id} was released before it asked for anything")
        return self.claim

    def expects(self, stage: int, number: int) -> bool:
        """Whether this attempt is the one that the request waits for; the second look is welcome at any time."""
        if self.status is not Status.WAITING or self.attempt is None:
            return False
        return number == SECOND_LOOK or (self.attempt.stage, self.attempt.number) == (stage, number)

    def waits(self, attempt: Attempt, now: datetime) -> PaymentRequest:
        """The money is not there: the request waits for its next attempt."""
        return replace(self, status=Status.WAITING, attempt=attempt, changed_at=now)

    def escalated(self, refusal: Refusal, until: datetime, now: datetime) -> PaymentRequest:
        """The staff has it until a moment; the refusal is what it comes to if they decide nothing."""
        last = self.attempt or Attempt(1, 1, now)
        return replace(self, status=Status.ESCALATED, refusal=refusal, attempt=replace(last, at=until), changed_at=now)

    def reserved(self, payment_id: UUID, now: datetime) -> PaymentRequest:
        """The money is set aside; found later, if it had to be waited for."""
        later = self.attempt is not None
        return replace(
            self,
            status=Status.RESERVED,
            payment_id=payment_id,
            found_later=later,
            attempt=None,
            refusal=None,
            changed_at=now,
        )

    def refused(self, refusal: Refusal, now: datetime) -> PaymentRequest:
        """Nothing is set aside, and the search is over."""
        return replace(self, status=Status.REFUSED, refusal=refusal, attempt=None, changed_at=now)

    def captured(self, codes: Iterable[str], now: datetime, amount: Decimal | None = None) -> PaymentRequest:
        """The reserved money is taken for these reservation codes; `amount` is what they cost, where that is less.

        Raises:
            OutOfTurn: when nothing is reserved, or less than that.
        """
        if self.status is not Status.RESERVED:
            raise OutOfTurn(f"booking {self.booking_id} is {self.status}: there is nothing to capture")
        cost = self.amount if amount is None else money(amount)
        if cost > self.amount:
            raise OutOfTurn(f"booking {self.booking_id} has {self.amount} reserved, {cost} cannot be captured")
        claim = replace(self.wanted, amount=cost)
        return replace(self, status=Status.CAPTURED, claim=claim, codes=tuple(codes), changed_at=now)

    def released(self, now: datetime) -> PaymentRequest:
        """Nothing is reserved any longer, and nothing will be.

        Raises:
            OutOfTurn: when the money is captured, for that is refunded and never released.
        """
        if self.status is Status.CAPTURED:
            raise OutOfTurn(f"booking {self.booking_id} is captured: refund it, it cannot be released")
        return replace(self, status=Status.RELEASED, attempt=None, changed_at=now)


def asked(claim: Claim, now: datetime) -> PaymentRequest:
    """A request at its beginning, before the first look."""
    return PaymentRequest(claim.booking_id, Status.WAITING, now, now, claim)


def tombstone(booking_id: UUID, now: datetime) -> PaymentRequest:
    """The release of what never happened, kept so that a request that comes later is refused."""
    return PaymentRequest(booking_id, Status.RELEASED, now, now)
