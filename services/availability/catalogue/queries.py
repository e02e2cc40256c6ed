"""The SQL statements for each kind of catalogue record, built from our own table and column names only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg

from services.availability.catalogue.model import RECORDS, RateRecord, Record
from shared.database.pool import Connection

AnyRecord = TypeVar("AnyRecord", bound=Record)
PAGE = 100  # records that are read at once for a listing
# The table of each kind, and the columns whose names differ from those of the fields.
_TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "property": ("properties", {"property_id": "id"}),
    "type": ("room_types", {"type": "key"}),
    "room": ("rooms", {"room": "number", "type": "type_key"}),
    "package": ("packages", {"package": "key"}),
    "rate": ("rates", {"package": "package_key", "type": "type_key"}),
    "supplement": ("supplements", {"package": "package_key"}),
    "fee": ("fees", {}),
    "outside": ("outside_inventories", {}),
    "outside_word": ("outside_words", {}),
}
# The order of a kind's records within a property. No expression is ever NULL: a NULL cannot be compared.
_IN_ORDER: dict[str, tuple[str, ...]] = {
    "type": ("position", "key"),
    "room": ("length(number)", "number"),
    "package": ("key",),
    "rate": (
        "package_key",
        "(type_key IS NULL)::int",
        "coalesce(type_key, '')",
        "coalesce(first_night, 'infinity')",
        "coalesce(last_night, 'infinity')",
        "(weekdays IS NULL)::int",
        "coalesce(weekdays, '{}')",
    ),
    "supplement": ("package_key", "name"),
    "fee": ("name",),
    "outside_word": ("about", "ours"),
}


@dataclass(frozen=True, slots=True)
class Sql:
    """The statements for one kind; `every` reads those of a property.

    `cursor` names the columns of a page's last row after which the next page begins.
    """

    one: str
    every: str
    page: str
    cursor: tuple[str, ...]
    put: str
    remove: str


def _sql(kind: type[Record]) -> Sql:
    table, columns = _TABLES[kind.kind]
    named = {name: columns.get(name, name) for name in kind.model_fields}
    keys = [named[name] for name in kind.keys]
    which = " AND ".join(
        f"{column} {'=' if number == 1 else 'IS NOT DISTINCT FROM'} ${number}" for number, column in enumerate(keys, 1)
    )
    chosen = ", ".join(f"{column} AS {name}" for name, column in named.items())
    values = ", ".join(f"${number}" for number in range(1, len(named) + 1))
    changed = ", ".join(f"{column} = excluded.{column}" for column in named.values() if column not in keys)
    insert = f"INSERT INTO {table} ({', '.join(named.values())}) VALUES ({values})"  # noqa: S608
    order = (keys[0], *_IN_ORDER.get(kind.kind, ()))
    cursor_columns = tuple(f"cursor_{number}" for number in range(len(order)))
    cursor_values = ", ".join(f"{part} AS {name}" for part, name in zip(order, cursor_columns, strict=True))
    after = ", ".join(f"${number}" for number in (2, *range(4, 3 + len(order))))
    return Sql(
        one=f"SELECT {chosen} FROM {table} WHERE {which}",  # noqa: S608
        every=f"SELECT {chosen} FROM {table} WHERE {keys[0]} = $1",  # noqa: S608
        page=f"SELECT {chosen}, {cursor_values} FROM {table} WHERE {keys[0]} >= $2"  # noqa: S608
        f" AND ($1::text IS NULL OR {keys[0]} = $1) AND ($3::boolean OR ({', '.join(order)}) > ({after}))"
        f" ORDER BY {', '.join(order)} LIMIT {PAGE}",
        cursor=cursor_columns,
        put=f"{insert} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changed}",
        remove=f"DELETE FROM {table} WHERE {which}",  # noqa: S608
    )


def record_in(model: type[AnyRecord], row: asyncpg.Record) -> AnyRecord:
    """The record in a row."""
    given = {name: row[name] for name in model.model_fields}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return model.model_validate(values)


def values_of(record: Record) -> list[Any]:
    """The values of a record, as `put` takes them."""
    return [value_of(getattr(record, name)) for name in type(record).model_fields]


def value_of(value: Any) -> Any:
    """A value as a parameter of a statement."""
    return list(value) if isinstance(value, tuple) else value


SQL = {kind.kind: _sql(kind) for kind in RECORDS}


_LOCK_PROPERTY = "SELECT 1 FROM properties WHERE id = $1 FOR NO KEY UPDATE"
_RATES_OF_PACKAGE = f"{SQL['rate'].every} AND package_key = $2"


async def locked_rates(connection: Connection, property_id: str, package: str) -> list[RateRecord]:
    """The rates of a package; until the transaction ends no others of its property are edited."""
    await connection.execute(_LOCK_PROPERTY, property_id)
    rows = await connection.fetch(_RATES_OF_PACKAGE, property_id, package)
    return [record_in(RateRecord, row) for row in rows]
