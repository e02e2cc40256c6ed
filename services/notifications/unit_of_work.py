"""What a batch of events finds and leads to: whom to tell of what, what is told no more, and what comes later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.notifications.content.composer import NotificationComposer
from services.notifications.delivery.model import WAITING, Audience, Channel, Delivery, Event, Status
from services.notifications.events.reminders import Entry, State
from services.notifications.events.superseding import overtakes
from shared.contracts.booking import Outcome
from shared.observability.tracing import traceparent_in_hand


@dataclass
class UnitOfWork:
    """`occasions` are those that each booking's guest has messages of; `withdrawn` those that are no longer sent.

    `unplanned` are bookings whose reminders are taken back, as if they had never been written.
    """

    composer: NotificationComposer
    new: list[Delivery] = field(default_factory=list)
    entries: dict[UUID, Entry] = field(default_factory=dict)
    changed: set[UUID] = field(default_factory=set)
    heard: dict[tuple[Channel, str], datetime] = field(default_factory=dict)
    occasions: dict[UUID, set[str]] = field(default_factory=dict)
    withdrawn: dict[tuple[UUID, str], None] = field(default_factory=dict)
    unplanned: dict[UUID, None] = field(default_factory=dict)

    def tell(self, event: Event, outcome: Outcome, stage: str = "") -> list[Delivery]:
        """Tell a guest of an event, and no more of what it has overtaken.

        What has itself been overtaken is written down as withdrawn.
        """
        deliveries = self.composer.to_guest(event, outcome, stage)
        occasion = f"{event}:{stage}" if stage else event.value
        if self._is_overtaken(outcome.booking_id, occasion):
            deliveries = [replace(one, status=Status.WITHDRAWN) for one in deliveries]
        else:
            self.overtake(outcome.booking_id, occasion)
        self.add(deliveries)
        if deliveries:
            self.occasions.setdefault(outcome.booking_id, set()).add(occasion)
        return deliveries

    def overtake(self, booking_id: UUID, occasion: str) -> None:
        """Withdraw what has not gone out of all that an occasion makes untrue or idle."""
        older = {one for one in self.occasions.get(booking_id, ()) if overtakes(occasion, one)}
        self.withdrawn |= {(booking_id, one): None for one in sorted(older)}
        if older:
            self.new = [
                replace(one, status=Status.WITHDRAWN) if _is_among(one, booking_id, older) else one for one in self.new
            ]

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Have deliveries written with the batch; those that are there already stay as they are."""
        trace = traceparent_in_hand()
        self.new += [replace(one, traceparent=trace) for one in deliveries]

    def keep(self, entry: Entry) -> None:
        """Have an entry of the agenda written."""
        self.entries[entry.booking_id] = entry
        self.changed.add(entry.booking_id)

    def hear(self, channel: Channel, address: str, at: datetime) -> None:
        """Note when somebody last wrote."""
        known = self.heard.get((channel, address))
        self.heard[channel, address] = max(at, known) if known else at

    def take_back_reminders(self, booking_id: UUID) -> None:
        """Take back reminders that are written and wait for the morning: they may be planned again."""
        self.unplanned[booking_id] = None
        self.new = [one for one in self.new if one.booking_id != booking_id or one.urgent]

    def _is_overtaken(self, booking_id: UUID, occasion: str) -> bool:
        entry = self.entries.get(booking_id)
        newer = [
            *self.occasions.get(booking_id, ()),
            *([Event.CANCELLED] if entry and entry.state is State.OFF else []),
        ]
        return any(overtakes(one, occasion) for one in newer)


def _is_among(one: Delivery, booking_id: UUID, occasions: set[str]) -> bool:
    guests = one.booking_id == booking_id and one.audience is Audience.GUEST
    return guests and one.occasion in occasions and one.status in WAITING
