"""DBOS: a workflow of synchronous steps, run in the threads of a WSGI server; two such processes share the work."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final
from uuid import UUID

import orjson
import psycopg
from dbos import DBOS, DBOSConfig, SetWorkflowID
from psycopg_pool import ConnectionPool

from benchmarks.rivals.engines import hotel
from benchmarks.rivals.engines.hotel import Refused, Wish, wish_of

THREADS: Final = 32
SYSTEM_VARIABLE: Final = "HOTEL_DBOS_SYSTEM_DATABASE_URL"
EXECUTOR_VARIABLE: Final = "HOTEL_DBOS_EXECUTOR"
_POOL: Final = 16


@cache
def _pool() -> ConnectionPool[psycopg.Connection[tuple[Any, ...]]]:
    return ConnectionPool(
        os.environ[hotel.DATABASE_VARIABLE],
        min_size=_POOL,
        max_size=_POOL,
        kwargs={"autocommit": True, "cursor_factory": psycopg.RawCursor},
        open=True,
    )


def _one(statement: str, *parameters: Any) -> Any:
    with _pool().connection() as connection:
        row = connection.execute(statement, parameters).fetchone()
    return row[0] if row else None


def _do(statement: str, *parameters: Any) -> None:
    with _pool().connection() as connection:
        connection.execute(statement, parameters)


def _again(error: BaseException) -> bool:
    return not isinstance(error, Refused)


_step = DBOS.step(retries_allowed=True, max_attempts=10, should_retry=_again)


@_step
def hold_rooms(wish: Wish) -> list[str]:
    """All rooms of the wish for all its nights; raises Refused when there are too few."""
    for _ in range(hotel.LOOKS):
        try:
            rooms = _one(hotel.HOLD, *hotel.for_hold(wish))
        except psycopg.errors.UniqueViolation:
            continue
        if rooms is None:
            rooms = _one(hotel.HELD, UUID(wish["booking_id"]))
        if rooms is not None:
            return list(rooms)
    raise Refused("there are not rooms enough")


@_step
def reserve_payment(wish: Wish) -> None:
    """The whole amount of the wish; raises Refused when so much has not been paid."""
    found = _one(hotel.RESERVE, *hotel.for_reserve(wish)) or _one(hotel.RESERVED, UUID(wish["booking_id"]))
    if found is None:
        raise Refused("the money was not found")


@_step
def confirm(wish: Wish, rooms: list[str]) -> list[str]:
    """Write the booking down; returns its reservation codes."""
    with _pool().connection() as connection:
        rows = connection.execute(hotel.CONFIRM, hotel.for_confirm(wish, rooms)).fetchall()
        rows = rows or connection.execute(hotel.CONFIRMED, (UUID(wish["booking_id"]),)).fetchall()
    return [code for (code,) in rows]


@_step
def book_rooms(booking_id: str, codes: list[str]) -> None:
    """What was held is booked."""
    _do(hotel.BOOK, UUID(booking_id), codes)


@_step
def capture_payment(booking_id: str, codes: list[str]) -> None:
    """What was reserved is taken."""
    _do(hotel.CAPTURE, UUID(booking_id), codes)


@_step
def release_rooms(booking_id: str) -> None:
    """What was held is free again; nothing where nothing was held."""
    _do(hotel.RELEASE_ROOMS, UUID(booking_id))


@_step
def release_payment(booking_id: str) -> None:
    """What was reserved is free again; nothing where nothing was reserved."""
    _do(hotel.RELEASE_PAYMENT, UUID(booking_id))


@DBOS.workflow()
def book(wish: Wish) -> dict[str, Any]:
    """The saga: all of it, or what was done is undone."""
    booking_id = wish["booking_id"]
    undo: list[Callable[[str], None]] = []
    try:
        undo.append(release_rooms)
        rooms = hold_rooms(wish)
        undo.append(release_payment)
        reserve_payment(wish)
    except Refused as refused:
        for release in reversed(undo):
            release(booking_id)
        return {"state": "refused", "why": str(refused)}
    codes = confirm(wish, rooms)
    book_rooms(booking_id, codes)
    capture_payment(booking_id, codes)
    return {"state": "confirmed", "codes": codes}


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The WSGI front end: POST a booking request, get its outcome."""
    body = environ["wsgi.input"].read()
    answer: Any = {"state": "ready"}
    if body:
        wish = wish_of(orjson.loads(body))
        with SetWorkflowID(wish["booking_id"]):
            answer = book(wish)
    start_response("200 OK", [("content-type", "application/json")])
    return [orjson.dumps(answer)]


def launch() -> None:
    """Start DBOS in this process."""
    config: DBOSConfig = {
        "name": "hotel",
        "system_database_url": os.environ[SYSTEM_VARIABLE],
        "sys_db_pool_size": THREADS,
        "executor_id": os.environ[EXECUTOR_VARIABLE],
        "log_level": "WARNING",
    }
    DBOS(config=config)
    DBOS.launch()


launch()
