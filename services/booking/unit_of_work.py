"""What a batch of messages reads and changes in booking: properties, sagas, and bookings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic
from uuid import UUID

from services.booking.lifecycle.batch import SYSTEM, LifecycleBatch
from services.booking.record.states import Status, check_follows
from services.booking.requests.property import Property
from services.booking.requests.saga.data import RequestData
from shared.contracts.booking import PropertyFacts
from shared.contracts.common import Reason
from shared.errors import Refusal
from shared.saga.engine import Transition
from shared.saga.metrics import count_verdict
from shared.saga.state import Data, Progress, Verdict
from shared.saga.store import SagaRecord, Sagas
from shared.saga.table import SagaTable

CANCELLED = "cancelled"  # the reason of a booking that was cancelled before it was confirmed
STATUS = {
    Verdict.OPEN: Status.PENDING,
    Verdict.DONE: Status.CONFIRMED,
    Verdict.REFUSED: Status.REJECTED,
    Verdict.FAILED: Status.FAILED,
}


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A booking whose status changed in this batch; `old` is None for a new one."""

    saga: SagaRecord[RequestData]
    old: Status | None
    new: Status
    who: str = SYSTEM
    why: str | None = None


@dataclass
class UnitOfWork:
    """What a batch sees; what a handler changes here is written by the repository.

    `codes` are unused reservation codes by property, enough for the requests of the batch.
    """

    properties: Mapping[str, Property]
    default_property: str | None
    sagas: Sagas
    lifecycle: LifecycleBatch = field(default_factory=LifecycleBatch)
    codes: dict[str, list[str]] = field(default_factory=dict)
    changes: dict[UUID, StatusChange] = field(default_factory=dict)
    _moves: int = 0

    @property
    def changes_made(self) -> int:
        """How often handlers have changed it."""
        return self._moves + len(self.sagas.by_id) + self.lifecycle.changes_made

    def property(self, property_id: str | None) -> Property:
        """A property; None means the default one.

        Raises:
            Refusal: unknown_property.
        """
        found = self.properties.get(property_id or self.default_property or "")
        if found is None:
            text = f"property {property_id!r} is not known; there are: {', '.join(sorted(self.properties))}"
            raise Refusal(Reason.UNKNOWN_PROPERTY, text, field="property_id")
        return found

    def facts(self, property_id: str | None) -> PropertyFacts:
        """What texts say of a property, also of one that is not known."""
        found = self.properties.get(property_id or self.default_property or "")
        unknown = property_id or ""
        return found.facts if found else PropertyFacts(id=unknown, name=unknown, timezone="UTC")

    def take_codes(self, property_id: str, rooms: int) -> dict[int, str]:
        """New reservation codes for the lines of a request."""
        codes = self.codes[property_id]
        return {line: codes.pop(0) for line in range(1, rooms + 1)}

    def saga(self, booking_id: UUID) -> SagaRecord[RequestData] | None:
        """The saga of the request that a booking came from, if it is known."""
        return self.sagas.by_id.get(booking_id)

    def change_under_way(self, booking_id: UUID) -> SagaRecord[Any] | None:
        """The saga that changes or ends a confirmed booking at the moment."""
        booking = self.lifecycle.bookings.get(booking_id)
        return self.sagas.by_id.get(booking.saga_id) if booking and booking.saga_id else None

    def start(self, booking_id: UUID, name: str, transition: Transition[RequestData], now: datetime) -> None:
        """A booking begins, or is refused at once."""
        saga = self.sagas.add(booking_id, name, transition, now)
        self.changes[booking_id] = StatusChange(saga, None, status_of(transition.progress))
        count_verdict(name, transition, now, now)

    def move(
        self,
        saga: SagaRecord[RequestData],
        transition: Transition[RequestData],
        now: datetime,
        who: str = SYSTEM,
        why: str | None = None,
    ) -> None:
        """Take over a transition of a booking's own saga, and the status that follows from it."""
        old, new = status_of(saga.progress), status_of(transition.progress)
        saga.move(transition)
        self._moves += 1
        if new is not old:
            check_follows(old, new)
            before = self.changes.get(saga.id)
            self.changes[saga.id] = StatusChange(saga, before.old if before else old, new, who, why)
            count_verdict(saga.table.name, transition, saga.started_at, now)


@dataclass(frozen=True, slots=True)
class BookingSaga(Generic[Data]):
    """A saga of booking: its table, and what a transition of it makes of the booking."""

    table: SagaTable[Data]
    apply: Callable[[UnitOfWork, SagaRecord[Data], Transition[Data], datetime], None]


def status_of(progress: Progress) -> Status:
    """The status of a booking by its saga's verdict."""
    if progress.verdict is Verdict.REFUSED and progress.reason == CANCELLED:
        return Status.CANCELLED
    return STATUS[progress.verdict]
