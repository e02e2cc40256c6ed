"""Availability's queries: free rooms and holds for a whole batch, and what the batch made of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from services.availability import repository_errands
from services.availability.domain.hold import Change, Hold, State
from services.availability.domain.inventory import FreeKey, Inventory
from services.availability.domain.stay import LONGEST_NIGHTS, Stay
from services.availability.repository_houses import Houses
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
from shared.database import Connection
from shared.errors import Conflict
from shared.messages import Message
from shared.statements import Statement

# xmin is PostgreSQL's own version of a row: whoever changes it leaves another one.
_HOLDS = "SELECT *, xmin::text AS version FROM holds WHERE booking_id = ANY($1)"
_LOCK_HOLDS = f"{_HOLDS} ORDER BY booking_id FOR UPDATE"
# Not NOT EXISTS: that is planned as a join, which reads a room's whole calendar and looks at the nights afterwards.
FREE = """
SELECT ask.number AS ask, array_agg(r.number ORDER BY r.number) AS rooms
FROM unnest($1::text[], $2::date[], $3::date[], $4::text[]) WITH ORDINALITY
       AS ask (property_id, check_in, check_out, type_key, number)
JOIN rooms r ON r.property_id = ask.property_id AND r.type_key = ask.type_key
WHERE (r.out_of_order_from IS NULL
       OR r.out_of_order_from >= ask.check_out OR r.out_of_order_until < ask.check_in)
  AND (SELECT true FROM room_nights n
       WHERE n.property_id = r.property_id AND n.room = r.number
         AND n.night >= ask.check_in AND n.night < ask.check_out LIMIT 1) IS NULL
GROUP BY ask.number"""
# For a booking that changes: also what has nobody in it but the booking itself.
_FREE_FOR = """
SELECT ask.number AS ask, r.type_key, array_agg(r.number ORDER BY r.number) AS rooms
FROM unnest($1::text[], $2::date[], $3::date[], $4::uuid[]) WITH ORDINALITY
       AS ask (property_id, check_in, check_out, booking_id, number)
JOIN rooms r ON r.property_id = ask.property_id
WHERE (r.out_of_order_from IS NULL
       OR r.out_of_order_from >= ask.check_out OR r.out_of_order_until < ask.check_in)
  AND (SELECT true FROM room_nights n
       WHERE n.property_id = r.property_id AND n.room = r.number AND n.booking_id <> ask.booking_id
         AND n.night >= ask.check_in AND n.night < ask.check_out LIMIT 1) IS NULL
GROUP BY ask.number, r.type_key"""
_GIVE_NIGHTS = """
DELETE FROM room_nights USING unnest($1::uuid[], $2::text[], $3::date[]) AS gone (booking_id, room, night)
WHERE room_nights.booking_id = gone.booking_id AND room_nights.room = gone.room AND room_nights.night = gone.night"""
_FREE_NIGHTS = "DELETE FROM room_nights WHERE booking_id = ANY($1)"
# A room that was removed or put out of order since it was looked at is not found, and the whole is undone.
TAKE_NIGHTS = """
INSERT INTO room_nights (property_id, room, night, booking_id)
SELECT n.* FROM unnest($1::text[], $2::text[], $3::date[], $4::uuid[]) AS n (property_id, room, night, booking_id)
JOIN rooms r ON r.property_id = n.property_id AND r.number = n.room
WHERE r.out_of_order_from IS NULL OR n.night < r.out_of_order_from OR n.night > r.out_of_order_until
ORDER BY n.property_id, n.room, n.night"""
_NO_HOLDS = "SELECT 1 FROM holds WHERE booking_id = ANY($1)"
_ADD_HOLDS = """
INSERT INTO holds (booking_id, property_id, check_in, check_out, rooms, answer, state, expires_at, wake_at, codes,
                   updated_at)
