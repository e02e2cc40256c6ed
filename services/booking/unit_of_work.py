"""What a batch of work sees of booking: properties, sagas with their table, and the reservation codes set aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.booking.lifecycle.batch import LifecycleBatch
from services.booking.record.states import Status, check_follows
from services.booking.requests.property import Property
from services.booking.requests.saga.table import MULTI_ROOM, MultiRoomData, course_of
from shared.contracts.booking import PropertyFacts
from shared.contracts.common import Reason
from shared.errors import Refusal
from shared.saga.engine import Transition
from shared.saga.state import Progress, Verdict
from shared.saga.store import SagaRecord, Sagas
from shared.saga.table import SagaTable

SYSTEM = "system"
CANCELLED = "cancelled"  # the reason of a booking that was cancelled before it was confirmed
STATUS = {
    Verdict.OPEN: Status.PENDING,
    Verdict.DONE: Status.CONFIRMED,
    Verdict.REFUSED: Status.REJECTED,
    Verdict.FAILED: Status.FAILED,
}


@dataclass(frozen=True, slots=True)
class Change:
    """A booking whose status changed in this batch; `old` is None for one that is new."""

    saga: SagaRecord[MultiRoomData]
    old: Status | None
    new: Status
    who: str = SYSTEM
    why: str | None = None


@dataclass
class UnitOfWork:
    """The batch's view; what a handler changes here, the repository writes."""

    properties: Mapping[str, Property]
    default_property: str | None
    table: SagaTable[MultiRoomData] = MULTI_ROOM
    sagas: Sagas[MultiRoomData] = field(default_factory=lambda: Sagas(MULTI_ROOM.name, MultiRoomData))
    lives: LifecycleBatch = field(default_factory=LifecycleBatch)
    codes: dict[UUID, tuple[str, ...]] = field(default_factory=dict)
    changes: dict[UUID, Change] = field(default_factory=dict)

    def property(self, property_id: str | None) -> Property:
        """A property; none named means the default one.

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

    def saga(self, booking_id: UUID) -> SagaRecord[MultiRoomData] | None:
        """The saga of a booking, if it is known."""
        return self.sagas.by_id.get(booking_id)

    def course(self, saga: SagaRecord[MultiRoomData]) -> SagaTable[MultiRoomData]:
        """The steps that this booking takes."""
        return course_of(self.table, saga.turn.data)

    def start(self, booking_id: UUID, turn: Transition[MultiRoomData], now: datetime) -> None:
        """A booking begins, or is refused at once."""
        saga = self.sagas.add(booking_id, turn, now)
        self.changes[booking_id] = Change(saga, None, status_of(turn.progress))

    def move(
        self,
        saga: SagaRecord[MultiRoomData],
        turn: Transition[MultiRoomData],
        who: str = SYSTEM,
        why: str | None = None,
    ) -> None:
        """A booking goes on; a status that changes must be one that may follow."""
        old, new = status_of(saga.turn.progress), status_of(turn.progress)
        saga.move(turn)
        if new is not old:
            check_follows(old, new)
            before = self.changes.get(saga.id)
            self.changes[saga.id] = Change(saga, before.old if before else old, new, who, why)

    def with_codes(self, data: Any) -> Any:
        """The data with the reservation codes that were set aside for it, if any."""
        codes = self.codes.get(data.booking_id)
        return data.but(codes=codes) if codes and not data.codes else data


def status_of(progress: Progress) -> Status:
    """A booking's status by its saga's verdict."""
    if progress.verdict is Verdict.REFUSED and progress.reason == CANCELLED:
        return Status.CANCELLED
    return STATUS[progress.verdict]
