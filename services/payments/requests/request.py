"""A booking's request for money: its states, and what each may change to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from services.payments.requests.retries import SECOND_LOOK, Attempt
from services.payments.transfers import NOTHING, Claim, money
from shared.errors import Refusal


class Status(StrEnum):
    """The state of a request. ESCALATED waits for staff.

    RELEASED without a claim is a tombstone: the release arrived before its request.
    """

    WAITING = "waiting"
    ESCALATED = "escalated"
    RESERVED = "reserved"
    CAPTURED = "captured"
    RELEASED = "released"
    REFUSED = "refused"


class OutOfTurn(RuntimeError):
    """A command that does not fit the state of the request: a fault. It is retried, as it may be early."""


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """One booking's request and its state.

    `attempt` is the next attempt while it waits. While it is escalated it is the last one, with the end of the staff's
    time as `at`.
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
        """What the booking costs; 0 for a tombstone."""
        return self.claim.amount if self.claim else NOTHING

    @property
    def is_open(self) -> bool:
        """Whether it still waits for money or for staff."""
        return self.status in {Status.WAITING, Status.ESCALATED}

    @property
    def wanted(self) -> Claim:
        """The claim; a tombstone has none.

        Raises:
            OutOfTurn: for a tombstone.
        """
        if self.claim is None:
            raise OutOfTurn(f"booking {self.booking_id} was released before it asked for anything")
        return self.claim

    def require_open(self) -> None:
        """Check that the request can still be decided.

        Raises:
            Refusal: payment_settled.
        """
        if not self.is_open:
            raise settled(self)

    def expects(self, stage: int, number: int) -> bool:
        """Whether the request waits for this attempt; the second look is always expected while it waits."""
        if self.status is not Status.WAITING or self.attempt is None:
            return False
        return number == SECOND_LOOK or (self.attempt.stage, self.attempt.number) == (stage, number)

    def waits(self, attempt: Attempt, now: datetime) -> PaymentRequest:
        """Waiting for its next attempt."""
        return replace(self, status=Status.WAITING, attempt=attempt, changed_at=now)

    def escalated(self, refusal: Refusal, until: datetime, now: datetime) -> PaymentRequest:
        """Escalated to staff until a moment; it gets the refusal if they decide nothing."""
        last = self.attempt or Attempt(1, 1, now)
        return replace(self, status=Status.ESCALATED, refusal=refusal, attempt=replace(last, at=until), changed_at=now)

    def reserved(self, payment_id: UUID, now: datetime) -> PaymentRequest:
        """With money reserved; `found_later` if it had to wait."""
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
        """Refused: the search has ended and nothing is reserved."""
        return replace(self, status=Status.REFUSED, refusal=refusal, attempt=None, changed_at=now)

    def captured(self, codes: Iterable[str], now: datetime, amount: Decimal | None = None) -> PaymentRequest:
        """With the reserved money captured for these reservation codes; `amount` is what they cost, if that is less.

        Raises:
            OutOfTurn: when nothing is reserved, or less than `amount`.
        """
        if self.status is not Status.RESERVED:
            raise OutOfTurn(f"booking {self.booking_id} is {self.status}: there is nothing to capture")
        cost = self.amount if amount is None else money(amount)
        if cost > self.amount:
            raise OutOfTurn(f"booking {self.booking_id} has {self.amount} reserved, {cost} cannot be captured")
        claim = replace(self.wanted, amount=cost)
        return replace(self, status=Status.CAPTURED, claim=claim, codes=tuple(codes), changed_at=now)

    def released(self, now: datetime) -> PaymentRequest:
        """Released: nothing is reserved, and nothing will be.

        Raises:
            OutOfTurn: when the money is captured; then it is refunded instead.
        """
        if self.status is Status.CAPTURED:
            raise OutOfTurn(f"booking {self.booking_id} is captured: refund it, it cannot be released")
        return replace(self, status=Status.RELEASED, attempt=None, changed_at=now)


def new_request(claim: Claim, now: datetime) -> PaymentRequest:
    """A new request, before its first matching."""
    return PaymentRequest(claim.booking_id, Status.WAITING, now, now, claim)


def tombstone(booking_id: UUID, now: datetime) -> PaymentRequest:
    """A released request, kept when a release arrives before its request: that request is then refused."""
    return PaymentRequest(booking_id, Status.RELEASED, now, now)


def unknown_booking(booking_id: UUID) -> Refusal:
    """The refusal when a booking has requested no payment."""
    return Refusal("booking_unknown", f"booking_id: booking {booking_id} has asked for no payment")


def settled(request: PaymentRequest) -> Refusal:
    """The refusal when a request is settled already."""
    text = f"booking_id: booking {request.booking_id} is {request.status} already, there is nothing to decide"
    return Refusal("payment_settled", text, status=request.status.value)
