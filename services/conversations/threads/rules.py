"""One thread for each tenant and apartment: which thread a message goes to, and to which booking a thread is linked.

Every rule uses the time at which a message was written or a booking confirmed, not when we received it. So late,
repeated and reordered events lead to the same threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from services.conversations.threads.bookings import Apartment, Booking, best_booking

JUST_BEGUN = timedelta(days=3)
TENANT = "tenant"
SHARED_FIELDS = frozenset({"name", "contact", "provider_thread_id"})  # their changes are passed on to the provider


@dataclass
class Thread:
    """A thread. `changed`: it must be written; `provider_outdated`: the provider does not know its changes yet.

    A thread without an apartment is closed when its booking's apartment has a thread already. `settled`: a message was
    stored in it because of its apartment, so it keeps that apartment. `relinked_at` is when an operator last linked it
    anew. `provider_thread_id` is the conversation's id at the provider (CH… on Twilio). Times are UTC.
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

    def note_message(self, sent_at: datetime) -> None:
        """Note the time of a message: the earliest and the latest are kept, in whatever order they arrive."""
        self._note("first_message_at", min(self.first_message_at, sent_at))
        self._note("last_message_at", max(self.last_message_at or sent_at, sent_at))

    def link(self, booking: Booking | None) -> None:
        """Link the thread to a booking, or to none."""
        self._note("booking_id", booking.id if booking else None)

    def settle(self) -> None:
        """Fix its apartment."""
        self._note("settled", True)

    def set_contact(self, contact: str) -> None:
        """Give it another contact of the same tenant."""
        if self.contact != contact:
            self.participants = self.participants | {TENANT: contact}
            self._note("contact", contact)

    def assign_apartment(self, apartment: Apartment, booking: Booking) -> None:
        """Make it the thread of an apartment, linked to this booking."""
        self._note("apartment", apartment)
        self._note("name", name_of(booking, apartment))
        self._note("closed_at", None)
        self.link(booking)

    def close(self, now: datetime) -> None:
        """Close it: it gets no more messages and keeps those that it has."""
        self._note("closed_at", self.closed_at or now)

    def relink(self, bookings: list[Booking], now: datetime | None = None) -> None:
        """Link it to the booking of its apartment that fits best at the time of its newest message or event.

        `bookings` are all that ever had the apartment. An operator's linking passes `now`, and counts as an event if
        it changes something.
        """
        changes = (moment for booking in bookings for moment in booking.moments)
        moments = (moment for moment in (now, self.last_message_at, self.relinked_at, *changes) if moment)
        newest = max(moments, default=self.first_message_at)
        there = [booking for booking in as_of(newest, bookings) if self.apartment in booking.apartments]
        best = best_booking(there, newest)
        if (best.id if best else None) != self.booking_id:
            self.link(best)
            self._note("relinked_at", now or self.relinked_at)

    def set_provider_id(self, provider_thread_id: str) -> None:
        """Note the id of its conversation at the provider."""
        self._note("provider_thread_id", provider_thread_id)

    def _note(self, name: str, value: object) -> None:
        if getattr(self, name) != value:
            setattr(self, name, value)
            self.changed = True
            self.provider_outdated = self.provider_outdated or name in SHARED_FIELDS


