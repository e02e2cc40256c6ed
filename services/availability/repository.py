"""Availability's queries: free rooms and holds for a whole batch, and what the batch made of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from services.availability.catalogue.property_cache import PropertyCache
from services.availability.external import store as external_store
from services.availability.hold import Hold
from services.availability.inventory.store import (
    HELD_PLACES,
    LOCK_HOLDS,
    SEE_HOLDS,
    FreeAsked,
    free_for_changes,
    free_rooms_of,
    hold_in,
    saved,
)
from services.availability.stay import LONGEST_NIGHTS, Stay
from services.availability.unit_of_work import UnitOfWork
from shared.commit_hooks import on_commit
from shared.contracts.availability import (
    ChangeRooms,
    CountRequested,
    DropChange,
    GiveUpStays,
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
class Nights:
    """The nights for which free rooms are read: of which property, and of which types by name (None: all)."""

    property_id: str | None
    check_in: date
    check_out: date
    types: tuple[str, ...] | None = None


class Repository:
    """Reads and writes the inventory; `wake` is set when there are calls to make to external systems."""

    def __init__(self, wake: WakeSignal | None = None) -> None:
        self._properties = PropertyCache()
        self._wake = wake or WakeSignal()

    async def load(self, connection: Connection, messages: Sequence[Message], now: datetime) -> UnitOfWork:
        """Everything that the messages touch, holds locked in one sorted order."""
        return await self._inventory(connection, messages, _booking_ids(messages), LOCK_HOLDS)

    async def load_optimistic(self, connection: Connection, messages: Sequence[Message], now: datetime) -> UnitOfWork:
        """The same without locks. A booking that asks for a hold is assumed to have none yet."""
        if any(isinstance(message, ChangeRooms | KeepChange | DropChange | GiveUpStays) for message in messages):
            raise Conflict("a booking's nights change under its lock")
        asking = {message.booking_id for message in messages if isinstance(message, HoldRooms)}
        inventory = await self._inventory(connection, messages, _booking_ids(messages) - asking, SEE_HOLDS)
        inventory.assumed_new = asking
        return inventory

    async def _inventory(
        self, connection: Connection, messages: Sequence[Message], ids: Collection[UUID], holds: str
    ) -> UnitOfWork:
        quoted = [
            message.property_id
            for message in messages
            if isinstance(message, QuoteRequested | ChangeRooms | GiveUpStays)
        ]
        inventory = await self.view(connection, [nights for nights in map(_nights, messages) if nights], quoted)
        for seen in (message for message in messages if isinstance(message, OutsideSeen)):
            await self.see_held_places(connection, inventory, seen.property_id, Stay(seen.check_in, seen.check_out))
        if ids:
            rows = await connection.fetch(holds, ids)
            inventory.holds = {row["booking_id"]: hold_in(row) for row in rows}
            inventory.versions = {row["booking_id"]: row["version"] for row in rows}
            inventory.loaded = dict(inventory.holds)
        changing = [message for message in messages if isinstance(message, ChangeRooms)]
        if changing:
            inventory.own_free = await free_for_changes(connection, changing)
        return inventory

    async def view(
        self, connection: Connection, nights: Sequence[Nights], properties: Iterable[str | None] = ()
    ) -> UnitOfWork:
        """The free rooms of some stays, without holds: what a count needs. `properties` are read without a stay."""
        named = {*properties, *(one.property_id for one in nights)}
        others = await self._properties.read(connection, named) if named else ()
        uow = UnitOfWork(self._properties.known, self._properties.default, other_ids=others)
        asks = [ask for one in nights if (ask := self._asked(one))]
        if asks:
            uow.free = await free_rooms_of(connection, asks)
        return uow

    async def see_held_places(self, connection: Connection, uow: UnitOfWork, property_id: str, stay: Stay) -> None:
        """Add how many places our holds keep at a property: the external system does not know of them."""
        rows = await connection.fetch(HELD_PLACES, property_id, stay.check_in, stay.check_out)
        uow.held_places |= {(property_id, stay, row["type_key"]): row["held"] for row in rows}

    async def save(self, connection: Connection, uow: UnitOfWork, now: datetime) -> list[Statement]:
        """The statements that write what changed; calls to external systems begin after the commit."""
        if not uow.external_jobs:
            return saved(uow, now)
        on_commit(self._wake.set)
        return [*saved(uow, now), external_store.added(uow.external_jobs)]

    async def due(self, connection: Connection, now: datetime) -> list[Message]:
        """Messages for holds that have expired; each is given again after 30 seconds, in case it was lost."""
        rows = await connection.fetch(_DUE, now, timedelta(seconds=30))
        return [HoldDue(booking_id=row["booking_id"]) for row in rows]

    async def hold(self, connection: Connection, booking_id: UUID) -> Hold | None:
        """One hold, for reading."""
        row = await connection.fetchrow(_HOLD, booking_id)
        return hold_in(row) if row else None

    def forget(self) -> None:
        """Read the properties again the next time: one was edited."""
        self._properties.forget()

    def _asked(self, nights: Nights) -> FreeAsked | None:
        """What to look up; None for dates or a property that the handler will refuse."""
        property_ = self._properties.known.get(nights.property_id or self._properties.default or "")
        stay = Stay(nights.check_in, nights.check_out)
        if property_ is None or not 0 < stay.nights <= LONGEST_NIGHTS:
            return None
        types = None if nights.types is None else frozenset(property_.keys_of(nights.types))
        return FreeAsked(property_.id, stay, types)


def _booking_ids(messages: Iterable[Message]) -> set[UUID]:
    return {booking_id for message in messages if (booking_id := getattr(message, "booking_id", None))}


def _nights(message: Message) -> Nights | None:
    if isinstance(message, CountRequested | OutsideSeen):
        return Nights(message.property_id, message.check_in, message.check_out)
    if isinstance(message, HoldRooms):
        types = tuple(wish.type for wish in message.rooms)
        return Nights(message.property_id, message.check_in, message.check_out, types)
    return None
