"""The catalogue's queries: records are put, removed and listed, and bookings that use them are protected."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from services.availability.catalogue.model import (
    BY_KIND,
    IN_USE,
    MOST_NAMED,
    About,
    BookedNight,
    OutsideRecord,
    OutsideWordRecord,
    PackageRecord,
    PropertyRecord,
    RateRecord,
    Record,
    RoomRecord,
    TypeRecord,
    check_address,
    check_keeps_bookings,
    check_keeps_default,
)
from services.availability.catalogue.places import PLACES, add_places, remove_places
from services.availability.catalogue.property import plain
from services.availability.catalogue.queries import PAGE, SQL, record_in, value_of, values_of
from services.availability.catalogue.rate_records import check_rates
from shared.contracts.common import Reason
from shared.database.pool import Connection, Database
from shared.errors import Refusal
from shared.outbound.destinations import PUBLIC, Allowed

_TODAY = "SELECT timezone FROM properties WHERE id = $1"
_NAMES = "SELECT key, label FROM room_types WHERE property_id = $1 ORDER BY position, key"
_NO_OTHER_DEFAULT = "UPDATE properties SET is_default = false WHERE is_default AND id <> $1"
# Waits for holds that are being written and lets none begin, so that what a change is checked against stays true. All
# holds wait for it, so the wait is short.
_LOCK_NIGHTS = "SET LOCAL lock_timeout = '5s'; LOCK TABLE room_nights IN SHARE ROW EXCLUSIVE MODE"
_BOOKED_NIGHTS = """
SELECT n.room, n.night, n.booking_id::text FROM room_nights n
JOIN rooms r ON r.property_id = n.property_id AND r.number = n.room
WHERE n.property_id = $1 AND ($2::text IS NULL OR n.room = $2) AND ($3::text IS NULL OR r.type_key = $3)
  AND n.night >= $4 ORDER BY n.night, n.room"""
_REMOVED_WITH: dict[str, tuple[str, ...]] = {
    "property": tuple(
        f"DELETE FROM {table} WHERE property_id = $1"  # noqa: S608 — our own names
        for table in (
            "outside_words",
            "outside_inventories",
            "fees",
            "supplements",
            "rates",
            "packages",
            "rooms",
            "room_types",
        )
    ),
    "package": tuple(
        f"DELETE FROM {table} WHERE property_id = $1 AND package_key = $2"  # noqa: S608
        for table in ("supplements", "rates")
    ),
    "outside": ("DELETE FROM outside_words WHERE property_id = $1",),
}
_USERS_OF_TYPE = """
SELECT 'its rooms' FROM rooms WHERE property_id = $1 AND type_key = $2
UNION SELECT 'its rates' FROM rates WHERE property_id = $1 AND type_key = $2
UNION SELECT 'package ' || key FROM packages WHERE property_id = $1 AND $2 = ANY(types)"""
# Bookings with a hold that has not ended, or with a job that is due. A job without a booking only reads.
_USERS_OF_OUTSIDE = """
SELECT booking_id::text FROM holds
WHERE property_id = $1 AND state <> 'released' AND check_out > $2
  AND (NULLIF(answer, '')::jsonb ->> 'outside')::boolean
