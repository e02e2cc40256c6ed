"""What one batch reads and changes: new deliveries, deliveries that are withdrawn, and entries for reminders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.notifications.content.composer import NotificationComposer
from services.notifications.delivery.model import WAITING, Audience, Channel, Delivery, Event, Status
from services.notifications.events.reminders import Entry, State
from services.notifications.events.superseding import supersedes
from shared.contracts.booking import Outcome
from shared.observability.tracing import current_traceparent


@dataclass
class UnitOfWork:
    """What a batch reads and changes.

    `occasions` are those for which a booking's guest has messages, `withdrawn` those whose unsent messages are
    withdrawn. `unplanned` are bookings whose unsent reminders are deleted. `last_contact` is when guests last wrote, by
    channel and address. With `all_new` nothing was known of its bookings, and what is written must be new.
    """

    composer: NotificationComposer
    new: list[Delivery] = field(default_factory=list)
    entries: dict[UUID, Entry] = field(default_factory=dict)
    changed: set[UUID] = field(default_factory=set)
    last_contact: dict[tuple[Channel, str], datetime] = field(default_factory=dict)
    occasions: dict[UUID, set[str]] = field(default_factory=dict)
    withdrawn: dict[tuple[UUID, str], None] = field(default_factory=dict)
    unplanned: dict[UUID, None] = field(default_factory=dict)
    all_new: bool = False

    def notify(self, event: Event, outcome: Outcome, stage: str = "") -> list[Delivery]:
        """Add the deliveries of an event to its guest, and withdraw older ones that it supersedes.

        If the event is itself superseded, its deliveries are stored as withdrawn.
        """
        deliveries = self.composer.to_guest(event, outcome, stage)
        occasion = f"{event}:{stage}" if stage else event.value
        if self._is_superseded(outcome.booking_id, occasion):
            deliveries = [replace(delivery, status=Status.WITHDRAWN) for delivery in deliveries]
        else:
            self.supersede(outcome.booking_id, occasion)
        self.add(deliveries)
        if deliveries:
            self.occasions.setdefault(outcome.booking_id, set()).add(occasion)
        return deliveries

    def supersede(self, booking_id: UUID, occasion: str) -> None:
        """Withdraw unsent messages of all occasions that this one supersedes."""
        older = {other for other in self.occasions.get(booking_id, ()) if supersedes(occasion, other)}
        self.withdrawn |= {(booking_id, other): None for other in sorted(older)}
        if older:
            self.new = [
                replace(delivery, status=Status.WITHDRAWN) if _is_among(delivery, booking_id, older) else delivery
                for delivery in self.new
            ]

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Add deliveries to be stored; one that exists in the database is not changed."""
        trace = current_traceparent()
        self.new += [replace(delivery, traceparent=trace) for delivery in deliveries]

    def put(self, entry: Entry) -> None:
        """Store an entry that is new or has changed."""
        self.entries[entry.booking_id] = entry
        self.changed.add(entry.booking_id)

    def note_contact(self, channel: Channel, address: str, at: datetime) -> None:
        """Note when somebody last wrote."""
        known = self.last_contact.get((channel, address))
        self.last_contact[channel, address] = max(at, known) if known else at

    def withdraw_reminders(self, booking_id: UUID) -> None:
        """Delete a booking's unsent reminders; they may be planned again."""
        self.unplanned[booking_id] = None
        self.new = [delivery for delivery in self.new if delivery.booking_id != booking_id or delivery.urgent]

    def _is_superseded(self, booking_id: UUID, occasion: str) -> bool:
        entry = self.entries.get(booking_id)
        cancelled = [Event.CANCELLED] if entry and entry.state is State.OFF else []
        newer = [*self.occasions.get(booking_id, ()), *cancelled]
        return any(supersedes(other, occasion) for other in newer)


def _is_among(delivery: Delivery, booking_id: UUID, occasions: set[str]) -> bool:
    to_guest = delivery.booking_id == booking_id and delivery.audience is Audience.GUEST
    return to_guest and delivery.occasion in occasions and delivery.status in WAITING
