"""A hold: the rooms that a booking has, from being kept to being booked or given back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.availability.domain.stay import Stay


class State(StrEnum):
    """HELD until it is BOOKED or RELEASED; released is for ever. FREED has no rooms until it is held again."""

    HELD = "held"
    FREED = "freed"
    BOOKED = "booked"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Hold:
    """The rooms of one booking. `answer` is the reply that began it, kept to be given again."""

    booking_id: UUID
    property_id: str
    state: State
    stay: Stay
    rooms: tuple[str, ...]
    expires_at: datetime
    answer: str = ""
    codes: tuple[tuple[str, str], ...] = ()

    def extended(self, until: datetime) -> Hold:
        """Kept at least until then; a hold is never made shorter."""
        return replace(self, expires_at=max(self.expires_at, until)) if self.state is State.HELD else self

    def booked(self, codes: dict[str, str]) -> Hold:
        """Booked under its reservation codes; booking twice changes nothing.

        Raises:
            ValueError: when it was released or freed, which a saga never asks for behind its pivot.
        """
        if self.state in {State.RELEASED, State.FREED}:
            raise ValueError(f"hold {self.booking_id} was {self.state} and cannot be booked")
        return replace(self, state=State.BOOKED, codes=tuple(sorted(codes.items())))

    def ordered(self, codes: dict[str, str]) -> Hold:
        """Booked in an outside system, in these rooms under its codes."""
        return replace(self.booked(codes), rooms=tuple(codes))

    def released(self) -> Hold:
        """Given back."""
        return replace(self, state=State.RELEASED)

    def freed(self) -> Hold:
        """Without rooms for now. Only what is held can be freed."""
        return replace(self, state=State.FREED, rooms=()) if self.state is State.HELD else self

    def held_again(self, rooms: tuple[str, ...], expires_at: datetime) -> Hold:
        """With rooms again, one for each line that it had before, in their order."""
        return replace(self, state=State.HELD, rooms=rooms, expires_at=expires_at)

    def is_due(self, now: datetime) -> bool:
        """Whether its time is up and nobody has booked it."""
        return self.state is State.HELD and self.expires_at <= now
