"""A table is declared once: its statements name every column, and rows hold what its objects are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, make_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest

from shared.database.bulk import UPSERT, Column, Fields, Table


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Size:
    width: int
    depth: Decimal | None = None


@dataclass(frozen=True)
class Thing:
    id: str
    colour: Colour
    made_on: date | None = None
    tags: tuple[str, ...] = ()
    size: Size | None = None
    seen: bool = False


SIZE = Fields(Size)
THINGS = Table(
    "things",
    Thing,
    *SIZE.inside(lambda thing: thing.size),
    Column("label", "text", lambda thing: thing.id.upper()),
    Column("updated_at", "timestamptz"),
    without=("size", "seen"),
    fixed=("made_on",),
    sets={"tags": "things.tags || new.tags"},
    version="xmin",
    on_conflict=f"{UPSERT} WHERE things.colour <> 'red'",
)
THING = Thing("a", Colour.RED, date(2030, 1, 2), ("x",), Size(1, Decimal("2.50")))
ROW = {"id": "a", "colour": "red", "made_on": date(2030, 1, 2), "tags": ["x"], "width": 1, "depth": Decimal("2.50")}


def test_an_insert_names_every_column_once() -> None:
    assert THINGS.insert_sql == (
        "INSERT INTO things (id, colour, made_on, tags, width, depth, label, updated_at)"
        " SELECT id, colour, made_on, tags, width, depth, label, updated_at"
        " FROM jsonb_to_recordset($1) AS new (id text, colour text, made_on date, tags text[], width integer,"
        " depth numeric, label text, updated_at timestamptz)"
        " ON CONFLICT (id) DO UPDATE SET colour = excluded.colour, tags = excluded.tags, width = excluded.width,"
        " depth = excluded.depth, label = excluded.label, updated_at = excluded.updated_at"
        " WHERE things.colour <> 'red'"
    )


def test_an_update_leaves_what_is_fixed_and_finds_a_row_as_it_was_seen() -> None:
    assert THINGS.update_sql == (
        "UPDATE things SET colour = new.colour, tags = things.tags || new.tags, width = new.width, depth = new.depth,"
        " label = new.label, updated_at = new.updated_at FROM jsonb_to_recordset($1) AS new (id text, colour text,"
        " tags text[], width integer, depth numeric, label text, updated_at timestamptz, version text)"
        " WHERE things.id = new.id AND things.xmin::text = new.version"
    )


def test_rows_are_what_objects_are_with_what_is_given_for_all_or_for_each() -> None:
    assert _row(THINGS.insert([THING], updated_at="now")) == ROW | {
        "tags": ("x",),
        "label": "A",
        "updated_at": "now",
    }
    assert _row(THINGS.insert([THING], updated_at=lambda thing: thing.made_on))["updated_at"] == date(2030, 1, 2)


def test_what_is_not_there_has_no_columns_of_its_own() -> None:
    row = _row(THINGS.insert([Thing("b", Colour.RED)], updated_at=None))
    assert (row["width"], row["depth"], row["made_on"]) == (None, None, None)


def test_an_update_by_versions_counts_its_rows() -> None:
    statement = THINGS.update([THING], {"a": "7"}, updated_at=None)
    assert statement.rows == 1
    assert _row(statement)["version"] == "7"
    assert "made_on" not in _row(statement)
    assert THINGS.update([THING], updated_at=None).rows is None


def test_a_row_becomes_the_object_that_it_was() -> None:
    assert THINGS.read(ROW, size=SIZE.read(ROW)) == THING
    assert THINGS.read(ROW | {"made_on": None}).made_on is None


def test_a_table_that_only_grows_has_no_update() -> None:
    grows = Table("sizes", Size, key="width")
    assert grows.update_sql is None
    with pytest.raises(TypeError, match="rows of sizes are never updated"):
        grows.update([Size(1)])


def _row(statement: Any) -> dict[str, Any]:
    [[row]] = statement.parameters
    return dict(row)


@pytest.mark.parametrize("kind", [timedelta, float, time, tuple[Size, ...], set[str], Size | None, int | str | None])
def test_a_type_that_no_column_is_known_for_is_refused_where_the_table_is_declared(kind: Any) -> None:
    odd = make_dataclass("odd", [("id", str), ("lasts", kind)])
    with pytest.raises(TypeError, match=r"field lasts: no column is known for .*add its type to _TYPES, or a Column"):
        Table("odd", odd)
    assert Table("odd", odd, Column("lasts", "interval")).columns["lasts"].type == "interval"


@pytest.mark.parametrize("kind", [dict[str, str], Mapping[str, Any] | None, list[dict[str, Any]], dict, list[str]])
def test_mappings_and_lists_are_json(kind: Any) -> None:
    assert Fields(make_dataclass("told", [("facts", kind)])).columns["facts"].type == "jsonb"
