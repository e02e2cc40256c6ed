"""Many rows with one statement: a table's columns are declared once, and rows cross to it as one JSON document."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any, Final, Generic, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

from shared.database.statements import Statement

Kind = TypeVar("Kind")
Convert = Callable[[Any], Any]

UPSERT: Final = "({key}) DO UPDATE SET {changed}"
_TYPES: Final[Mapping[Any, str]] = {
    UUID: "uuid",
    str: "text",
    bool: "boolean",
    int: "integer",
    Decimal: "numeric",
    date: "date",
    datetime: "timestamptz",
    bytes: "bytea",
}
_JSON: Final = (Mapping, dict, list)


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is not just the field of its name.

    `write` makes its value of an object; without it the value is the field's or, where there is none of that name, one
    that is given with the statement. `read` makes the field's value of the column's.
    """

    name: str
    type: str
    write: Convert | None = None
    read: Convert | None = None


class Fields(Generic[Kind]):
    """The fields of a dataclass as columns: each has its name and its type in PostgreSQL.

    `columns` are those that differ from the field of their name, or have none. Fields in `without` are no columns.
    Mappings and lists are jsonb. Raises TypeError when a field has a type that no column is known for.
    """

    def __init__(self, kind: type[Kind], *columns: Column, without: Collection[str] = ()) -> None:
        self._kind = kind
        self._names = [one.name for one in fields(kind) if one.name not in without]  # type: ignore[arg-type]
        hints = get_type_hints(kind)
        own = {column.name: column for column in columns}
        self.columns = {name: _column(name, hints[name]) for name in self._names if name not in own} | own

    def read(self, row: Mapping[str, Any], **others: Any) -> Kind:
        """The object in a row. `others` are the fields that are no columns."""
        values = ((name, row[name], self.columns[name].read) for name in self._names)
        return self._kind(**{name: read(value) if read else value for name, value, read in values}, **others)

    def inside(self, get: Convert) -> list[Column]:
        """The columns of objects that hold one of these, or None."""
        return [Column(one.name, one.type, _of_inner(get, one)) for one in self.columns.values()]


class Table(Fields[Kind]):
    """A table whose rows are objects of a dataclass.

    `fixed` names the columns that an update leaves alone; None: rows are never updated. `sets` are expressions for
    columns that an update does not just set to their new value. `version` is the column by which an update finds a row
    only as it was seen: PostgreSQL's own, `xmin`, is another one behind every write. `on_conflict` is the insert's.
    """

    def __init__(
        self,
        name: str,
        kind: type[Kind],
        *columns: Column,
        key: str = "id",
        without: Collection[str] = (),
        fixed: Collection[str] | None = None,
        sets: Mapping[str, str] | None = None,
        version: str = "",
        on_conflict: str = "",
    ) -> None:
        super().__init__(kind, *columns, without=without)
        self.name = name
        self._key = key
        changed = [one for one in self.columns if one not in {key, *(fixed or ())}]
        self._changed = [key, *changed]
        self.insert_sql = self._insert_sql(on_conflict, changed)
        self.insert_new_sql = self._insert_sql("", changed)
        self.update_sql = None if fixed is None else self._update_sql(changed, sets or {}, version)

    def insert(self, objects: Iterable[Kind], **given: Any) -> Statement:
        """Writes objects down, in their order. `given` are further columns: a value for all, or a function of each."""
        return Statement(self.insert_sql, (self._rows(self.columns, objects, given),))

    def insert_new(self, objects: Iterable[Kind], **given: Any) -> Statement:
        """The same without `on_conflict`: one that is there already fails as a Conflict."""
        return Statement(self.insert_new_sql, (self._rows(self.columns, objects, given),))

    def update(self, objects: Iterable[Kind], versions: Mapping[Any, Any] | None = None, **given: Any) -> Statement:
        """Writes what has become of objects; with `versions`, by their keys, of all of them or of none.

        Raises:
            TypeError: when rows of the table are never updated.
        """
        if self.update_sql is None:
            raise TypeError(f"rows of {self.name} are never updated")
        rows = self._rows(self._changed, objects, given)
        if versions is None:
            return Statement(self.update_sql, (rows,))
        versioned = [row | {"version": versions[row[self._key]]} for row in rows]
        return Statement(self.update_sql, (versioned,), rows=len(rows))

    def _rows(self, names: Iterable[str], objects: Iterable[Kind], given: Mapping[str, Any]) -> list[dict[str, Any]]:
        columns = [self.columns[name] for name in names if name not in given]
        plain = [column.name for column in columns if column.write is None]
        made = {column.name: column.write for column in columns if column.write}
        made |= {name: value for name, value in given.items() if callable(value)}
        same = {name: value for name, value in given.items() if not callable(value)}
        return [
            {name: getattr(one, name) for name in plain} | {name: write(one) for name, write in made.items()} | same
            for one in objects
        ]

    def _insert_sql(self, on_conflict: str, changed: Iterable[str]) -> str:
        names = ", ".join(self.columns)
        sets = ", ".join(f"{name} = excluded.{name}" for name in changed)
        conflict = on_conflict.format(key=self._key, changed=sets)
        insert = f"INSERT INTO {self.name} ({names}) SELECT {names} FROM {self._source(self.columns)}"  # noqa: S608
        return f"{insert} ON CONFLICT {conflict}" if conflict else insert

    def _update_sql(self, changed: Iterable[str], sets: Mapping[str, str], version: str) -> str:
        changes = {**{name: f"new.{name}" for name in changed}, **sets}
        found = f"{self.name}.{self._key} = new.{self._key}"
        source = self._source(self._changed)
        if version:
            found += f" AND {self.name}.{version}::text = new.version"
            source = self._source(self._changed, "version text")
        return (
            f"UPDATE {self.name} SET {', '.join(f'{name} = {value}' for name, value in changes.items())}"  # noqa: S608
            f" FROM {source} WHERE {found}"
        )

    def _source(self, names: Iterable[str], *more: str) -> str:
        typed = [f"{name} {self.columns[name].type}" for name in names]
        return f"jsonb_to_recordset($1) AS new ({', '.join((*typed, *more))})"


def _of_inner(get: Convert, column: Column) -> Convert:
    def value(one: Any) -> Any:
        inner = get(one)
        if inner is None:
            return None
        return column.write(inner) if column.write else getattr(inner, column.name)

    return value


def _column(name: str, hint: Any) -> Column:
    """The column that a field of this type is."""
    optional = NoneType in get_args(hint)
    others = [one for one in get_args(hint) if one is not NoneType]
    inner = others[0] if optional and len(others) == 1 else hint
    if get_origin(inner) is tuple and (of := _TYPES.get(get_args(inner)[0])):
        return Column(name, f"{of}[]", None, _reader(tuple, optional))
    if isinstance(inner, type) and issubclass(inner, Enum):
        return Column(name, "text", None, _reader(inner, optional))
    if kind := _TYPES.get(inner):
        return Column(name, kind)
    if (get_origin(inner) or inner) in _JSON:
        return Column(name, "jsonb")
    raise TypeError(f"field {name}: no column is known for {hint}; add its type to _TYPES, or a Column of this name")


def _reader(read: Convert, optional: bool) -> Convert:
    return (lambda value: None if value is None else read(value)) if optional else read
