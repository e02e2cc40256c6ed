"""Books the rooms of one booking through the port, one call a room, each noted before and after; chooses again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol
from uuid import UUID, uuid5

import structlog

from services.availability.external.adapters.breaker import CircuitOpen
from services.availability.external.port import (
    CannotCancel,
    FreeRooms,
    Inventory,
    InventoryUnavailable,
    RoomOrder,
    RoomTaken,
)
from services.availability.external.selection import Attempt, AttemptStatus, Patience, Wanted, next_room, to_staff

log = structlog.get_logger(__name__)

CUT_SHORT = "it was cut short"


class Journal(Protocol):
    """Remembers attempts durably: each before its call, and what became of it after."""

    async def attempts(self, booking_id: UUID) -> list[Attempt]:
        """Those of a booking, in their order."""
        ...

    async def note(self, booking_id: UUID, attempt: Attempt) -> None:
        """Write an attempt down, or what became of it."""
        ...


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the booking: what is wanted, and the order for it with whichever room it gets."""

    wanted: Wanted
    order: RoomOrder


@dataclass(frozen=True, slots=True)
class Ordered:
    """What came of it: the rooms really got, or the line that failed for good; and what only a person can undo.

    Under best effort lines may have `missed` a room though others have theirs.
    """

    booked: tuple[Attempt, ...] = ()
    failed_line: int | None = None
    attempts: tuple[Attempt, ...] = ()
    for_staff: str = ""
    missed: tuple[int, ...] = ()


