"""Writes that wait for the end of a transaction and then cross to the database together, in one round trip."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import asyncpg

from shared.database.pool import Connection
from shared.errors import Conflict

_PARAMETER = re.compile(r"\$(\d+)")
# What the database says when another writer was first. A row that breaks a CHECK is a fault of ours: trying again with
# the current state makes the same row.
_RIVALS = (asyncpg.UniqueViolationError, asyncpg.ExclusionViolationError)


@dataclass(frozen=True, slots=True)
class Statement:
    """An INSERT, UPDATE, DELETE or SELECT with its parameters $1, $2 …

    Those sent together never touch each other's rows.
    `rows` is how many rows it has to find, where that shows whether another writer was first; None: any number. One
    that names it has no RETURNING of its own.
    """

    sql: str
    parameters: tuple[Any, ...]
    rows: int | None = None


class _Shape(NamedTuple):
    sql: str
    parameters: int
    counted: bool


async def execute_together(connection: Connection, statements: Sequence[Statement]) -> None:
    """Execute them all: as one statement with a common table expression for each, which see the same snapshot.

    Outside a transaction they are one of their own: all are written, or none.

    Raises:
        Conflict: when a constraint or a count of rows shows that another writer was first.
    """
    if not statements:
        return
    sql = _joined(tuple(_Shape(one.sql, len(one.parameters), one.rows is not None) for one in statements))
    parameters = chain.from_iterable(one.parameters for one in statements)
    counts = [one.rows for one in statements if one.rows is not None]
    try:
        await connection.execute(sql, *parameters, *counts)
    except asyncpg.DivisionByZeroError:
        raise Conflict("rows are not as they were read: another writer was first") from None
    except _RIVALS as rival:
        # From None: the database's own words quote the whole row, and would end up in the logs.
        raise Conflict(f"{rival.constraint_name}: another writer was first") from None


@lru_cache(maxsize=256)
def _joined(shapes: tuple[_Shape, ...]) -> str:
    """One statement of several; only our own constants come here, values stay parameters."""
    if len(shapes) == 1 and not shapes[0].counted:
        return shapes[0].sql
    parts, before = [], 0
    for number, shape in enumerate(shapes):
        parts.append(f"w{number} AS ({_moved(_countable(shape), before)})")
        before += shape.parameters
    counted = [number for number, shape in enumerate(shapes) if shape.counted]
    checks = [_check(number, place) for place, number in enumerate(counted, before + 1)]
    return f"WITH {', '.join(parts)} SELECT {', '.join(checks) or '1'}"


def _countable(shape: _Shape) -> str:
    return f"{shape.sql} RETURNING 1" if shape.counted and not shape.sql.lstrip().startswith("SELECT") else shape.sql


def _check(number: int, parameter: int) -> str:
    """Plain SQL can undo itself only by an error; this one nothing else of ours can raise."""
    return f"1 / ((SELECT count(*) FROM w{number}) = ${parameter}::bigint)::int"  # noqa: S608 — numbers only


def _moved(sql: str, by: int) -> str:
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + by}", sql)
