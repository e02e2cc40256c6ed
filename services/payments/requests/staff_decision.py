"""What staff decide about a booking's money. Decisions are kept and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class Action(StrEnum):
    """What was decided."""

    CHOSEN = "transfer_chosen"
    DECLINED = "declined"
    FRUSTRATED = "marked_frustrated"
    WITHDRAWN = "withdrawn"


class DecidingCommand(Protocol):
    """A command that carries a decision: about which booking, by whom and why."""

    @property
    def booking_id(self) -> UUID: ...
    @property
    def staff(self) -> str | None: ...
    @property
    def reason(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class StaffDecision:
    """One decision, when (UTC), by whom and why; `staff` is None when a gateway decided for the guest."""

    booking_id: UUID
    action: Action
    at: datetime
    staff: str | None = None
    reason: str | None = None
    payment_id: UUID | None = None

    @classmethod
    def of(
        cls, command: DecidingCommand, action: Action, now: datetime, payment_id: UUID | None = None
    ) -> StaffDecision:
        """The decision that a command carries."""
        return cls(command.booking_id, action, now, command.staff, command.reason, payment_id)