@dataclass
class ExternalRoomBooking:
    """Books through one inventory.

    `held_by_others` gives the rooms that our own holds keep from it for the stay, and `secure` keeps one from others
    before it is booked: false where somebody else has it.
    """

    inventory: Inventory
    journal: Journal
    patience: Patience = field(default_factory=Patience)
    held_by_others: Callable[[UUID], Awaitable[Collection[str]]] = field(default=lambda _: _nobody())
    secure: Callable[[UUID, str], Awaitable[bool]] = field(default=lambda *_: _always())
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    dice: random.Random = field(default_factory=random.SystemRandom)

    async def book(
        self, booking_id: UUID, lines: Sequence[Line], avoid: Collection[str] = (), *, best_effort: bool = False
    ) -> Ordered:
        """A room for every line, or none: what was booked is undone when a line fails for good.

        With `best_effort` a line that fails is missed, unless all do. May be begun again after a crash: an attempt
        whose end is not known is made again under the same key.
        """
        attempts = await self.journal.attempts(booking_id)
        missed: list[int] = []
        for line in lines:
            if not await self._line(booking_id, line, [one.wanted for one in lines], attempts, avoid):
                missed.append(line.wanted.line)
                if not best_effort or len(missed) == len(lines):
                    await self.undo(booking_id, attempts)
                    staff = to_staff(attempts, can_cancel=self.inventory.can_cancel)
                    return Ordered((), missed[0], tuple(attempts), staff)
        booked = tuple(one for one in attempts if one.status is AttemptStatus.BOOKED)
        staff = to_staff([one for one in attempts if one.status is not AttemptStatus.BOOKED], can_cancel=True)
        return Ordered(booked, None, tuple(attempts), staff, tuple(missed))

    async def undo(self, booking_id: UUID, attempts: list[Attempt]) -> None:
        """Cancel what is booked, as far as the inventory can; an attempt whose end is not known is staff's."""
        for number, attempt in enumerate(attempts):
            undone = await self._undone(booking_id, attempt)
            if undone is not attempt:
                attempts[number] = undone
                await self.journal.note(booking_id, undone)

    async def _line(
        self,
        booking_id: UUID,
        line: Line,
        lines: Sequence[Wanted],
        attempts: list[Attempt],
        avoid: Collection[str],
    ) -> bool:
        """Whether the line has a room in the end."""
        while True:
            mine = [one for one in attempts if one.line == line.wanted.line]
            if any(one.status is AttemptStatus.BOOKED for one in mine):
                return True
            interrupted = next((one for one in mine if one.status is AttemptStatus.CALLING), None)
            if interrupted:
                attempts.remove(interrupted)
                await self._try(booking_id, line, interrupted.room, attempts, cut_short=True)
                continue
            if len(mine) >= self.patience.attempts:
                return False
            await self.sleep(self.patience.before(len(mine) + 1).total_seconds())
            room = await self._choose(booking_id, line, lines, attempts, avoid)
            if room is None:
                return False
            await self._try(booking_id, line, room, attempts)

    async def _choose(
        self,
        booking_id: UUID,
        line: Line,
        lines: Sequence[Wanted],
        attempts: Sequence[Attempt],
        avoid: Collection[str],
    ) -> str | None:
        """The room that is held, else one of those that are free now; a look that fails is tried again, too."""
        others = await self.held_by_others(booking_id)
        free: FreeRooms = {}
        held_failed = any(one.room == line.wanted.room for one in attempts)
        for look in range(1, self.patience.attempts + 1 if held_failed else 1):
            await self.sleep(self.patience.before(look).total_seconds())
            try:
                free = await self.inventory.free_rooms(line.order.stay)
                break
            except InventoryUnavailable as fault:
                log.warning("inventory.away", booking=str(booking_id), problem=str(fault))
        return next_room(line.wanted, lines, attempts, free=free, shut=(*others, *avoid), dice=self.dice)

    async def _undone(self, booking_id: UUID, attempt: Attempt) -> Attempt:
        if attempt.status is AttemptStatus.CALLING:
            return replace(attempt, status=AttemptStatus.DOUBTFUL, problem=CUT_SHORT)
        if not attempt.to_be_cancelled or not self.inventory.can_cancel:
            return attempt
        try:
            await self.inventory.cancel(_key(booking_id, attempt.line, attempt.room), attempt.code)
        except (InventoryUnavailable, CannotCancel) as fault:
            return replace(attempt, status=AttemptStatus.DOUBTFUL, problem=f"not cancelled: {fault}")
        return replace(attempt, status=AttemptStatus.CANCELLED)

    async def _booked(self, booking_id: UUID, order: RoomOrder) -> str:
        if not await self.secure(booking_id, order.room):
            raise RoomTaken(order.room)
        return await self.inventory.book(order)

    async def _try(
        self, booking_id: UUID, line: Line, room: str, attempts: list[Attempt], *, cut_short: bool = False
    ) -> None:
        """One attempt; of one that was `cut_short` before only a code says that all is well."""
        attempt = Attempt(line.wanted.line, room, AttemptStatus.CALLING)
        await self.journal.note(booking_id, attempt)
        order = replace(line.order, room=room, key=_key(booking_id, line.wanted.line, room))
        try:
            code = await self._booked(booking_id, order)
        except RoomTaken:
            attempt = replace(attempt, status=AttemptStatus.TAKEN, problem="the room was taken already")
        except CircuitOpen as shut:
            attempt = replace(attempt, status=AttemptStatus.NOT_ASKED, problem=str(shut))
        except InventoryUnavailable as fault:
            attempt = replace(attempt, status=AttemptStatus.DOUBTFUL, problem=str(fault))
        else:
            attempt = replace(attempt, status=AttemptStatus.BOOKED, code=code)
        if cut_short and not attempt.code:  # whoever was first may have been the call before the crash
            attempt = replace(
                attempt, status=AttemptStatus.DOUBTFUL, problem=f"{CUT_SHORT}; asked again: {attempt.problem}"
            )
        attempts.append(attempt)
        await self.journal.note(booking_id, attempt)
        log.info("inventory.attempt", booking=str(booking_id), line=attempt.line, room=room, status=attempt.status)


def _key(booking_id: UUID, line: int, room: str) -> UUID:
    """Of the order for this very room: trying another one is another order."""
    return uuid5(booking_id, f"{line} {room}")


async def _nobody() -> Collection[str]:
    return ()


async def _always() -> bool:
    return True
