"""One thread for each tenant and apartment: which one a message goes to, and which ones a booking takes over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from services.conversations.domain.bookings import Apartment, Booking, best_booking

JUST_BEGUN = timedelta(days=3)
TENANT = "tenant"


@dataclass
class Thread:
    """A thread in hand; `changed` says that it must be written.

    One without an apartment is closed when the apartment of its booking has a thread of its own. Times are UTC.
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

    def began(self, sent_at: datetime) -> None:
        """Note a message: the earliest counts, in whatever order they come."""
        if sent_at < self.first_message_at:
            self.first_message_at, self.changed = sent_at, True

    def link(self, booking: Booking) -> None:
        """Be about a booking from now on."""
        if self.booking_id != booking.id:
            self.booking_id, self.changed = booking.id, True

    def belong_to(self, contact: str) -> None:
        """Stand under another contact of the same tenant."""
        if self.contact != contact:
            self.contact, self.changed = contact, True
            self.participants = self.participants | {TENANT: contact}

    def move_in(self, apartment: Apartment, booking: Booking) -> None:
        """Become the thread of an apartment."""
        self.apartment, self.name, self.changed = apartment, name_of(booking, apartment), True
        self.link(booking)

    def close(self, now: datetime) -> None:
        """Take no more messages; those that are there stay."""
        if self.closed_at is None:
            self.closed_at, self.changed = now, True


@dataclass
class Tenant:
    """A tenant with all bookings and threads; `contact` is the phone, or a subscriber id until there is one."""

    contact: str
    staff: Mapping[str, str] = field(default_factory=dict)
    bookings: dict[UUID, Booking] = field(default_factory=dict)
    threads: list[Thread] = field(default_factory=list)

    def receive(self, name: str | None, sent_at: datetime, today: date, now: datetime) -> Thread:
        """The thread that a message of today goes to, opened where there is none."""
        booking = best_booking(self.bookings.values(), today)
        apartment = booking.apartments[0] if booking else None
        thread = self.thread_of(apartment) or self._open(apartment, booking, name, sent_at, now)
        thread.began(sent_at)
        if booking:
            thread.link(booking)
        return thread

    def confirm(self, booking: Booking, today: date, now: datetime) -> list[Thread]:
        """Take a booking in: it adopts threads that have none, and threads of its rooms are looked at again.

        Returns the threads that are about it now.
        """
        self.bookings[booking.id] = booking
        for thread in sorted(self.threads, key=lambda thread: (thread.first_message_at, thread.id)):
            if thread.booking_id is None and adopts(booking, thread):
                self._adopt(thread, booking, now)
        for apartment in booking.apartments:
            if thread_of_it := self.thread_of(apartment):
                self._look_again(thread_of_it, apartment, today)
        return [thread for thread in self.threads if thread.booking_id == booking.id]

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

    def _open(
        self, apartment: Apartment | None, booking: Booking | None, name: str | None, sent_at: datetime, now: datetime
    ) -> Thread:
        called = name_of(booking, apartment) if booking and apartment else name or self.contact
        participants = {TENANT: self.contact, **self.staff}
        thread = Thread(self.contact, called, participants, sent_at, now, apartment)
        self.threads.append(thread)
        return thread

    def _adopt(self, thread: Thread, booking: Booking, now: datetime) -> None:
        apartment = booking.apartments[0]
        if self.thread_of(apartment):
            thread.link(booking)
            thread.close(now)
        else:
            thread.belong_to(self.contact)
            thread.move_in(apartment, booking)

    def _look_again(self, thread: Thread, apartment: Apartment, today: date) -> None:
        fitting = [booking for booking in self.bookings.values() if apartment in booking.apartments]
        if best := best_booking(fitting, today):
            thread.link(best)


def adopts(booking: Booking, thread: Thread) -> bool:
    """Whether a thread without a booking began near the stay, or so shortly before the booking that it led to it."""
    first = thread.first_message_at
    return first >= booking.confirmed_at - JUST_BEGUN or booking.may_concern(booking.day_of(first))


def name_of(booking: Booking, apartment: Apartment) -> str:
    """What a manager reads above a thread: the tenant and the apartment."""
    return f"{booking.guest_name} · {booking.property_name} {apartment.room}"
