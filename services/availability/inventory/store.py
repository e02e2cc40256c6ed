"""Holds and their nights as rows: how holds are read, and the statements that write a batch's changes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.availability.hold import Change, Hold, State
from services.availability.stay import Stay
from services.availability.unit_of_work import UnitOfWork
from shared.database.statements import Statement

# xmin is PostgreSQL's version of a row: every change gives it another.
HOLDS = "SELECT *, xmin::text AS version FROM holds WHERE booking_id = ANY($1)"
LOCK_HOLDS = f"{HOLDS} ORDER BY booking_id FOR UPDATE"
_GIVE_NIGHTS = """
DELETE FROM room_nights USING unnest($1::uuid[], $2::text[], $3::date[]) AS gone (booking_id, room, night)
WHERE room_nights.booking_id = gone.booking_id AND room_nights.room = gone.room AND room_nights.night = gone.night"""
_FREE_NIGHTS = "DELETE FROM room_nights WHERE booking_id = ANY($1)"
# A room that was removed or put out of order since it was read is not found: fewer rows, so that all is rolled back.
TAKE_NIGHTS = """
INSERT INTO room_nights (property_id, room, night, booking_id)
SELECT n.* FROM unnest($1::text[], $2::text[], $3::date[], $4::uuid[]) AS n (property_id, room, night, booking_id)
JOIN rooms r ON r.property_id = n.property_id AND r.number = n.room
WHERE r.out_of_order_from IS NULL OR n.night < r.out_of_order_from OR n.night > r.out_of_order_until
ORDER BY n.property_id, n.room, n.night"""
_NO_HOLDS = "SELECT 1 FROM holds WHERE booking_id = ANY($1)"
_ADD_HOLDS = """
INSERT INTO holds (booking_id, property_id, check_in, check_out, rooms, answer, state, expires_at, wake_at, codes,
                   updated_at)
SELECT booking_id, property_id, check_in, check_out, ARRAY(SELECT jsonb_array_elements_text(rooms)), answer,
       state, expires_at, wake_at, codes, $11
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::jsonb[], $6::text[], $7::date[],
            $8::date[], $9::jsonb[], $10::text[])
  AS h (booking_id, state, expires_at, wake_at, codes, property_id, check_in, check_out, rooms, answer)"""
_MOVE_HOLDS = """
UPDATE holds SET state = h.state, expires_at = h.expires_at, wake_at = h.wake_at, codes = h.codes,
  rooms = ARRAY(SELECT jsonb_array_elements_text(h.rooms)), check_in = h.check_in, check_out = h.check_out,
  changes = h.changes, change = h.change, holding = h.holding, updated_at = $13
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::jsonb[], $6::text[], $7::jsonb[],
            $8::date[], $9::date[], $10::int[], $11::jsonb[], $12::int[])
  AS h (booking_id, state, expires_at, wake_at, codes, version, rooms, check_in, check_out, changes, change, holding)
