"""A hold: the rooms that a booking has, from being kept to being booked or given back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from services.availability.inventory.stay import Stay


class State(StrEnum):
    """HELD until it is BOOKED or RELEASED; released is for ever. FREED has no rooms until it is held again."""

    HELD = "held"
    FREED = "freed"
    BOOKED = "booked"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Change:
    """Other nights that a booked hold has beside its own until its booking decides. `answer` is kept to be repeated."""

    number: int
    stay: Stay
    codes: tuple[tuple[str, str], ...]
    answer: str

    @property
    def rooms(self) -> tuple[str, ...]:
        """The rooms, in the order of the hold's lines."""
        return tuple(room for room, _ in self.codes)


@dataclass(frozen=True, slots=True)
class Hold:
    """The rooms of one booking. `answer` is the reply that began it, kept to be given again.

    `changes` is the number of the newest change that it knows of, `change` the one that is not decided. `holding` says
    for which time it was asked for: 1, or 2 once its rooms were to be freed and are wanted again.
    """

    booking_id: UUID
    property_id: str
    state: State
    stay: Stay
    rooms: tuple[str, ...]
    expires_at: datetime
    answer: str = ""
    codes: tuple[tuple[str, str], ...] = ()
    changes: int = 0
    change: Change | None = None
    holding: int = 1

    @property
    def nights(self) -> frozenset[tuple[str, date]]:
        """Every room and night that it keeps others from, those of a change included."""
        if self.state is State.RELEASED:
            return frozenset()
        own = {(room, night) for room in self.rooms for night in self.stay}
        new = {(room, night) for room in self.change.rooms for night in self.change.stay} if self.change else set()
        return frozenset(own | new)

    def changing(self, change: Change) -> Hold:
        """With other nights beside its own."""
        return replace(self, changes=change.number, change=change)

    def kept(self, number: int) -> Hold:
        """On the nights of its change alone; where that is not the one in hand it is decided already."""
        change = self.change
        if change is None or change.number != number:
            return self
        return replace(self, stay=change.stay, rooms=change.rooms, codes=change.codes, change=None)

    def dropped(self, number: int) -> Hold:
        """On its own nights alone; a change of this number that comes later is refused."""
        change = None if self.change and self.change.number == number else self.change
        return replace(self, changes=max(self.changes, number), change=change)

    def extended(self, until: datetime) -> Hold:
        """Kept at least until then; a hold is never made shorter."""
        return replace(self, expires_at=max(self.expires_at, until)) if self.state is State.HELD else self

    def booked(self, codes: dict[str, str]) -> Hold:
        """Booked under its reservation codes; booking twice changes nothing.

        Raises:
            ValueError: when it was released unbooked or freed, which a saga never asks for behind its pivot.
        """
        if self.state is State.RELEASED and self.codes:
            return self  # a repetition that comes after the booking's end
        if self.state in {State.RELEASED, State.FREED}:
            raise ValueError(f"hold {self.booking_id} was {self.state} and cannot be booked")
        if self.changes:  # a repetition that comes after a change speaks of rooms that it had before
            return self
        return replace(self, state=State.BOOKED, codes=tuple(sorted(codes.items())))

    def ordered(self, codes: dict[str, str]) -> Hold:
        """Booked in an outside system, in these rooms under its codes."""
        return replace(self.booked(codes), rooms=tuple(codes))

    def released(self) -> Hold:
        """Given back."""
        return replace(self, state=State.RELEASED, change=None)

    def freed(self, holding: int | None = None) -> Hold:
        """Without rooms for now. Only what is held can be freed, and only for the time that is meant (None: any)."""
        late = holding is not None and holding < self.holding
        return self if late or self.state is not State.HELD else replace(self, state=State.FREED, rooms=())

    def wanted_again(self, holding: int | None) -> Hold:
        """Asked for again before its rooms were freed: it keeps them, whenever that command may come."""
        if self.state is not State.HELD or holding is None or holding <= self.holding:
            return self
        return replace(self, holding=holding)

    def held_again(self, rooms: tuple[str, ...], expires_at: datetime, holding: int | None = None) -> Hold:
        """With rooms again, one for each line that it had before, in their order."""
        number = self.holding + 1 if holding is None else holding
        return replace(self, state=State.HELD, rooms=rooms, expires_at=expires_at, holding=number)

    def may_hold_again(self, holding: int | None) -> bool:
        """Whether a freed hold is asked for anew, and not by a repetition of what it had before."""
        return holding is None or holding > self.holding

    def is_due(self, now: datetime) -> bool:
        """Whether its time is up and nobody has booked it."""
        return self.state is State.HELD and self.expires_at <= now
