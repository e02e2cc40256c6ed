"""Rooms: none sold twice, none beyond what there is, none kept for nobody."""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from posada.audit.booking_snapshot import BookingSnapshot
from posada.audit.invariant import REPAIR, STATUS, AuditTime, Row, Wrong, of_booking, of_database
from services.booking.record.states import Status

HAVE_ROOMS = {Status.CONFIRMED, Status.CHECKED_IN}
HAVE_NONE = {Status.REJECTED, Status.FAILED, Status.CANCELLED, Status.NO_SHOW}

# A hold's own nights, and those that it has beside them while its booking changes to other dates.
_CLAIMS = """
    SELECT property_id, booking_id, room, night::date
    FROM holds, unnest(rooms) AS room, generate_series(check_in, check_out - 1, interval '1 day') AS night
    WHERE state <> 'released'
    UNION
    SELECT property_id, booking_id, line ->> 0, night::date
    FROM holds, jsonb_array_elements(change -> 'codes') AS line,
         generate_series((change ->> 'check_in')::date, (change ->> 'check_out')::date - 1, interval '1 day') AS night
    WHERE state <> 'released'"""
# What holds claim counts as well as what is written for each night: a room is sold by either.
_SOLD_TWICE = f"""
SELECT property_id, room, night, array_agg(DISTINCT booking_id) AS bookings FROM (
    SELECT property_id, room, night, booking_id FROM room_nights
    UNION ALL
    SELECT property_id, room, night, booking_id FROM ({_CLAIMS}) AS claims) AS claimed
GROUP BY property_id, room, night HAVING count(DISTINCT booking_id) > 1 ORDER BY property_id, night, room"""  # noqa: S608 — ours alone
_BEYOND_CAPACITY = """
WITH taken AS (
    SELECT nights.property_id, type_key, night, count(*) AS sold
    FROM room_nights AS nights LEFT JOIN rooms ON rooms.property_id = nights.property_id AND number = room
    GROUP BY 1, 2, 3)
SELECT taken.*, capacity, coalesce(timezone, 'UTC') AS timezone
FROM taken LEFT JOIN properties ON properties.id = property_id
CROSS JOIN LATERAL (
    SELECT count(*) AS capacity FROM rooms AS there
    WHERE there.property_id = taken.property_id AND there.type_key = taken.type_key
      AND (out_of_order_from IS NULL OR night < out_of_order_from OR night > out_of_order_until)) AS there
WHERE sold > capacity ORDER BY 1, 3, 2"""
_NOT_AS_HELD = f"""
SELECT coalesce(holds.booking_id, nights.booking_id) AS booking_id, coalesce(state, 'unknown') AS state,
       coalesce(nights.taken, '{{}}') AS taken, coalesce(claimed.wanted, '{{}}') AS wanted
FROM holds
LEFT JOIN (
    SELECT booking_id, array_agg(room || ' ' || night ORDER BY room, night) AS wanted
    FROM ({_CLAIMS}) AS claims GROUP BY booking_id) AS claimed ON claimed.booking_id = holds.booking_id
FULL JOIN (
    SELECT booking_id, array_agg(room || ' ' || night ORDER BY room, night) AS taken
    FROM room_nights GROUP BY booking_id) AS nights ON nights.booking_id = holds.booking_id
WHERE coalesce(nights.taken, '{{}}') <> coalesce(claimed.wanted, '{{}}') ORDER BY 1"""  # noqa: S608 — ours alone


@of_database(
    "room-sold-once",
    "No room is sold twice for a night",
    service="availability",
    query=_SOLD_TWICE,
)
def sold_once(row: Row, _: AuditTime) -> tuple[object, str]:
    """Two bookings have the same room for the same night."""
    first, *others = row["bookings"]
    rivals = ", ".join(map(str, others))
    return first, f"room {row['room']} of {row['property_id']} on {row['night']} is also sold to {rivals}"


