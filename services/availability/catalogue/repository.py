"""The catalogue's only queries: one record put, removed or listed at a time, beside the bookings that it serves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from services.availability.catalogue.model import (
    BY_KIND,
    IN_USE,
    SHOWN,
    OutsideRecord,
    PackageRecord,
    PropertyRecord,
    RateRecord,
    Record,
    RoomRecord,
    Taken,
    TypeRecord,
    check_breaks_nothing,
    check_callable,
    check_leaves_the_default,
)
from services.availability.catalogue.property import plain
from services.availability.catalogue.queries import PAGE, SQL
from shared.contracts.common import Reason
from shared.database.pool import Connection, Database
from shared.errors import Refusal
from shared.outbound.destinations import PUBLIC, Allowed

_TODAY = "SELECT timezone FROM properties WHERE id = $1"
_NAMES = "SELECT key, label FROM room_types WHERE property_id = $1 ORDER BY position, key"
_NO_OTHER_DEFAULT = "UPDATE properties SET is_default = false WHERE is_default AND id <> $1"
# Waits for holds that are being written, and lets none begin: what a change is checked against stays as it is. Briefly,
# as all holds wait behind it.
_NOBODY_TAKES = "SET LOCAL lock_timeout = '5s'; LOCK TABLE room_nights IN SHARE ROW EXCLUSIVE MODE"
_TAKEN = """
SELECT n.room, n.night, n.booking_id::text FROM room_nights n
JOIN rooms r ON r.property_id = n.property_id AND r.number = n.room
WHERE n.property_id = $1 AND ($2::text IS NULL OR n.room = $2) AND ($3::text IS NULL OR r.type_key = $3)
  AND n.night >= $4 ORDER BY n.night, n.room"""
_REMOVED_WITH: dict[str, tuple[str, ...]] = {
    "property": tuple(
        f"DELETE FROM {table} WHERE property_id = $1"  # noqa: S608 — our own names
        for table in ("outside_inventories", "fees", "supplements", "rates", "packages", "rooms", "room_types")
    ),
    "package": tuple(
        f"DELETE FROM {table} WHERE property_id = $1 AND package_key = $2"  # noqa: S608
        for table in ("supplements", "rates")
    ),
}
_USERS_OF_TYPE = """
SELECT 'its rooms' FROM rooms WHERE property_id = $1 AND type_key = $2
UNION SELECT 'its rates' FROM rates WHERE property_id = $1 AND type_key = $2
UNION SELECT 'package ' || key FROM packages WHERE property_id = $1 AND $2 = ANY(types)"""
# Of a hold that is not over, or of a call that is still to be made; one without a booking is only a look.
_USERS_OF_OUTSIDE = """
SELECT booking_id::text FROM holds
WHERE property_id = $1 AND state <> 'released' AND check_out > $2
  AND (NULLIF(answer, '')::jsonb ->> 'outside')::boolean
UNION SELECT booking_id::text FROM outside_errands WHERE property_id = $1 AND booking_id IS NOT NULL ORDER BY 1"""
_PLACES = "SELECT number FROM rooms WHERE property_id = $1 AND type_key = $2 ORDER BY length(number) DESC, number DESC"
_FREE_PLACES = """
SELECT r.number FROM rooms r WHERE r.property_id = $1 AND r.type_key = $2 AND NOT EXISTS (
  SELECT 1 FROM room_nights n WHERE n.property_id = r.property_id AND n.room = r.number AND n.night >= $3)