WHERE holds.booking_id = h.booking_id AND holds.xmin::text = h.version"""
_FREE_OTHERS = "DELETE FROM room_nights WHERE booking_id = $1 AND room <> ALL($2)"


def saved(uow: UnitOfWork, now: datetime) -> list[Statement]:
    """The statements that write what changed. Only nights of the changed holds are written or deleted."""
    changed = sorted((uow.holds[key] for key in uow.changed), key=lambda hold: hold.booking_id)
    released = [hold.booking_id for hold in changed if hold.state is State.FREED or _gave_back(hold)]
    new = [hold for hold in changed if hold.booking_id not in uow.versions]
    moved = [hold for hold in changed if hold.booking_id in uow.versions]
    statements = [Statement(_FREE_NIGHTS, (released,))] if released else []
    gained, given = _nights_changed(uow)
    if given:
        statements.append(Statement(_GIVE_NIGHTS, tuple(list(column) for column in zip(*given, strict=True))))
    if nights := sorted([*_nights(uow, changed), *gained]):
        columns = tuple(list(column) for column in zip(*nights, strict=True))
        statements.append(Statement(TAKE_NIGHTS, columns, rows=len(nights)))
    if refused := uow.assumed_new - uow.holds.keys():
        statements.append(Statement(_NO_HOLDS, (list(refused),), rows=0))
    if new:
        statements.append(Statement(_ADD_HOLDS, (*_state_columns(new), *_fact_columns(new), now)))
    if moved:
        versions = [uow.versions[hold.booking_id] for hold in moved]
        rooms = [json.dumps(hold.rooms) for hold in moved]
        holdings = [hold.holding for hold in moved]
        facts = (*_state_columns(moved), versions, rooms, *_date_columns(moved), holdings, now)
        statements.append(Statement(_MOVE_HOLDS, facts, rows=len(moved)))
    rooms_replaced = [uow.holds[key] for key in uow.rooms_replaced]
    statements += [Statement(_FREE_OTHERS, (hold.booking_id, list(hold.rooms))) for hold in rooms_replaced]
    return statements


def _gave_back(hold: Hold) -> bool:
    return hold.state is State.RELEASED and bool(hold.rooms)


def _nights(uow: UnitOfWork, changed: Sequence[Hold]) -> list[tuple[str, str, date, UUID]]:
    """The nights that holds took in this batch, in the order in which all writers insert them."""
    return sorted(
        (hold.property_id, room, night, hold.booking_id)
        for hold in changed
        if hold.state is not State.RELEASED and hold.booking_id not in uow.nights_changed
        for room in hold.rooms
        for night in hold.stay
        if (hold.property_id, room, night) in uow.taken
    )


def _nights_changed(uow: UnitOfWork) -> tuple[list[tuple[str, str, date, UUID]], list[tuple[UUID, str, date]]]:
    """The nights that changed holds gained, and those that they lost; a released hold's are deleted by `saved`."""
    gained: list[tuple[str, str, date, UUID]] = []
    given: list[tuple[UUID, str, date]] = []
    for key in sorted(uow.nights_changed):
        old, new = uow.loaded[key], uow.holds[key]
        gained += [(new.property_id, room, night, key) for room, night in new.nights - old.nights]
        if new.state is not State.RELEASED:
            given += [(key, room, night) for room, night in sorted(old.nights - new.nights)]
    return gained, given


def _date_columns(holds: Sequence[Hold]) -> tuple[list[Any], ...]:
    return (
        [hold.stay.check_in for hold in holds],
        [hold.stay.check_out for hold in holds],
        [hold.changes for hold in holds],
        [_packed(hold.change) for hold in holds],
    )


def _packed(change: Change | None) -> str | None:
    if change is None:
        return None
    facts = {"check_in": change.stay.check_in.isoformat(), "check_out": change.stay.check_out.isoformat()}
    return json.dumps({"number": change.number, "codes": change.codes, "answer": change.answer} | facts)


def _unpacked(text: str | None) -> Change | None:
    if text is None:
        return None
    given = json.loads(text)
    stay = Stay(date.fromisoformat(given["check_in"]), date.fromisoformat(given["check_out"]))
    codes = tuple((room, code) for room, code in given["codes"])
    return Change(given["number"], stay, codes, given["answer"])


def _state_columns(holds: Sequence[Hold]) -> tuple[list[Any], ...]:
    return (
        [hold.booking_id for hold in holds],
        [hold.state.value for hold in holds],
        [hold.expires_at for hold in holds],
        [hold.expires_at if hold.state is State.HELD else None for hold in holds],
        [json.dumps(dict(hold.codes)) for hold in holds],
    )


def _fact_columns(holds: Sequence[Hold]) -> tuple[list[Any], ...]:
    return (
        [hold.property_id for hold in holds],
        [hold.stay.check_in for hold in holds],
        [hold.stay.check_out for hold in holds],
        [json.dumps(hold.rooms) for hold in holds],
        [hold.answer for hold in holds],
    )


def hold_in(row: asyncpg.Record) -> Hold:
    """The hold in a row."""
    return Hold(
        booking_id=row["booking_id"],
        property_id=row["property_id"],
        state=State(row["state"]),
        stay=Stay(row["check_in"], row["check_out"]),
        rooms=tuple(row["rooms"]),
        expires_at=row["expires_at"],
        answer=row["answer"],
        codes=tuple(json.loads(row["codes"]).items()),
        changes=row["changes"],
        change=_unpacked(row["change"]),
        holding=row["holding"],
    )
