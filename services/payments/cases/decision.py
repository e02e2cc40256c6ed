"""What a person decided about a booking's money, kept for ever."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Action(StrEnum):
    """What was decided."""

    CHOSEN = "transfer_chosen"
    DECLINED = "declined"
    FRUSTRATED = "marked_frustrated"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class StaffDecision:
    """One decision: by whom, when (UTC) and why; `staff` is None where a gateway spoke for the guest."""

    booking_id: UUID
    action: Action
    at: datetime
    staff: str | None = None
    reason: str | None = None
    payment_id: UUID | None = None
