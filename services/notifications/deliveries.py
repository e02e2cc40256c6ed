"""What a delivery is, what makes two of them the same, and what follows when one fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import NAMESPACE_URL, UUID, uuid5

from shared.contracts.common import Channel

# Pauses before the second, third … attempt at a provider; after the last the channel has failed.
BACK_OFF = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30, 120, 600))

_REFERENCES = uuid5(NAMESPACE_URL, "posada/deliveries")


class Event(StrEnum):
    """What people are told of; each has its templates."""

    CONFIRMED = "confirmed"
    REFUSED = "refused"
    FAILED = "failed"
    PAYMENT_SEARCH = "payment_search"
    STAFF_ALERT = "staff_alert"


class Audience(StrEnum):
    """Whom a delivery is for."""

    GUEST = "guest"
    STAFF = "staff"


class Status(StrEnum):
    """Where a delivery is: waiting for its turn or for another to fail, taken by a provider, kept here, or lost."""

    PENDING = "pending"
    STANDBY = "standby"
    SENT = "sent"
    STORED = "stored"
    FAILED = "failed"


ALIVE = frozenset({Status.PENDING, Status.SENT, Status.STORED})


@dataclass(frozen=True, slots=True)
class Content:
    """The words, as they are sent; chat has neither a subject nor HTML."""

    text: str
    subject: str | None = None
    html: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one recipient by one channel.

    Booking, occasion, recipient and channel make it what it is: the same four again are the same delivery. The
    occasion is the event, with its stage or code behind a colon where it has one. `place` orders the channels.
    """

    booking_id: UUID
    occasion: str
    audience: Audience
    channel: Channel
    recipient: str
    sender_name: str
    content: Content
    place: int
    status: Status

    @property
    def reference(self) -> UUID:
        """The same for every attempt, so that a provider or a reader can tell a repetition."""
        return uuid5(_REFERENCES, f"{self.booking_id}\n{self.occasion}\n{self.recipient}\n{self.channel}")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this instance has to itself until its lease ends; `attempt` counts from 1."""

    number: int
    attempt: int
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt. A pending one is tried again at `due_at`."""

    claimed: Claimed
    status: Status
    provider: str
    provider_id: str | None = None
    provider_status: str | None = None
    problem: str | None = None
    due_at: datetime | None = None


def after_problem(claimed: Claimed, provider: str, problem: str, *, final: bool, now: datetime) -> Outcome:
    """Another attempt later, or the end of this channel: at once for a final problem, else after the last pause."""
    if final or claimed.attempt > len(BACK_OFF):
        return Outcome(claimed, Status.FAILED, provider, problem=problem)
    due = now + BACK_OFF[claimed.attempt - 1]
    return Outcome(claimed, Status.PENDING, provider, problem=problem, due_at=due)


@dataclass(frozen=True, slots=True)
class Sibling:
    """A delivery among those of the same booking and occasion."""

    number: int
    channel: Channel
    status: Status
    place: int


def next_in_line(siblings: Sequence[Sibling]) -> Sibling | None:
    """The channel to try after a failure, unless a chat message is through or on its way already."""
    if any(one.channel is not Channel.EMAIL and one.status in ALIVE for one in siblings):
        return None
    waiting = [one for one in siblings if one.status is Status.STANDBY]
    return min(waiting, key=lambda one: one.place, default=None)


def nobody_told(siblings: Sequence[Sibling]) -> bool:
    """Every channel has failed."""
    return all(one.status is Status.FAILED for one in siblings)
