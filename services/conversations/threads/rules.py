"""One thread for each tenant and apartment: which one a message goes to, and which ones a booking takes over.

Everything is judged as of the moment when it was written or confirmed, never when it reached us: late, repeated and
reordered events lead to the same threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from services.conversations.threads.bookings import Apartment, Booking, best_booking

JUST_BEGUN = timedelta(days=3)
TENANT = "tenant"
AT_PROVIDER = frozenset({"name", "contact", "provider_thread_id"})  # a change of these is the provider's to know


@dataclass
class Thread:
    """A thread in hand; `changed` says that it must be written, `provider_outdated` that the provider must hear of it.

    Times are UTC.

    One without an apartment is closed when the apartment of its booking has a thread of its own. `settled` says that
    a message came to it for its apartment's sake: from then on it stays where it is. `relinked_at` is when an operator
    last had its booking chosen anew. `provider_thread_id` is the conversation's id at the provider (CH… on Twilio).
    """

    contact: str
    name: str
    participants: dict[str, str]
    first_message_at: datetime
    created_at: datetime
    apartment: Apartment | None = None
    booking_id: UUID | None = None
    closed_at: datetime | None = None
    id: UUID = field(default_factory=uuid4)
    is_new: bool = True
    changed: bool = False
    provider_outdated: bool = False
    settled: bool = False
    last_message_at: datetime | None = None
    relinked_at: datetime | None = None
    provider_thread_id: str | None = None

    def takes(self, sent_at: datetime) -> None:
        """Note a message's time: the earliest and the latest count, in whatever order they come."""
        self._note("first_message_at", min(self.first_message_at, sent_at))
        self._note("last_message_at", max(self.last_message_at or sent_at, sent_at))

    def link(self, booking: Booking | None) -> None:
        """Be about a booking from now on, or about none."""
        self._note("booking_id", booking.id if booking else None)

    def settle(self) -> None:
        """Stay with this apartment."""
        self._note("settled", True)

    def belong_to(self, contact: str) -> None:
        """Stand under another contact of the same tenant."""
        if self.contact != contact:
            self.participants = self.participants | {TENANT: contact}
            self._note("contact", contact)

    def move_in(self, apartment: Apartment, booking: Booking) -> None:
        """Become the thread of an apartment."""
        self._note("apartment", apartment)
        self._note("name", name_of(booking, apartment))
        self._note("closed_at", None)
        self.link(booking)

    def close(self, now: datetime) -> None:
        """Take no more messages; those that are there stay."""
        self._note("closed_at", self.closed_at or now)

    def look_again(self, bookings: list[Booking], now: datetime | None = None) -> None:
        """Be about that of its apartment's bookings which fits best at the newest thing that happened to it.

        `bookings` are all that ever had the apartment: what moved elsewhere is no longer this thread's. An operator's
        look at `now` is such a thing where it changes something.
        """
        told = (moment for booking in bookings for moment in booking.moments)
        happened = (moment for moment in (now, self.last_message_at, self.relinked_at, *told) if moment)
        newest = max(happened, default=self.first_message_at)
        best = best_booking([one for one in as_of(newest, bookings) if self.apartment in one.apartments], newest)
        if (best.id if best else None) != self.booking_id:
            self.link(best)
            self._note("relinked_at", now or self.relinked_at)

    def known_as(self, provider_thread_id: str) -> None:
        """Be the provider's conversation with this id."""
        self._note("provider_thread_id", provider_thread_id)

    def _note(self, name: str, value: object) -> None:
        if getattr(self, name) != value:
            setattr(self, name, value)
            self.changed = True
            self.provider_outdated = self.provider_outdated or name in AT_PROVIDER


