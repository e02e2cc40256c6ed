"""What a delivery is, what makes two of them the same, and what follows when one fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from uuid import NAMESPACE_URL, UUID, uuid5

from services.notifications.delivery.calendar import StayEntry
from services.notifications.delivery.page import Page

# Pauses before the second, third … attempt at a provider; after the last the channel has failed.
BACK_OFF = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30, 120, 600))
# A message that a channel could not pass on for so long goes to the next one, however few attempts it had.
PATIENCE = timedelta(minutes=15)
# WhatsApp lets a business write freely for a day after the guest's last message; a minute of it is for the way.
WINDOW = timedelta(hours=24)
ON_THE_WAY = timedelta(minutes=1)

_REFERENCES = uuid5(NAMESPACE_URL, "posada/deliveries")


class Channel(StrEnum):
    """Where a person is reached: the channels of the contract, and the telephone for staff."""

    WHATSAPP = "whatsapp"
    MESSENGER = "messenger"
    INSTAGRAM = "instagram"
    SMS = "sms"
    EMAIL = "email"
    VOICE = "voice"


class Event(StrEnum):
    """What guests and staff are notified of; each has its templates."""

    CONFIRMED = "confirmed"
    REFUSED = "refused"
    FAILED = "failed"
    PAYMENT_SEARCH = "payment_search"
    PAYMENT_ESCALATED = "payment_escalated"
    MODIFIED = "modified"
    CANCELLED = "cancelled"
    CHECK_IN = "check_in"
    CHECK_OUT = "check_out"
    ARRIVAL_REMINDER = "arrival_reminder"
    DEPARTURE_REMINDER = "departure_reminder"
    FEEDBACK = "feedback"
    NEXT_SESSION = "next_session"
    STAFF_ALERT = "staff_alert"


# These can wait for the morning; everything else answers what a guest has just done or waits for.
NOT_URGENT = frozenset({Event.ARRIVAL_REMINDER, Event.DEPARTURE_REMINDER, Event.FEEDBACK, Event.NEXT_SESSION})
# A channel that makes no sound at night needs no quiet hours.
SILENT = frozenset({Channel.EMAIL})


class Audience(StrEnum):
    """Whom a delivery is for."""

    GUEST = "guest"
    STAFF = "staff"


class Status(StrEnum):
    """Where a delivery is.

    Waiting for its turn or for another to fail; taken by a provider, and what the provider said of it later; kept
    here; lost; or withdrawn because it was no longer true.
    """

    PENDING = "pending"
    STANDBY = "standby"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    STORED = "stored"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


WAITING = frozenset({Status.PENDING, Status.STANDBY})
ALIVE = frozenset({Status.PENDING, Status.SENT, Status.DELIVERED, Status.READ, Status.STORED})


class Form(StrEnum):
    """How a chat message is put: in our own words, or as a template that WhatsApp has approved."""

    FREE = "free"
    TEMPLATE = "template"


@dataclass(frozen=True, slots=True)
class Template:
    """An approved template: its name at the provider, its language, and its parameters in their order."""

    name: str
    language: str
    parameters: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Content:
    """The words, as they are sent; only an e-mail has a subject, a page, and an entry for a calendar."""

    text: str
    subject: str | None = None
    page: Page | None = None
    entry: StayEntry | None = None
    template: Template | None = None

    @property
    def html(self) -> str | None:
        """The page as HTML, written anew each time."""
        return self.page.to_html(self.subject or "") if self.page else None

    @property
    def calendar(self) -> str | None:
        """The entry as an ICS file, written anew each time."""
        return self.entry.to_ics() if self.entry else None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one recipient by one channel.

    Booking, occasion, recipient and channel make it what it is: the same four again are the same delivery. The
    occasion is the event, with its stage or code behind a colon where it has one. `place` orders the channels;
    `traceparent` is the trace of the event.
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
    property_id: str = ""
    timezone: str = "UTC"
    urgent: bool = True
    form: Form = Form.FREE
    traceparent: str = ""

    @property
    def reference(self) -> UUID:
        """The same for every attempt, so that a provider or a reader can tell a repetition."""
        return uuid5(_REFERENCES, f"{self.booking_id}\n{self.occasion}\n{self.recipient}\n{self.channel}")

    def in_form(self, heard_at: datetime | None, now: datetime) -> Delivery:
        """As it may go out now: without a template there is no choice; once it had to be a template it stays one."""
        if self.content.template is None or self.form is Form.TEMPLATE:
            return self
        open_window = heard_at is not None and now < heard_at + WINDOW - ON_THE_WAY
        return replace(self, form=Form.FREE if open_window else Form.TEMPLATE)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this instance has to itself until its lease ends.

    `attempt` counts from 1. `unsure` says that an earlier attempt may have reached the provider without our knowing.
    `heard_at` is when the recipient last wrote to us on this channel, `waits_since` when the message was first due.
    """

    number: int
    attempt: int
    delivery: Delivery
    unsure: bool = False
    heard_at: datetime | None = None
    waits_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt. A pending one is tried again at `due_at`; `unsure` that the provider may have it."""

    claimed: Claimed
    status: Status
    provider: str
    provider_id: str | None = None
    provider_status: str | None = None
    problem: str | None = None
    due_at: datetime | None = None
    unsure: bool = False
    form: Form = Form.FREE


def after_problem(
    claimed: Claimed,
    provider: str,
    problem: str,
    *,
    final: bool,
    now: datetime,
    retry_after: timedelta | None = None,
    unsure: bool = False,
) -> Outcome:
    """Another attempt later, or the end of this channel: at once for a final problem, else after the last pause.

    A provider that asks for a pause gets it, and such a refusal ends nothing before the message's patience does.
    """
    form = claimed.delivery.form
    spent = claimed.attempt > len(BACK_OFF)
    if retry_after is not None and claimed.waits_since is not None:
        spent = now + retry_after >= claimed.waits_since + PATIENCE
    if final or spent:
        return Outcome(claimed, Status.FAILED, provider, problem=problem, form=form)
    pause = max(BACK_OFF[min(claimed.attempt, len(BACK_OFF)) - 1], retry_after or timedelta())
    return Outcome(claimed, Status.PENDING, provider, problem=problem, due_at=now + pause, unsure=unsure, form=form)


def of_stays(codes: Sequence[str]) -> str:
    """Which of a booking's stays an occasion is about, short enough to be its stage."""
    return sha256("\n".join(sorted(codes)).encode()).hexdigest()[:12]


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
