"""A hold: the rooms of a booking while they are held, once they are booked, and after their release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from services.availability.stay import Stay


class State(StrEnum):
    """HELD until BOOKED or RELEASED, and RELEASED is final. A FREED hold has no rooms until it is held again."""

    HELD = "held"
    FREED = "freed"
    BOOKED = "booked"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class DateChange:
    """Other nights that a booked hold has beside its own until the booking keeps or drops them.

    `answer` is the reply to the change as JSON, sent again when the command is repeated.
    """

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
    """The rooms of one booking. `answer` is the reply to its command as JSON, sent again when that is repeated.

    `changes` is the number of the newest change of dates, `change` the one that is not decided yet. `holding` is 1, or
    2 once the rooms are requested again after they were freed.
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
    change: DateChange | None = None
    holding: int = 1

    @property
    def nights(self) -> frozenset[tuple[str, date]]:
        """Every room and night that it occupies, those of an undecided change included."""
        if self.state is State.RELEASED:
            return frozenset()
        own = {(room, night) for room in self.rooms for night in self.stay}
        new = {(room, night) for room in self.change.rooms for night in self.change.stay} if self.change else set()
        return frozenset(own | new)

    def changing(self, change: DateChange) -> Hold:
        """With other nights beside its own."""
        return replace(self, changes=change.number, change=change)

    def kept(self, number: int) -> Hold:
        """On the nights of that change only. Unchanged when the change is already decided."""
        change = self.change
        if change is None or change.number != number:
            return self
        return replace(self, stay=change.stay, rooms=change.rooms, codes=change.codes, change=None)

    def dropped(self, number: int) -> Hold:
        """On its own nights only. A change of this number that arrives later is refused."""
        change = None if self.change and self.change.number == number else self.change
        return replace(self, changes=max(self.changes, number), change=change)

    def given_up(self, stays: Mapping[str, str]) -> Hold:
        """Without the rooms of these stays, their codes by room. Unchanged where they are not booked so any more."""
        gone = {room for room, code in self.codes if stays.get(room) == code}
        if self.state is not State.BOOKED or not gone:
            return self
        rooms = tuple(room for room in self.rooms if room not in gone)
        return replace(self, rooms=rooms, codes=tuple(pair for pair in self.codes if pair[0] not in gone))

    def extended(self, until: datetime) -> Hold:
        """With an expiry not before `until`; a hold is never shortened."""
        return replace(self, expires_at=max(self.expires_at, until)) if self.state is State.HELD else self

    def booked(self, codes: dict[str, str]) -> Hold:
        """Booked under its reservation codes by room; booking twice changes nothing.

        Raises:
            ValueError: when it was freed, or released before it was booked; no saga asks for that after its decision.
        """
        if self.state is State.RELEASED and self.codes:
            return self  # a repeated command, after the booking has ended
        if self.state in {State.RELEASED, State.FREED}:
            raise ValueError(f"hold {self.booking_id} was {self.state} and cannot be booked")
        if self.changes:  # a repeated command, with the codes of rooms from before a change of dates
            return self
        return replace(self, state=State.BOOKED, codes=tuple(sorted(codes.items())))

    def ordered(self, codes: dict[str, str]) -> Hold:
        """Booked in an external system: in these rooms, with that system's codes."""
        return replace(self.booked(codes), rooms=tuple(codes))

    def released(self) -> Hold:
        """Ended: its rooms are free."""
        return replace(self, state=State.RELEASED, change=None)

    def freed(self, holding: int | None = None) -> Hold:
        """Without rooms for now. Unchanged unless it is held, and for this `holding` (None: any)."""
        late = holding is not None and holding < self.holding
        return self if late or self.state is not State.HELD else replace(self, state=State.FREED, rooms=())

    def wanted_again(self, holding: int, expires_at: datetime) -> Hold:
        """Requested again although its rooms are not freed: it keeps them, for as long as a new hold would.

        A late command to free them is void.
        """
        return replace(self, holding=holding, expires_at=max(self.expires_at, expires_at))

    def held_again(self, rooms: tuple[str, ...], expires_at: datetime, holding: int | None = None) -> Hold:
        """Held again, with one room for each line, in the order of the lines."""
        number = self.holding + 1 if holding is None else holding
        return replace(self, state=State.HELD, rooms=rooms, expires_at=expires_at, holding=number)

    def may_hold_again(self, holding: int | None) -> bool:
        """Whether a command for a freed hold is a new one, not a repetition of the first."""
        return holding is None or holding > self.holding

    def is_due(self, now: datetime) -> bool:
        """Whether it has expired without being booked."""
        return self.state is State.HELD and self.expires_at <= now