ORDER BY length(r.number) DESC, r.number DESC"""
_REMOVE_PLACES = "DELETE FROM rooms WHERE property_id = $1 AND number = ANY($2)"
_ADD_PLACES = """
INSERT INTO rooms (property_id, number, type_key)
SELECT $1, unnest($3::text[]), $2 ON CONFLICT (property_id, number) DO NOTHING"""


class CatalogueRepository:
    """Edits the catalogue. `edited` is called after each change, so that nobody goes on with what was.

    `allowed` says which addresses outside systems may be given; what is there already is judged when it is called.
    """

    def __init__(
        self, database: Database, edited: Callable[[], None] = lambda: None, *, allowed: Allowed = PUBLIC
    ) -> None:
        self._database = database
        self._allowed = allowed
        self._edited = edited

    async def put(self, record: Record, now: datetime, *, all_properties: bool = True) -> bool:
        """Add a record or change it; False: it was so already. `all_properties`: whoever asks may touch every one.

        Raises:
            Refusal: when it names what is not there, a booking would lose what it has, another property be touched, or
                an outside system be at an address that may not be called.
        """
        if isinstance(record, OutsideRecord):
            check_callable(record, self._allowed)
        async with self._database.transaction() as connection:
            record = await _with_keys(connection, record)
            old = await _one(connection, type(record), record.key)
            if old == record:
                return False
            if isinstance(old, RoomRecord | TypeRecord | PropertyRecord):
                await _check(connection, old, record, now)
            if isinstance(old, OutsideRecord) and isinstance(record, OutsideRecord) and old.prefix != record.prefix:
                await _check_nothing_outside(connection, old, "prefix", now)
            if not all_properties:
                check_leaves_the_default(old, record)
            if isinstance(record, PropertyRecord) and record.is_default:
                await connection.execute(_NO_OTHER_DEFAULT, record.property_id)
            try:
                await connection.execute(SQL[record.kind].put, *_values(record))
            except asyncpg.ForeignKeyViolationError:
                raise _nothing_there(record) from None
        self._edited()
        return True

    async def remove(self, kind: str, key: tuple[Any, ...], now: datetime, *, all_properties: bool = True) -> bool:
        """Remove a record, a package or a property with all that is only for it; False: it was not there.

        Raises:
            Refusal: when a booking, another record or, but for who may touch `all_properties`, the house needs it.
        """
        async with self._database.transaction() as connection:
            old = await _one(connection, BY_KIND[kind], key)
            if old is None:
                return False
            if not all_properties:
                check_leaves_the_default(old, None)
            if isinstance(old, TypeRecord):
                await _check_unused(connection, old)
            if isinstance(old, RoomRecord | PropertyRecord):
                await _check(connection, old, None, now)
            if isinstance(old, OutsideRecord | PropertyRecord):
                await _check_nothing_outside(connection, old, "property_id", now)
            for statement in _REMOVED_WITH.get(kind, ()):
                await connection.execute(statement, *key)
            await connection.execute(SQL[kind].remove, *map(_value, key))
        self._edited()
        return True

    async def listing(self, kind: str, property_id: str | None) -> AsyncIterator[Record]:
        """Every record of a kind, of one property or of all, read like its pages."""
        async for page in self.pages(kind, property_id):
            for record in page:
                yield record

    async def pages(self, kind: str, property_id: str | None) -> AsyncIterator[list[Record]]:
        """The same in parts, with no connection held between two of them, however long they lie apart.

        What is there from the first part to the last is read once. What is added or removed meanwhile may be among it
        or not, and what is changed meanwhile may have moved.
        """
        model, sql = BY_KIND[kind], SQL[kind]
        behind: list[Any] = [property_id or "", True, *[None] * (len(sql.place) - 1)]
        while True:
            async with self._database.connection() as connection:
                rows = await connection.fetch(sql.page, property_id, *behind)
            if not rows:
                return
            yield [_record(model, row) for row in rows]
            if len(rows) < PAGE:
                return
            first, *rest = (rows[-1][name] for name in sql.place)
            behind = [first, False, *rest]

    async def set_capacity(self, property_id: str, type_name: str, capacity: int, now: datetime) -> int:
        """How many places of a type there are for each day; returns how many there were.

        Raises:
            Refusal: when the type is not of places, or too many of them are taken on some day from now on.
        """
        async with self._database.transaction() as connection:
            key = await _type_key(connection, property_id, type_name)
            found = await _one(connection, TypeRecord, (property_id, key))
            if not isinstance(found, TypeRecord) or not found.is_place:
                text = f"type {key} has rooms, not places: add or remove its rooms instead"
                raise Refusal(Reason.INVALID_REQUEST, text, field="type")
            await connection.execute(_NOBODY_TAKES)
            places = [row["number"] for row in await connection.fetch(_PLACES, property_id, key)]
            if capacity < len(places):
                await _remove_places(connection, property_id, key, len(places) - capacity, now)
            elif capacity > len(places):
                await _add_places(connection, property_id, key, capacity - len(places))
        self._edited()
        return len(places)


async def _check(connection: Connection, old: Record, new: Record | None, now: datetime) -> None:
    await connection.execute(_NOBODY_TAKES)
    today = await _today(connection, old.property_id, now)
    room = old.room if isinstance(old, RoomRecord) else None
    type_key = old.type if isinstance(old, TypeRecord) else None
    rows = await connection.fetch(_TAKEN, old.property_id, room, type_key, today)
    taken: list[Taken] = [(row["room"], row["night"], row["booking_id"]) for row in rows]
    check_breaks_nothing(old, new, taken)


async def _check_nothing_outside(
    connection: Connection, old: OutsideRecord | PropertyRecord, field: str, now: datetime
) -> None:
    """What is held, booked or to be undone in an outside system needs its record, with the prefix of its codes.

    Raises:
        Refusal: in_use, naming some of the bookings.
    """
    await connection.execute(_NOBODY_TAKES)
    today = await _today(connection, old.property_id, now)
    rows = [row["booking_id"] for row in await connection.fetch(_USERS_OF_OUTSIDE, old.property_id, today)]
    if rows:
        some = ", ".join(rows[:SHOWN]) + (f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else "")
        change = "get another prefix" if field == "prefix" else "be removed"
        text = f"the outside system of {old.property_id} cannot {change}: bookings need it ({some})"
        raise Refusal(IN_USE, f"{text}; wait for their end or cancel them first", field=field, bookings=rows[:100])


async def _check_unused(connection: Connection, old: TypeRecord) -> None:
    users = [row[0] for row in await connection.fetch(_USERS_OF_TYPE, old.property_id, old.type)]
    if users:
        text = f"type {old.type} cannot be removed: remove or change {', '.join(sorted(users))} first"
        raise Refusal(IN_USE, text, field="type")


async def _remove_places(connection: Connection, property_id: str, key: str, number: int, now: datetime) -> None:
    today = await _today(connection, property_id, now)
    free = [row["number"] for row in await connection.fetch(_FREE_PLACES, property_id, key, today)]
    if len(free) < number:
        text = f"only {len(free)} places are free of bookings on every day to come, {number} would have to go"
        raise Refusal(IN_USE, f"{text}; choose a larger capacity", field="capacity", removable=len(free))
    await connection.execute(_REMOVE_PLACES, property_id, free[:number])


async def _add_places(connection: Connection, property_id: str, key: str, number: int) -> None:
    """Numbers P1, P2 … that no room of the property has."""
    rows = await connection.fetch("SELECT number FROM rooms WHERE property_id = $1", property_id)
    there = {row["number"] for row in rows}
    names = (f"P{n}" for n in range(1, len(there) + number + 1) if f"P{n}" not in there)
    added = [name for name, _ in zip(names, range(number), strict=False)]
    await connection.execute(_ADD_PLACES, property_id, key, added)


async def _one(connection: Connection, model: type[Record], key: tuple[Any, ...]) -> Record | None:
    row = await connection.fetchrow(SQL[model.kind].one, *map(_value, key))
    return _record(model, row) if row else None


async def _today(connection: Connection, property_id: str, now: datetime) -> date:
    zone = await connection.fetchval(_TODAY, property_id)
    return now.astimezone(ZoneInfo(zone)).date()


async def _with_keys(connection: Connection, record: Record) -> Record:
    """The same with types by their keys, by whatever name they came.

    Raises:
        Refusal: when the property or a type is not known.
    """
    if isinstance(record, PropertyRecord):
        return record
    if await connection.fetchval(_TODAY, record.property_id) is None:
        raise Refusal(Reason.UNKNOWN_PROPERTY, f"property {record.property_id!r} is not known", field="property_id")
    if isinstance(record, RoomRecord | RateRecord) and record.type is not None:
        return record.model_copy(update={"type": await _type_key(connection, record.property_id, record.type)})
    if isinstance(record, PackageRecord) and record.types:
        keys = [await _type_key(connection, record.property_id, name, "types") for name in record.types]
        return record.model_copy(update={"types": tuple(keys)})
    return record


async def _type_key(connection: Connection, property_id: str, name: str, field: str = "type") -> str:
    types = {row["key"]: row["label"] for row in await connection.fetch(_NAMES, property_id)}
    if name in types:
        return name
    found: list[str] = [key for key, label in types.items() if plain(name) in {plain(key), plain(label)}]
    if not found:
        text = f"room type {name!r} is not known; there are: {', '.join(types.values()) or 'none'}"
        raise Refusal(Reason.INVALID_REQUEST, text, field=field)
    return found[0]


def _record(model: type[Record], row: asyncpg.Record) -> Record:
    given = {name: row[name] for name in model.model_fields}
    return model.model_validate(
        {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    )


def _values(record: Record) -> list[Any]:
    return [_value(getattr(record, name)) for name in type(record).model_fields]


def _value(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _nothing_there(record: Record) -> Refusal:
    package = getattr(record, "package", None)
    field, name = ("package", package) if package and record.kind != "package" else ("property_id", record.property_id)
    return Refusal(Reason.INVALID_REQUEST, f"{field} {name!r} is not known: add it first", field=field)
