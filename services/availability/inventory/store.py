"""Holds and their nights as rows: free rooms and holds are read, and a batch's changes written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from services.availability.hold import DateChange, Hold, State
from services.availability.stay import Stay
from services.availability.unit_of_work import FreeKey, UnitOfWork
from shared.contracts.availability import ChangeRooms
from shared.database.bulk import Column, Table
from shared.database.pool import Connection
from shared.database.statements import Statement

K = TypeVar("K")


class FreeAsked(NamedTuple):
    """Of which property and for which nights free rooms are read, and of which types by key (None: all)."""

    property_id: str
    stay: Stay
    types: frozenset[str] | None


class Night(NamedTuple):
    """A room and night of a booking; all writers insert them in sorted order."""

    property_id: str
    room: str
    night: date
    booking_id: UUID


def _change_out(change: DateChange | None) -> dict[str, Any] | None:
    if change is None:
        return None
    facts = {"check_in": change.stay.check_in, "check_out": change.stay.check_out}
    return {"number": change.number, "codes": change.codes, "answer": change.answer} | facts


def _change_in(kept: Mapping[str, Any] | None) -> DateChange | None:
    if kept is None:
        return None
    stay = Stay(date.fromisoformat(kept["check_in"]), date.fromisoformat(kept["check_out"]))
    return DateChange(kept["number"], stay, tuple((room, code) for room, code in kept["codes"]), kept["answer"])


HOLDS = Table(
    "holds",
    Hold,
    Column("check_in", "date", lambda hold: hold.stay.check_in),
    Column("check_out", "date", lambda hold: hold.stay.check_out),
    Column("wake_at", "timestamptz", lambda hold: hold.expires_at if hold.state is State.HELD else None),
    Column("codes", "jsonb", lambda hold: dict(hold.codes), lambda kept: tuple(kept.items())),
    Column("change", "jsonb", lambda hold: _change_out(hold.change), _change_in),
    Column("updated_at", "timestamptz"),
    key="booking_id",
    without=("stay",),
    fixed=("property_id", "answer"),
    version="xmin",
)
_TAKEN = "n.property_id = ask.property_id AND n.night >= ask.check_in AND n.night < ask.check_out"
# The free rooms of each stay. Its nights are beside each other in the primary key and are read once for all its rooms:
# NOT IN keeps them in a hash table. With NOT EXISTS or a join, the planner may read them again for each room.
FREE = f"""
SELECT ask.number AS ask, free.type_key, free.rooms
FROM jsonb_to_recordset($1) AS ask (
  number int, property_id text, check_in date, check_out date, types text[], booking_id uuid)