@dataclass
class Tenant:
    """A tenant with all bookings and threads; `contact` is the phone, or a subscriber id while no phone is known."""

    contact: str
    staff: Mapping[str, str] = field(default_factory=dict)
    bookings: dict[UUID, Booking] = field(default_factory=dict)
    threads: list[Thread] = field(default_factory=list)

    def receive(self, name: str | None, sent_at: datetime, now: datetime) -> Thread:
        """The thread that a message goes to, opened if there is none. A time in the future counts as now."""
        moment = min(sent_at, now)
        if booking := self.booking_at(moment):
            thread = self._thread_for(booking, name, moment, now)
            thread.settle()
        else:
            thread = self._thread_without_booking(name, moment, now)
        thread.note_message(moment)
        self._update_links(now)
        return thread

    def answer_in(self, provider_thread_id: str, sent_at: datetime, now: datetime) -> Thread | None:
        """The thread in which staff wrote at the provider; None when that conversation is not one of ours."""
        if thread := self.thread_at(provider_thread_id):
            thread.note_message(min(sent_at, now))
            self._update_links(now)
        return thread

    def add_booking(self, booking: Booking, now: datetime) -> list[Thread]:
        """Add or update a booking and link the threads anew; returns the threads that are linked to it."""
        known = self.bookings.get(booking.id)
        self.bookings[booking.id] = known.merged(booking) if known else booking
        self._update_links(now)
        return [thread for thread in self.threads if thread.booking_id == booking.id]

    def relink(self, now: datetime) -> None:
        """Link every thread anew, as of now."""
        self._assign_apartments(now)
        self._relink_threads(now)

    def merge(self, other: Tenant, now: datetime) -> None:
        """Merge another tenant who is the same person: bookings and threads get this contact.

        A thread for an apartment that has one here keeps its contact and is closed.
        """
        self.bookings |= {booking.id: replace(booking, contact=self.contact) for booking in other.bookings.values()}
        for thread in other.threads:
            if self.thread_of(thread.apartment) is None:
                thread.set_contact(self.contact)
            elif thread.apartment:
                thread.close(now)
            self.threads.append(thread)

    def thread_of(self, apartment: Apartment | None) -> Thread | None:
        """The thread of an apartment; for None the thread without one."""
        own = (thread for thread in self.threads if thread.contact == self.contact)
        return next((thread for thread in own if thread.apartment == apartment), None)

    def thread_at(self, provider_thread_id: str) -> Thread | None:
        """The thread with this conversation at the provider."""
        known = (thread for thread in self.threads if thread.provider_thread_id == provider_thread_id)
        return next(known, None)

    def booking_at(self, moment: datetime) -> Booking | None:
        """The booking that fits a moment best, among those known at that moment, as they were then."""
        return best_booking(as_of(moment, self.bookings.values()), moment)

    def home_of(self, first_message_at: datetime) -> Booking | None:
        """The booking that a thread without one belongs to: that of its first message, else the first that adopts it.

        A booking adopts threads by its dates as confirmed, whatever changed later.
        """
        if booking := self.booking_at(first_message_at):
            return booking
        confirmed = (booking.at(booking.began_at) for booking in self.bookings.values() if booking.is_confirmed)
        adopting = [booking for booking in confirmed if booking and adopts(booking, first_message_at)]
        return min(adopting, key=lambda booking: (booking.began_at, booking.id), default=None)

    def _thread_for(self, booking: Booking, name: str | None, moment: datetime, now: datetime) -> Thread:
        apartment = booking.apartments[0]
        return self.thread_of(apartment) or self._open(apartment, booking, name, moment, now)

    def _thread_without_booking(self, name: str | None, moment: datetime, now: datetime) -> Thread:
        """The thread of a message that was written before the tenant's first booking, even if it arrives later."""
        without = self.thread_of(None)
        if without and without.closed_at is None:
            return without
        if home := self.home_of(moment):
            return self._thread_for(home, name, moment, now)
        return without or self._open(None, None, name, moment, now)

    def _open(
        self, apartment: Apartment | None, booking: Booking | None, name: str | None, moment: datetime, now: datetime
    ) -> Thread:
        title = name_of(booking, apartment) if booking and apartment else name or self.contact
        participants = {TENANT: self.contact, **self.staff}
        thread = Thread(self.contact, title, participants, moment, now, apartment)
        if booking:
            thread.link(booking)
        self.threads.append(thread)
        return thread

    def _update_links(self, now: datetime) -> None:
        self._assign_apartments(now)
        self._relink_threads()

    def _assign_apartments(self, now: datetime) -> None:
        """Give threads that are not settled the apartment to which their first message belongs, if it has no thread."""
        for thread in sorted(self.threads, key=lambda thread: (thread.first_message_at, thread.id)):
            if not thread.settled and (home := self.home_of(thread.first_message_at)):
                self._adopt(thread, home, now)

    def _relink_threads(self, now: datetime | None = None) -> None:
        """Link every apartment's thread to the booking that fits it best."""
        for thread in self.threads:
            if apartment := thread.apartment:
                thread.relink([booking for booking in self.bookings.values() if booking.ever_had(apartment)], now)

    def _adopt(self, thread: Thread, booking: Booking, now: datetime) -> None:
        apartment = booking.apartments[0]
        occupant = self.thread_of(apartment)
        if occupant is None or occupant is thread:
            thread.set_contact(self.contact)
            thread.assign_apartment(apartment, booking)
        elif thread.apartment is None:
            thread.link(booking)
            thread.close(now)


def as_of(moment: datetime, bookings: Iterable[Booking]) -> list[Booking]:
    """The bookings that were known at a moment, as they were then."""
    return [then for booking in bookings if (then := booking.at(moment))]


def adopts(booking: Booking, first_message_at: datetime) -> bool:
    """Whether a thread without a booking began near the stay, or at most JUST_BEGUN before the booking."""
    just_begun = first_message_at >= booking.began_at - JUST_BEGUN
    return just_begun or booking.may_concern(booking.day_of(first_message_at))


def name_of(booking: Booking, apartment: Apartment) -> str:
    """A thread's title for staff: the tenant and the apartment."""
    return f"{booking.guest_name} · {booking.property_name} {apartment.room}"
