"""Availability's queries: free rooms and holds for a whole batch, and what the batch made of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from services.availability.catalogue.property_cache import PropertyCache
from services.availability.inventory.hold import Hold
from services.availability.inventory.stay import LONGEST_NIGHTS, Stay
from services.availability.inventory.store import (
    HELD_PLACES,
    LOCK_HOLDS,
    SEE_HOLDS,
    FreeRow,
    free_for_changes,
    free_rooms_of,
    hold_in,
    saved,
)
from services.availability.unit_of_work import UnitOfWork
from shared.commit_hooks import on_commit
from shared.contracts.availability import (
    ChangeRooms,
    CountRequested,
    DropChange,
    HoldDue,
    HoldRooms,
    KeepChange,
    OutsideSeen,
    QuoteRequested,
)
from shared.database.pool import Connection
from shared.database.statements import Statement
from shared.errors import Conflict
from shared.jobs.wake import WakeSignal
from shared.messages.message import Message

_DUE = """
UPDATE holds SET wake_at = $1 + $2 WHERE booking_id IN (
    SELECT booking_id FROM holds WHERE wake_at <= $1 ORDER BY wake_at LIMIT 500 FOR UPDATE SKIP LOCKED)
RETURNING booking_id"""
_HOLD = "SELECT * FROM holds WHERE booking_id = $1"


@dataclass(frozen=True, slots=True)
class Ask:
    """Nights that somebody asks about: at which property, and for which types by name (None: all)."""

    property_id: str | None
    check_in: date
    check_out: date
    types: tuple[str, ...] | None = None


class Repository:
    """Reads and writes the inventory; `wake` is set when there are calls to make to external systems."""

    def __init__(self, wake: WakeSignal | None = None) -> None:
        self._houses = PropertyCache()
        self._wake = wake or WakeSignal()

    async def load(self, connection: Connection, messages: Sequence[Message], now: datetime) -> UnitOfWork:
        """Everything that the messages touch, holds locked in one sorted order."""
        return await self._inventory(connection, messages, _booking_ids(messages), LOCK_HOLDS)

    async def load_optimistic(self, connection: Connection, messages: Sequence[Message], now: datetime) -> UnitOfWork:
        """The same without locks; a booking that asks for rooms counts as one that has none yet."""
        if any(isinstance(message, ChangeRooms | KeepChange | DropChange) for message in messages):
            raise Conflict("a booking's nights change under its lock")
        asking = {message.booking_id for message in messages if isinstance(message, HoldRooms)}
        inventory = await self._inventory(connection, messages, _booking_ids(messages) - asking, SEE_HOLDS)
        inventory.taken_for_new = asking
        return inventory

    async def _inventory(
        self, connection: Connection, messages: Sequence[Message], ids: Collection[UUID], holds: str
    ) -> UnitOfWork:
        quoted = [message.property_id for message in messages if isinstance(message, QuoteRequested | ChangeRooms)]
        inventory = await self.view(connection, [ask for ask in map(_ask, messages) if ask], quoted)
        for seen in (message for message in messages if isinstance(message, OutsideSeen)):
            await self.see_held_places(connection, inventory, seen.property_id, Stay(seen.check_in, seen.check_out))
        if ids:
            rows = await connection.fetch(holds, ids)
            inventory.holds = {row["booking_id"]: hold_in(row) for row in rows}
            inventory.known = {row["booking_id"]: row["version"] for row in rows}
            inventory.before = dict(inventory.holds)
        changing = [message for message in messages if isinstance(message, ChangeRooms)]
        if changing:
            inventory.own_free = await free_for_changes(connection, changing)
        return inventory

    async def view(
        self, connection: Connection, asks: Sequence[Ask], properties: Iterable[str | None] = ()
    ) -> UnitOfWork:
        """The free rooms for some stays, holds left out: what a count needs. `properties` are those without a stay."""
        named = {*properties, *(ask.property_id for ask in asks)}
        others = await self._houses.read(connection, named) if named else ()
        uow = UnitOfWork(self._houses.known, self._houses.default, other_houses=others)
        rows = sorted({row for ask in asks for row in self._rows(ask)})
        if rows:
            uow.free = await free_rooms_of(connection, rows)
        return uow

    async def see_held_places(self, connection: Connection, uow: UnitOfWork, property_id: str, stay: Stay) -> None:
        """Add how many places our holds keep at a property, which an outside system knows nothing of."""
        rows = await connection.fetch(HELD_PLACES, property_id, stay.check_in, stay.check_out)
        uow.held_places |= {(property_id, stay, row["type_key"]): row["held"] for row in rows}

    async def save(self, connection: Connection, uow: UnitOfWork, now: datetime) -> list[Statement]:
        """What changed; calls to external systems begin once it is committed."""
        if uow.external_jobs:
            on_commit(self._wake.set)
        return saved(uow, now)

    async def due(self, connection: Connection, now: datetime) -> list[Message]:
        """Wake-ups for holds whose time is up; each is handed out again after a while, in case it is lost."""
        rows = await connection.fetch(_DUE, now, timedelta(seconds=30))
        return [HoldDue(booking_id=row["booking_id"]) for row in rows]

    async def hold(self, connection: Connection, booking_id: UUID) -> Hold | None:
        """One hold, for reading."""
        row = await connection.fetchrow(_HOLD, booking_id)
        return hold_in(row) if row else None

    async def locked_hold(self, connection: Connection, booking_id: UUID) -> tuple[Hold, str] | None:
        """One hold and its version, locked for the rest of the transaction."""
        row = await connection.fetchrow(LOCK_HOLDS, [booking_id])
        return (hold_in(row), row["version"]) if row else None

    def forget(self) -> None:
        """Read the houses anew the next time: somebody edited one."""
        self._houses.forget()

    def _rows(self, ask: Ask) -> Iterator[FreeRow]:
        """What to look up for one ask: a row for each type; nothing for a range or a property that will be refused."""
        house = self._houses.known.get(ask.property_id or self._houses.default or "")
        stay = Stay(ask.check_in, ask.check_out)
        if house and 0 < stay.nights <= LONGEST_NIGHTS:
            for key in house.types if ask.types is None else house.keys_of(ask.types):
                yield house.id, stay, key


def _booking_ids(messages: Iterable[Message]) -> set[UUID]:
    return {booking_id for message in messages if (booking_id := getattr(message, "booking_id", None))}


def _ask(message: Message) -> Ask | None:
    if isinstance(message, CountRequested | OutsideSeen):
        return Ask(message.property_id, message.check_in, message.check_out)
    if isinstance(message, HoldRooms):
        types = tuple(wish.type for wish in message.rooms)
        return Ask(message.property_id, message.check_in, message.check_out, types)
    return None