CROSS JOIN LATERAL (
  SELECT r.type_key, array_agg(r.number ORDER BY r.number) AS rooms FROM rooms r
  WHERE r.property_id = ask.property_id AND (ask.types IS NULL OR r.type_key = ANY(ask.types))
    AND (r.out_of_order_from IS NULL
         OR r.out_of_order_from >= ask.check_out OR r.out_of_order_until < ask.check_in)
    AND r.number NOT IN (
      SELECT n.room FROM room_nights n
      WHERE {_TAKEN})
  GROUP BY r.type_key) AS free"""  # noqa: S608 — our own words
# For a booking that changes its dates: rooms that only this booking occupies count as free.
_FREE_FOR = FREE.replace(_TAKEN, f"{_TAKEN} AND n.booking_id <> ask.booking_id")
HELD_PLACES = """
SELECT r.type_key, count(DISTINCT n.room) AS held FROM room_nights n
JOIN rooms r ON r.property_id = n.property_id AND r.number = n.room
JOIN room_types t ON t.property_id = r.property_id AND t.key = r.type_key AND t.is_place
JOIN holds h ON h.booking_id = n.booking_id AND h.state = 'held'
WHERE n.property_id = $1 AND n.night >= $2 AND n.night < $3 GROUP BY r.type_key"""
# xmin is PostgreSQL's version of a row: every change gives it another.
SEE_HOLDS = "SELECT *, xmin::text AS version FROM holds WHERE booking_id = ANY($1)"
LOCK_HOLDS = f"{SEE_HOLDS} ORDER BY booking_id FOR UPDATE"
_GIVE_NIGHTS = """
DELETE FROM room_nights USING jsonb_to_recordset($1) AS gone (booking_id uuid, room text, night date)
WHERE room_nights.booking_id = gone.booking_id AND room_nights.room = gone.room AND room_nights.night = gone.night"""
_FREE_NIGHTS = "DELETE FROM room_nights WHERE booking_id = ANY($1)"
# A room that was removed or put out of order since it was read is not found: fewer rows, so all is rolled back.
TAKE_NIGHTS = """
INSERT INTO room_nights (property_id, room, night, booking_id)
SELECT n.* FROM jsonb_to_recordset($1) AS n (property_id text, room text, night date, booking_id uuid)
JOIN rooms r ON r.property_id = n.property_id AND r.number = n.room
WHERE r.out_of_order_from IS NULL OR n.night < r.out_of_order_from OR n.night > r.out_of_order_until
ORDER BY n.property_id, n.room, n.night"""
_NO_HOLDS = "SELECT 1 FROM holds WHERE booking_id = ANY($1)"
_FREE_OTHERS = "DELETE FROM room_nights WHERE booking_id = $1 AND room <> ALL($2)"


def saved(uow: UnitOfWork, now: datetime) -> list[Statement]:
    """The statements that write what changed. Only nights of the changed holds are written or deleted."""
    changed = sorted((uow.holds[key] for key in uow.changed), key=lambda hold: hold.booking_id)
    released = [hold.booking_id for hold in changed if hold.state is State.FREED or _gave_back(hold)]
    statements = [Statement(_FREE_NIGHTS, (released,))] if released else []
    gained, given = _nights_changed(uow)
    if given:
        statements.append(Statement(_GIVE_NIGHTS, ([night._asdict() for night in given],)))
    if nights := sorted([*_nights(uow, changed), *gained]):
        statements.append(Statement(TAKE_NIGHTS, ([night._asdict() for night in nights],), rows=len(nights)))
    if refused := uow.assumed_new - uow.holds.keys():
        statements.append(Statement(_NO_HOLDS, (list(refused),), rows=0))
    if new := [hold for hold in changed if hold.booking_id not in uow.versions]:
        statements.append(HOLDS.insert(new, updated_at=now))
    if moved := [hold for hold in changed if hold.booking_id in uow.versions]:
        statements.append(HOLDS.update(moved, uow.versions, updated_at=now))
    rooms_replaced = [uow.holds[key] for key in uow.rooms_replaced]
    statements += [Statement(_FREE_OTHERS, (hold.booking_id, list(hold.rooms))) for hold in rooms_replaced]
    return statements


def _gave_back(hold: Hold) -> bool:
    return hold.state is State.RELEASED and bool(hold.rooms)


def _nights(uow: UnitOfWork, changed: Sequence[Hold]) -> list[Night]:
    """The nights that holds took in this batch."""
    return [
        Night(hold.property_id, room, night, hold.booking_id)
        for hold in changed
        if hold.state is not State.RELEASED and hold.booking_id not in uow.nights_changed
        for room in hold.rooms
        for night in hold.stay
        if uow.is_taken(hold.property_id, room, night)
    ]


def _nights_changed(uow: UnitOfWork) -> tuple[list[Night], list[Night]]:
    """The nights that changed holds gained, and those that they lost; a released hold's are deleted by `saved`."""
    gained: list[Night] = []
    given: list[Night] = []
    for key in sorted(uow.nights_changed):
        old, new = uow.loaded[key], uow.holds[key]
        gained += [Night(new.property_id, room, night, key) for room, night in new.nights - old.nights]
        if new.state is not State.RELEASED:
            given += [Night(new.property_id, room, night, key) for room, night in sorted(old.nights - new.nights)]
    return gained, given


def hold_in(row: Mapping[str, Any]) -> Hold:
    """The hold in a row."""
    return HOLDS.read(row, stay=Stay(row["check_in"], row["check_out"]))


async def free_rooms_of(connection: Connection, asks: Iterable[FreeAsked]) -> dict[FreeKey, dict[str, list[str]]]:
    """The free rooms by property and stay, then by type; a type without one is left out."""
    types: dict[FreeKey, set[str] | None] = {}
    for ask in asks:
        key, before = (ask.property_id, ask.stay), types.get((ask.property_id, ask.stay), set())
        types[key] = None if ask.types is None or before is None else before | ask.types
    keys = sorted(types)
    asked = [
        _asked(number, *key, types=None if types[key] is None else sorted(types[key] or ()))
        for number, key in enumerate(keys)
    ]
    return _by_type(keys, await connection.fetch(FREE, asked))


async def free_for_changes(
    connection: Connection, messages: Sequence[ChangeRooms]
) -> dict[tuple[UUID, Stay], dict[str, list[str]]]:
    """The rooms that each booking could have on its new nights: by booking and stay, then by type."""
    stays = [Stay(message.check_in, message.check_out) for message in messages]
    asked = [
        _asked(number, message.property_id, stay, booking_id=message.booking_id)
        for number, (message, stay) in enumerate(zip(messages, stays, strict=True))
    ]
    keys = [(message.booking_id, stay) for message, stay in zip(messages, stays, strict=True)]
    return _by_type(keys, await connection.fetch(_FREE_FOR, asked))


def _by_type(keys: Sequence[K], rows: Iterable[Mapping[str, Any]]) -> dict[K, dict[str, list[str]]]:
    free: dict[K, dict[str, list[str]]] = {}
    for row in rows:
        free.setdefault(keys[row["ask"]], {})[row["type_key"]] = row["rooms"]
    return free


def _asked(number: int, property_id: str, stay: Stay, **more: Any) -> dict[str, Any]:
    facts = {"number": number, "property_id": property_id, "check_in": stay.check_in, "check_out": stay.check_out}
    return facts | more