@dataclass
class Tenant:
    """A tenant with all bookings and threads; `contact` is the phone, or a subscriber id until there is one."""

    contact: str
    staff: Mapping[str, str] = field(default_factory=dict)
    bookings: dict[UUID, Booking] = field(default_factory=dict)
    threads: list[Thread] = field(default_factory=list)

    def receive(self, name: str | None, sent_at: datetime, now: datetime) -> Thread:
        """The thread that a message goes to, opened where there is none.

        A clock ahead of ours counts as now.
        """
        moment = min(sent_at, now)
        if booking := self.booking_at(moment):
            thread = self._thread_for(booking, name, moment, now)
            thread.settle()
        else:
            thread = self._before_any_booking(name, moment, now)
        thread.takes(moment)
        self._look_again(now)
        return thread

    def answer_in(self, provider_thread_id: str, sent_at: datetime, now: datetime) -> Thread | None:
        """The thread that staff wrote in at the provider, None where that conversation is not ours."""
        if thread := self.thread_at(provider_thread_id):
            thread.takes(min(sent_at, now))
            self._look_again(now)
        return thread

    def confirm(self, booking: Booking, now: datetime) -> list[Thread]:
        """Take a booking in: it adopts threads that have none, and threads of its rooms are looked at again.

        Returns the threads that are about it now.
        """
        known = self.bookings.get(booking.id)
        self.bookings[booking.id] = known.merged(booking) if known else booking
        self._look_again(now)
        return [thread for thread in self.threads if thread.booking_id == booking.id]

    def relink(self, now: datetime) -> None:
        """Look at every thread again as of now."""
        self._house(now)
        self._look_at_bookings(now)

    def take_over(self, other: Tenant, now: datetime) -> None:
        """Turn out to be the same person as another: what is the other's is ours, under our contact where it can be."""
        self.bookings |= {one.id: replace(one, contact=self.contact) for one in other.bookings.values()}
        for thread in other.threads:
            if self.thread_of(thread.apartment) is None:
                thread.belong_to(self.contact)
            elif thread.apartment:
                thread.close(now)
            self.threads.append(thread)

    def thread_of(self, apartment: Apartment | None) -> Thread | None:
        """The thread of an apartment, or the one without."""
        ours = (thread for thread in self.threads if thread.contact == self.contact)
        return next((thread for thread in ours if thread.apartment == apartment), None)

    def thread_at(self, provider_thread_id: str) -> Thread | None:
        """The thread that is a provider's conversation."""
        known = (thread for thread in self.threads if thread.provider_thread_id == provider_thread_id)
        return next(known, None)

    def booking_at(self, moment: datetime) -> Booking | None:
        """The booking that fits a moment best, of those that were confirmed by then and as they were then."""
        return best_booking(as_of(moment, self.bookings.values()), moment)

    def home_of(self, first_message_at: datetime) -> Booking | None:
        """The booking that a thread without one belongs to: that of its first message, else the first to adopt it.

        A booking adopts as it was confirmed, whatever became of it later.
        """
        if booking := self.booking_at(first_message_at):
            return booking
        confirmed = (one.at(one.began_at) for one in self.bookings.values() if one.is_confirmed)
        adopting = [booking for booking in confirmed if booking and adopts(booking, first_message_at)]
        return min(adopting, key=lambda booking: (booking.began_at, booking.id), default=None)

    def _thread_for(self, booking: Booking, name: str | None, moment: datetime, now: datetime) -> Thread:
        apartment = booking.apartments[0]
        return self.thread_of(apartment) or self._open(apartment, booking, name, moment, now)

    def _before_any_booking(self, name: str | None, moment: datetime, now: datetime) -> Thread:
        """Where a message goes that was written before the tenant's first booking, even if it comes behind it."""
        without = self.thread_of(None)
        if without and without.closed_at is None:
            return without
        if home := self.home_of(moment):
            return self._thread_for(home, name, moment, now)
        return without or self._open(None, None, name, moment, now)

    def _open(
        self, apartment: Apartment | None, booking: Booking | None, name: str | None, moment: datetime, now: datetime
    ) -> Thread:
        called = name_of(booking, apartment) if booking and apartment else name or self.contact
        participants = {TENANT: self.contact, **self.staff}
        thread = Thread(self.contact, called, participants, moment, now, apartment)
        if booking:
            thread.link(booking)
        self.threads.append(thread)
        return thread

    def _look_again(self, now: datetime) -> None:
        self._house(now)
        self._look_at_bookings()

    def _house(self, now: datetime) -> None:
        """Give threads that are not settled the apartment where their first message belongs, if it is free."""
        for thread in sorted(self.threads, key=lambda thread: (thread.first_message_at, thread.id)):
            if not thread.settled and (home := self.home_of(thread.first_message_at)):
                self._adopt(thread, home, now)

    def _look_at_bookings(self, now: datetime | None = None) -> None:
        """Let every apartment's thread be about the booking that fits it best."""
        for thread in self.threads:
            if apartment := thread.apartment:
                thread.look_again([one for one in self.bookings.values() if one.ever_had(apartment)], now)

    def _adopt(self, thread: Thread, booking: Booking, now: datetime) -> None:
        apartment = booking.apartments[0]
        occupant = self.thread_of(apartment)
        if occupant is None or occupant is thread:
            thread.belong_to(self.contact)
            thread.move_in(apartment, booking)
        elif thread.apartment is None:
            thread.link(booking)
            thread.close(now)


def as_of(moment: datetime, bookings: Iterable[Booking]) -> list[Booking]:
    """The bookings that there were at a moment, as they were then."""
    return [then for booking in bookings if (then := booking.at(moment))]


def adopts(booking: Booking, first_message_at: datetime) -> bool:
    """Whether a thread without a booking began near the stay, or so shortly before the booking that it led to it."""
    just_begun = first_message_at >= booking.began_at - JUST_BEGUN
    return just_begun or booking.may_concern(booking.day_of(first_message_at))


def name_of(booking: Booking, apartment: Apartment) -> str:
    """What a manager reads above a thread: the tenant and the apartment."""
    return f"{booking.guest_name} · {booking.property_name} {apartment.room}"
