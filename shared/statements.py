"""Writes that wait for the end of a transaction and then cross to the database together, in one round trip."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from shared.database import Connection

_PARAMETER = re.compile(r"\$(\d+)")


@dataclass(frozen=True, slots=True)
class Statement:
    """An INSERT, UPDATE or DELETE with its parameters $1, $2 …; those sent together never touch each other's rows."""

    sql: str
    parameters: tuple[Any, ...]


async def execute_together(connection: Connection, statements: Sequence[Statement]) -> None:
    """Execute them all: as one statement with a common table expression for each, which see the same snapshot."""
    if not statements:
        return
    sql = _joined(tuple((one.sql, len(one.parameters)) for one in statements))
    await connection.execute(sql, *chain.from_iterable(one.parameters for one in statements))


@lru_cache(maxsize=256)
def _joined(statements: tuple[tuple[str, int], ...]) -> str:
    """One statement of several; only our own constants come here, values stay parameters."""
    if len(statements) == 1:
        return statements[0][0]
    parts, before = [], 0
    for number, (sql, parameters) in enumerate(statements):
        parts.append(f"w{number} AS ({_moved(sql, before)})")
        before += parameters
    return f"WITH {', '.join(parts)} SELECT 1"


def _moved(sql: str, by: int) -> str:
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + by}", sql)