SELECT booking_id, property_id, check_in, check_out, ARRAY(SELECT jsonb_array_elements_text(rooms)), answer,
       state, expires_at, wake_at, codes, $11
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::jsonb[], $6::text[], $7::date[],
            $8::date[], $9::jsonb[], $10::text[])
  AS h (booking_id, state, expires_at, wake_at, codes, property_id, check_in, check_out, rooms, answer)"""
_MOVE_HOLDS = """
UPDATE holds SET state = h.state, expires_at = h.expires_at, wake_at = h.wake_at, codes = h.codes,
  rooms = ARRAY(SELECT jsonb_array_elements_text(h.rooms)), check_in = h.check_in, check_out = h.check_out,
  changes = h.changes, change = h.change, updated_at = $12
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::jsonb[], $6::text[], $7::jsonb[],
            $8::date[], $9::date[], $10::int[], $11::jsonb[])
  AS h (booking_id, state, expires_at, wake_at, codes, version, rooms, check_in, check_out, changes, change)
WHERE holds.booking_id = h.booking_id AND holds.xmin::text = h.version"""
_FREE_OTHERS = "DELETE FROM room_nights WHERE booking_id = $1 AND room <> ALL($2)"
_HELD_PLACES = """
SELECT r.type_key, count(DISTINCT n.room) AS held FROM room_nights n
JOIN rooms r ON r.property_id = n.property_id AND r.number = n.room
JOIN room_types t ON t.property_id = r.property_id AND t.key = r.type_key AND t.is_place
JOIN holds h ON h.booking_id = n.booking_id AND h.state = 'held'
WHERE n.property_id = $1 AND n.night >= $2 AND n.night < $3 GROUP BY r.type_key"""
_DUE = """
UPDATE holds SET wake_at = $1 + $2 WHERE booking_id IN (
    SELECT booking_id FROM holds WHERE wake_at <= $1 ORDER BY wake_at LIMIT 500 FOR UPDATE SKIP LOCKED)