UNION SELECT booking_id::text FROM outside_errands WHERE property_id = $1 AND booking_id IS NOT NULL ORDER BY 1"""


class CatalogueRepository:
    """Edits the catalogue. `edited` is called after each change, so that caches are read again.

    `allowed` are the addresses that a record of an external system may name.
    """

    def __init__(
        self, database: Database, edited: Callable[[], None] = lambda: None, *, allowed: Allowed = PUBLIC
    ) -> None:
        self._database = database
        self._allowed = allowed
        self._edited = edited

    async def put(self, record: Record, now: datetime, *, all_properties: bool = True) -> bool:
        """Add or change a record; False when nothing changed. `all_properties`: the caller may edit all of them.

        Raises:
            Refusal: when it names an unknown record, would break a booking, or would change the default property
                without `all_properties`; or when an external system's address is not allowed.
        """
        if isinstance(record, OutsideRecord):
            check_address(record, self._allowed)
        async with self._database.transaction() as connection:
            record = await _with_keys(connection, record)
            old = await _read(connection, type(record), record.key)
            if old == record:
                return False
            await _check_change(connection, old, record, now)
            if not all_properties:
                check_keeps_default(old, record)
            if isinstance(record, PropertyRecord) and record.is_default:
                await connection.execute(_NO_OTHER_DEFAULT, record.property_id)
            try:
                await connection.execute(SQL[record.kind].put, *values_of(record))
            except asyncpg.ForeignKeyViolationError:
                raise _unknown_reference(record) from None
        self._edited()
        return True

    async def remove(self, kind: str, key: tuple[Any, ...], now: datetime, *, all_properties: bool = True) -> bool:
        """Remove a record, and with a package or property what belongs to it; False when there was none.

        Raises:
            Refusal: when a booking or another record uses it, or it is the default property and the caller is not for
                `all_properties`.
        """
        async with self._database.transaction() as connection:
            old = await _read(connection, BY_KIND[kind], key)
            if old is None:
                return False
            if not all_properties:
                check_keeps_default(old, None)
            if isinstance(old, TypeRecord):
                await _check_unused(connection, old)
            if isinstance(old, RoomRecord | PropertyRecord):
                await _check_bookings(connection, old, None, now)
            if isinstance(old, OutsideRecord | PropertyRecord):
                await _check_external_bookings(connection, old, "property_id", now)
            for statement in _REMOVED_WITH.get(kind, ()):
                await connection.execute(statement, *key)
            await connection.execute(SQL[kind].remove, *map(value_of, key))
        self._edited()
        return True

    async def listing(self, kind: str, property_id: str | None) -> AsyncIterator[Record]:
        """Every record of a kind, of one property or of all, read page by page."""
        async for page in self.pages(kind, property_id):
            for record in page:
                yield record

    async def pages(self, kind: str, property_id: str | None) -> AsyncIterator[list[Record]]:
        """The same in pages; no connection is held between two pages.

        A record that exists throughout is read once. One that is added, removed or changed meanwhile may be missing,
        or appear in its old or new form.
        """
        model, sql = BY_KIND[kind], SQL[kind]
        position: list[Any] = [property_id or "", True, *[None] * (len(sql.cursor) - 1)]
        while True:
            async with self._database.connection() as connection:
                rows = await connection.fetch(sql.page, property_id, *position)
            if not rows:
                return
            yield [record_in(model, row) for row in rows]
            if len(rows) < PAGE:
                return
            first, *rest = (rows[-1][name] for name in sql.cursor)
            position = [first, False, *rest]

    async def set_capacity(self, property_id: str, type_name: str, capacity: int, now: datetime) -> int:
        """Set how many places of a type there are for each day; returns the former number.

        Raises:
            Refusal: when the type has rooms instead of places, or too many places are booked on a day to come.
        """
        async with self._database.transaction() as connection:
            key = await _type_key(connection, property_id, type_name)
            found = await _read(connection, TypeRecord, (property_id, key))
            if not isinstance(found, TypeRecord) or not found.is_place:
                text = f"type {key} has rooms, not places: add or remove its rooms instead"
                raise Refusal(Reason.INVALID_REQUEST, text, field="type")
            await connection.execute(_LOCK_NIGHTS)
            places = [row["number"] for row in await connection.fetch(PLACES, property_id, key)]
            if capacity < len(places):
                today = await _today(connection, property_id, now)
                await remove_places(connection, property_id, key, len(places) - capacity, today)
            elif capacity > len(places):
                await add_places(connection, property_id, key, capacity - len(places))
        self._edited()
        return len(places)


async def _check_change(connection: Connection, old: Record | None, new: Record, now: datetime) -> None:
    if isinstance(old, RoomRecord | TypeRecord | PropertyRecord):
        await _check_bookings(connection, old, new, now)
    if isinstance(old, OutsideRecord) and isinstance(new, OutsideRecord) and old.prefix != new.prefix:
        await _check_external_bookings(connection, old, "prefix", now)
    if isinstance(new, RateRecord):
        await check_rates(connection, new)


async def _check_bookings(connection: Connection, old: Record, new: Record | None, now: datetime) -> None:
    await connection.execute(_LOCK_NIGHTS)
    today = await _today(connection, old.property_id, now)
    room = old.room if isinstance(old, RoomRecord) else None
    type_key = old.type if isinstance(old, TypeRecord) else None
    rows = await connection.fetch(_BOOKED_NIGHTS, old.property_id, room, type_key, today)
    booked: list[BookedNight] = [(row["room"], row["night"], row["booking_id"]) for row in rows]
    check_keeps_bookings(old, new, booked)


async def _check_external_bookings(
    connection: Connection, old: OutsideRecord | PropertyRecord, field: str, now: datetime
) -> None:
    """Refuse to remove an external system, or to change its prefix, while bookings have rooms or jobs there.

    Raises:
        Refusal: in_use, naming some of the bookings.
    """
    await connection.execute(_LOCK_NIGHTS)
    today = await _today(connection, old.property_id, now)
    rows = [row["booking_id"] for row in await connection.fetch(_USERS_OF_OUTSIDE, old.property_id, today)]
    if rows:
        some = ", ".join(rows[:MOST_NAMED]) + (f" and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else "")
        change = "get another prefix" if field == "prefix" else "be removed"
        text = f"the outside system of {old.property_id} cannot {change}: bookings need it ({some})"
        raise Refusal(IN_USE, f"{text}; wait for their end or cancel them first", field=field, bookings=rows[:100])


async def _check_unused(connection: Connection, old: TypeRecord) -> None:
    users = [row[0] for row in await connection.fetch(_USERS_OF_TYPE, old.property_id, old.type)]
    if users:
        text = f"type {old.type} cannot be removed: remove or change {', '.join(sorted(users))} first"
        raise Refusal(IN_USE, text, field="type")


async def _read(connection: Connection, model: type[Record], key: tuple[Any, ...]) -> Record | None:
    row = await connection.fetchrow(SQL[model.kind].one, *map(value_of, key))
    return record_in(model, row) if row else None


async def _today(connection: Connection, property_id: str, now: datetime) -> date:
    zone = await connection.fetchval(_TODAY, property_id)
    return now.astimezone(ZoneInfo(zone)).date()


async def _with_keys(connection: Connection, record: Record) -> Record:
    """The record with the keys of its types in place of their names.

    Raises:
        Refusal: when the property or a type is not known.
    """
    if isinstance(record, PropertyRecord):
        return record
    if await connection.fetchval(_TODAY, record.property_id) is None:
        raise Refusal(Reason.UNKNOWN_PROPERTY, f"property {record.property_id!r} is not known", field="property_id")
    if isinstance(record, RoomRecord | RateRecord) and record.type is not None:
        return record.model_copy(update={"type": await _type_key(connection, record.property_id, record.type)})
    if isinstance(record, OutsideWordRecord) and record.about is About.TYPE:
        key = await _type_key(connection, record.property_id, record.ours, "ours")
        return record.model_copy(update={"ours": key})
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


def _unknown_reference(record: Record) -> Refusal:
    package = getattr(record, "package", None)
    field, name = ("package", package) if package and record.kind != "package" else ("property_id", record.property_id)
    return Refusal(Reason.INVALID_REQUEST, f"{field} {name!r} is not known: add it first", field=field)