@of_database(
    "within-capacity",
    "Held and booked rooms never exceed what there is of a type",
    service="availability",
    query=_BEYOND_CAPACITY,
    remedy="posada rooms export",
)
def within_capacity(row: Row, when: AuditTime) -> tuple[object, str] | None:
    """More rooms of a type are taken than there are and are in order."""
    # What there was on a night that has passed is not known any more: rooms may have been removed since.
    if row["night"] < when.now.astimezone(ZoneInfo(row["timezone"])).date():
        return None
    kind = row["type_key"] or "no known type"
    return f"{row['property_id']} {kind} {row['night']}", f"{row['sold']} rooms are taken, there are {row['capacity']}"


@of_database(
    "nights-as-held",
    "The nights taken are those of living holds, and each hold has its own",
    service="availability",
    query=_NOT_AS_HELD,
)
def nights_as_held(row: Row, _: AuditTime) -> tuple[object, str]:
    """A hold has not the nights that it says, or nights have no hold."""
    missing = sorted(set(row["wanted"]) - set(row["taken"]))
    beyond = sorted(set(row["taken"]) - set(row["wanted"]))
    parts = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"takes {', '.join(beyond)}"] * bool(beyond)
    return row["booking_id"], f"its hold is {row['state']} and {' and '.join(parts) or 'takes a night twice'}"


@of_booking("confirmed-has-rooms", "A confirmed booking has all its rooms booked, under its codes")
def confirmed_has_rooms(snapshot: BookingSnapshot, _: AuditTime) -> Iterable[str]:
    """Confirmed, and availability has not its rooms booked under the same codes."""
    if snapshot.booking is None or snapshot.status not in HAVE_ROOMS or not snapshot.settled:
        return
    if snapshot.held_as != "booked":
        yield f"it is {snapshot.status} and its rooms are {snapshot.held_as}"
    elif snapshot.held_codes != snapshot.codes:
        yield f"it has rooms {_told(snapshot.codes)}, and availability booked {_told(snapshot.held_codes)}"
    if len(snapshot.stays) != snapshot.booking["number_of_rooms"]:
        yield f"it is for {snapshot.booking['number_of_rooms']} rooms and has {len(snapshot.stays)}"


@of_booking("ended-has-no-rooms", "A booking that came to nothing has neither rooms nor codes", REPAIR)
def ended_has_no_rooms(snapshot: BookingSnapshot, _: AuditTime) -> Iterable[str | Wrong]:
    """Refused, failed, cancelled or not shown up, and rooms or codes are left."""
    if snapshot.status not in HAVE_NONE or not snapshot.settled:
        return
    if snapshot.held_as not in {"none", "released"}:
        yield f"it is {snapshot.status} and its rooms are {snapshot.held_as}"
    if snapshot.codes:
        codes = ", ".join(sorted(snapshot.codes.values()))
        yield Wrong(f"it is {snapshot.status} and has the codes {codes}", STATUS)


@of_booking("rooms-have-an-owner", "No room is held without a booking that lives")
def rooms_have_an_owner(snapshot: BookingSnapshot, when: AuditTime) -> Iterable[str | Wrong]:
    """Rooms are held for a booking that nobody knows, that has ended, or for longer than they were to be."""
    if snapshot.held_as in {"none", "released"} or snapshot.hold is None:
        return
    if snapshot.booking is None:
        what = f"{len(snapshot.hold['rooms'])} rooms are {snapshot.held_as} for it, and booking does not know it"
        yield Wrong(what, REPAIR if snapshot.unknown else STATUS)
    elif snapshot.held_as == "held" and snapshot.settled and snapshot.status not in HAVE_NONE | HAVE_ROOMS:
        yield f"{len(snapshot.hold['rooms'])} rooms are held for it, and its saga has ended"
    elif snapshot.held_as == "held" and snapshot.hold["expires_at"] + when.patience < when.now:
        yield f"its rooms are held although that ended at {snapshot.hold['expires_at']:%Y-%m-%d %H:%M:%S}"


def _told(codes: dict[str, str]) -> str:
    return ", ".join(f"{room} ({code})" for room, code in sorted(codes.items())) or "none"
