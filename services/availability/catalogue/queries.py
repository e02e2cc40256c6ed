"""The statements of the catalogue's records, made for each kind of our own names alone."""

from __future__ import annotations

from dataclasses import dataclass

from services.availability.catalogue.model import RECORDS, Record

PAGE = 100  # records of a listing that are read at once
# Where each record is kept: its table, and the columns whose names differ from its fields'.
_TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "property": ("properties", {"property_id": "id"}),
    "type": ("room_types", {"type": "key"}),
    "room": ("rooms", {"room": "number", "type": "type_key"}),
    "package": ("packages", {"package": "key"}),
    "rate": ("rates", {"package": "package_key", "type": "type_key"}),
    "supplement": ("supplements", {"package": "package_key"}),
    "fee": ("fees", {}),
    "outside": ("outside_inventories", {}),
}
# Where each record stands among those of its property; none of it is ever NULL, which compares with nothing.
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
}


@dataclass(frozen=True, slots=True)
class Sql:
    """One kind's; `place` names the columns of a page that tell where the next one begins."""

    one: str
    page: str
    place: tuple[str, ...]
    put: str
    remove: str


def _sql(kind: type[Record]) -> Sql:
    table, columns = _TABLES[kind.kind]
    named = {name: columns.get(name, name) for name in kind.model_fields}
    keys = [named[name] for name in kind.keys]
    which = " AND ".join(
        f"{column} {'=' if place == 1 else 'IS NOT DISTINCT FROM'} ${place}" for place, column in enumerate(keys, 1)
    )
    chosen = ", ".join(f"{column} AS {name}" for name, column in named.items())
    values = ", ".join(f"${place}" for place in range(1, len(named) + 1))
    changed = ", ".join(f"{column} = excluded.{column}" for column in named.values() if column not in keys)
    insert = f"INSERT INTO {table} ({', '.join(named.values())}) VALUES ({values})"  # noqa: S608
    place = (keys[0], *_IN_ORDER.get(kind.kind, ()))
    names = tuple(f"place_{number}" for number in range(len(place)))
    placed = ", ".join(f"{part} AS {name}" for part, name in zip(place, names, strict=True))
    behind = ", ".join(f"${number}" for number in (2, *range(4, 3 + len(place))))
    return Sql(
        one=f"SELECT {chosen} FROM {table} WHERE {which}",  # noqa: S608
        page=f"SELECT {chosen}, {placed} FROM {table} WHERE {keys[0]} >= $2"  # noqa: S608
        f" AND ($1::text IS NULL OR {keys[0]} = $1) AND ($3::boolean OR ({', '.join(place)}) > ({behind}))"
        f" ORDER BY {', '.join(place)} LIMIT {PAGE}",
        place=names,
        put=f"{insert} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changed}",
        remove=f"DELETE FROM {table} WHERE {which}",  # noqa: S608
    )


SQL = {kind.kind: _sql(kind) for kind in RECORDS}