RETURNING booking_id"""
_HOLD = "SELECT * FROM holds WHERE booking_id = $1"


FreeRow = tuple[str, Stay, str]


@dataclass(frozen=True, slots=True)
class Ask:
    """Nights that somebody asks about: at which property, and for which types by name (None: all)."""

    property_id: str | None
    check_in: date
    check_out: date
    types: tuple[str, ...] | None = None


class Repository:
    """Reads and writes the inventory."""

    def __init__(self) -> None:
        self._houses = Houses()

    async def load(self, connection: Connection, messages: Sequence[Message], now: datetime) -> Inventory:
        """Everything that the messages touch, holds locked in one sorted order."""
        return await self._inventory(connection, messages, _booking_ids(messages), _LOCK_HOLDS)

    async def peek(self, connection: Connection, messages: Sequence[Message], now: datetime) -> Inventory:
        """The same without locks; a booking that asks for rooms counts as one that has none yet."""
        if any(isinstance(message, ChangeRooms | KeepChange | DropChange) for message in messages):
            raise Conflict("a booking's nights change under its lock")
        asking = {message.booking_id for message in messages if isinstance(message, HoldRooms)}
        inventory = await self._inventory(connection, messages, _booking_ids(messages) - asking, _HOLDS)
        inventory.taken_for_new = asking
        return inventory

    async def _inventory(
        self, connection: Connection, messages: Sequence[Message], ids: Collection[UUID], holds: str
    ) -> Inventory:
        quoted = [message.property_id for message in messages if isinstance(message, QuoteRequested | ChangeRooms)]
        inventory = await self.view(connection, [ask for ask in map(_ask, messages) if ask], quoted)
        for seen in (message for message in messages if isinstance(message, OutsideSeen)):
            await self.see_held_places(connection, inventory, seen.property_id, Stay(seen.check_in, seen.check_out))
        if ids:
            rows = await connection.fetch(holds, ids)
            inventory.holds = {row["booking_id"]: _hold(row) for row in rows}
            inventory.known = {row["booking_id"]: row["version"] for row in rows}
            inventory.before = dict(inventory.holds)
        changing = [message for message in messages if isinstance(message, ChangeRooms)]
        if changing:
            inventory.own_free = await _free_for(connection, changing)
        return inventory

    async def view(
        self, connection: Connection, asks: Sequence[Ask], properties: Iterable[str | None] = ()
    ) -> Inventory:
        """The free rooms for some stays, holds left out: what a count needs. `properties` are those without a stay."""
        named = {*properties, *(ask.property_id for ask in asks)}
        others = await self._houses.read(connection, named) if named else ()
        inventory = Inventory(self._houses.known, self._houses.default, other_houses=others)
        rows = sorted({row for ask in asks for row in self._rows(ask)})
        if rows:
            inventory.free = await _free_rooms(connection, rows)
        return inventory

    async def see_held_places(self, connection: Connection, inventory: Inventory, property_id: str, stay: Stay) -> None:
        """Add how many places our holds keep at a property, which an outside system knows nothing of."""
        rows = await connection.fetch(_HELD_PLACES, property_id, stay.check_in, stay.check_out)
        inventory.held_places |= {(property_id, stay, row["type_key"]): row["held"] for row in rows}

    async def save(self, connection: Connection, inventory: Inventory, now: datetime) -> list[Statement]:
        """What changed. The rooms' nights of a hold are its own: nobody else's rows are touched."""
        changed = sorted((inventory.holds[key] for key in inventory.changed), key=lambda hold: hold.booking_id)
        released = [hold.booking_id for hold in changed if hold.state is State.FREED or _gave_back(hold)]
        new = [hold for hold in changed if hold.booking_id not in inventory.known]
        moved = [hold for hold in changed if hold.booking_id in inventory.known]
        statements = [Statement(_FREE_NIGHTS, (released,))] if released else []
        gained, given = _reshaped(inventory)
        if given:
            statements.append(Statement(_GIVE_NIGHTS, tuple(list(column) for column in zip(*given, strict=True))))
        if nights := sorted([*_nights(inventory, changed), *gained]):
            columns = tuple(list(column) for column in zip(*nights, strict=True))
            statements.append(Statement(TAKE_NIGHTS, columns, rows=len(nights)))
        if refused := inventory.taken_for_new - inventory.holds.keys():
            statements.append(Statement(_NO_HOLDS, (list(refused),), rows=0))
        if new:
            statements.append(Statement(_ADD_HOLDS, (*_state_columns(new), *_fact_columns(new), now)))
        if moved:
            versions = [inventory.known[hold.booking_id] for hold in moved]
            rooms = [json.dumps(hold.rooms) for hold in moved]
            facts = (*_state_columns(moved), versions, rooms, *_date_columns(moved), now)
            statements.append(Statement(_MOVE_HOLDS, facts, rows=len(moved)))
        swapped = [inventory.holds[key] for key in inventory.swapped]
        statements += [Statement(_FREE_OTHERS, (hold.booking_id, list(hold.rooms))) for hold in swapped]
        if inventory.errands:
            statements.append(repository_errands.added(inventory.errands))
        return statements

    async def due(self, connection: Connection, now: datetime) -> list[Message]:
        """Wake-ups for holds whose time is up; each is handed out again after a while, in case it is lost."""
        rows = await connection.fetch(_DUE, now, timedelta(seconds=30))
        return [HoldDue(booking_id=row["booking_id"]) for row in rows]

    async def hold(self, connection: Connection, booking_id: UUID) -> Hold | None:
        """One hold, for reading."""
        row = await connection.fetchrow(_HOLD, booking_id)
        return _hold(row) if row else None

    async def locked_hold(self, connection: Connection, booking_id: UUID) -> tuple[Hold, str] | None:
        """One hold and its version, locked for the rest of the transaction."""
        row = await connection.fetchrow(_LOCK_HOLDS, [booking_id])
        return (_hold(row), row["version"]) if row else None

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


def _gave_back(hold: Hold) -> bool:
    return hold.state is State.RELEASED and bool(hold.rooms)


def _ask(message: Message) -> Ask | None:
    if isinstance(message, CountRequested | OutsideSeen):
        return Ask(message.property_id, message.check_in, message.check_out)
    if isinstance(message, HoldRooms):
        types = tuple(wish.type for wish in message.rooms)
        return Ask(message.property_id, message.check_in, message.check_out, types)
    return None


async def _free_rooms(connection: Connection, rows: Sequence[FreeRow]) -> dict[FreeKey, dict[str, list[str]]]:
    records = await connection.fetch(
        FREE,
        [house for house, _, _ in rows],
        [stay.check_in for _, stay, _ in rows],
        [stay.check_out for _, stay, _ in rows],
        [type_key for _, _, type_key in rows],
    )
    free: dict[FreeKey, dict[str, list[str]]] = {}
    for record in records:
        house, stay, type_key = rows[record["ask"] - 1]
        free.setdefault((house, stay), {})[type_key] = record["rooms"]
    return free


def _nights(inventory: Inventory, changed: Sequence[Hold]) -> list[tuple[str, str, date, UUID]]:
    """What holds took in this batch, in the one order in which all writers insert."""
    return sorted(
        (hold.property_id, room, night, hold.booking_id)
        for hold in changed
        if hold.state is not State.RELEASED and hold.booking_id not in inventory.reshaped
        for room in hold.rooms
        for night in hold.stay
        if (hold.property_id, room, night) in inventory.taken
    )


def _reshaped(inventory: Inventory) -> tuple[list[tuple[str, str, date, UUID]], list[tuple[UUID, str, date]]]:
    """The nights that holds gained in this batch, and those that they gave up; a release frees all by itself."""
    gained: list[tuple[str, str, date, UUID]] = []
    given: list[tuple[UUID, str, date]] = []
    for key in sorted(inventory.reshaped):
        old, new = inventory.before[key], inventory.holds[key]
        gained += [(new.property_id, room, night, key) for room, night in new.nights - old.nights]
        if new.state is not State.RELEASED:
            given += [(key, room, night) for room, night in sorted(old.nights - new.nights)]
    return gained, given


async def _free_for(
    connection: Connection, messages: Sequence[ChangeRooms]
) -> dict[tuple[UUID, Stay], dict[str, list[str]]]:
    rows = await connection.fetch(
        _FREE_FOR,
        [message.property_id for message in messages],
        [message.check_in for message in messages],
        [message.check_out for message in messages],
        [message.booking_id for message in messages],
    )
    free: dict[tuple[UUID, Stay], dict[str, list[str]]] = {}
    for row in rows:
        asked = messages[row["ask"] - 1]
        free.setdefault((asked.booking_id, Stay(asked.check_in, asked.check_out)), {})[row["type_key"]] = row["rooms"]
    return free


def _date_columns(holds: Sequence[Hold]) -> tuple[list[Any], ...]:
    return (
        [hold.stay.check_in for hold in holds],
        [hold.stay.check_out for hold in holds],
        [hold.changes for hold in holds],
        [_packed(hold.change) for hold in holds],
    )


def _packed(change: Change | None) -> str | None:
    if change is None:
        return None
    facts = {"check_in": change.stay.check_in.isoformat(), "check_out": change.stay.check_out.isoformat()}
    return json.dumps({"number": change.number, "codes": change.codes, "answer": change.answer} | facts)


def _unpacked(text: str | None) -> Change | None:
    if text is None:
        return None
    given = json.loads(text)
    stay = Stay(date.fromisoformat(given["check_in"]), date.fromisoformat(given["check_out"]))
    codes = tuple((room, code) for room, code in given["codes"])
    return Change(given["number"], stay, codes, given["answer"])


def _state_columns(holds: Sequence[Hold]) -> tuple[list[Any], ...]:
    return (
        [hold.booking_id for hold in holds],
        [hold.state.value for hold in holds],
        [hold.expires_at for hold in holds],
        [hold.expires_at if hold.state is State.HELD else None for hold in holds],
        [json.dumps(dict(hold.codes)) for hold in holds],
    )


def _fact_columns(holds: Sequence[Hold]) -> tuple[list[Any], ...]:
    return (
        [hold.property_id for hold in holds],
        [hold.stay.check_in for hold in holds],
        [hold.stay.check_out for hold in holds],
        [json.dumps(hold.rooms) for hold in holds],
        [hold.answer for hold in holds],
    )


def _hold(row: asyncpg.Record) -> Hold:
    return Hold(
        booking_id=row["booking_id"],
        property_id=row["property_id"],
        state=State(row["state"]),
        stay=Stay(row["check_in"], row["check_out"]),
        rooms=tuple(row["rooms"]),
        expires_at=row["expires_at"],
        answer=row["answer"],
        codes=tuple(json.loads(row["codes"]).items()),
        changes=row["changes"],
        change=_unpacked(row["change"]),
    )
