"""The queries of lists and searches, without locks."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson

from services.booking.record import Status
from shared.database.pool import Connection
from shared.errors import Refusal

Row = Mapping[str, Any]


class Sort(StrEnum):
    """In which order bookings are listed; ids break ties."""

    CHECK_IN = "check_in"
    CHECK_IN_LAST_FIRST = "-check_in"
    CREATED = "created_at"
    CREATED_LAST_FIRST = "-created_at"

    @property
    def column(self) -> str:
        """What is compared."""
        return self.value.removeprefix("-")

    @property
    def falls(self) -> bool:
        """Whether the largest comes first."""
        return self.value.startswith("-")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which bookings: None and an empty list mean any. Check-in and check-out have bounds, their ends included.

    `text` is a reservation code, or a part of the guest's name or e-mail, whatever its case.
    """

    property_id: str | None = None
    statuses: Sequence[Status] = ()
    source: str | None = None
    arrives_from: date | None = None
    arrives_until: date | None = None
    leaves_from: date | None = None
    leaves_until: date | None = None
    text: str | None = None


_LIST = """
SELECT b.id, b.request_id, b.property_id, b.status, b.source, b.guest_name, b.guest_email, b.guest_phone, b.check_in,
       b.check_out, b.package, b.number_of_rooms, b.total, b.currency, b.paid, b.charges, b.fee, b.refund,
       b.confirmation_number, b.created_at,
       ARRAY(SELECT code FROM stays WHERE stays.booking_id = b.id ORDER BY line) AS codes
FROM bookings b
WHERE ($1::text IS NULL OR b.property_id = $1) AND ($2::text[] IS NULL OR b.status = ANY($2))
  AND ($3::text IS NULL OR b.source = $3)
  AND ($4::date IS NULL OR b.check_in >= $4) AND ($5::date IS NULL OR b.check_in <= $5)
  AND ($6::date IS NULL OR b.check_out >= $6) AND ($7::date IS NULL OR b.check_out <= $7)
  AND ($8::text IS NULL OR b.guest_name ILIKE $8 OR b.guest_email ILIKE $8
       OR b.id IN (SELECT booking_id FROM stays WHERE code = upper($9)))"""


async def bookings(connection: Connection, wanted: Wanted, sort: Sort, cursor: str | None, limit: int) -> list[Row]:
    """A page of bookings behind a cursor.

    Raises:
        Refusal: invalid_request, when the cursor is none of this order.
    """
    after = _read(cursor, sort)
    sign = "<" if sort.falls else ">"
    order = "DESC" if sort.falls else "ASC"
    kind = "date" if sort.column == "check_in" else "timestamptz"
    # Of our own words alone; what is asked for stays a parameter.
    behind = f" AND ($10::{kind} IS NULL OR (b.{sort.column}, b.id) {sign} ($10::{kind}, $11::uuid))"
    ordered = f" ORDER BY b.{sort.column} {order}, b.id {order} LIMIT $12"
    given = (
        wanted.property_id,
        [status.value for status in wanted.statuses] or None,
        wanted.source,
        wanted.arrives_from,
        wanted.arrives_until,
        wanted.leaves_from,
        wanted.leaves_until,
        _part(wanted.text),
        wanted.text.strip() if wanted.text else None,
    )
    return list(await connection.fetch(_LIST + behind + ordered, *given, *after, limit))


def cursor_of(row: Row, sort: Sort) -> str:
    """Where the page ends that ends with this row."""
    return urlsafe_b64encode(orjson.dumps([sort.value, row[sort.column], str(row["id"])])).decode().rstrip("=")


def _part(text: str | None) -> str | None:
    """Somewhere in a text; what LIKE would read as a sign stands for itself."""
    if text is None or not text.strip():
        return None
    plain = text.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{plain}%"


def _read(cursor: str | None, sort: Sort) -> tuple[date | datetime | None, UUID | None]:
    if cursor is None:
        return None, None
    try:
        order, value, booking_id = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        read = {sort.value: date.fromisoformat if sort.column == "check_in" else datetime.fromisoformat}[order]
        return read(value), UUID(booking_id)
    except (LookupError, TypeError, ValueError):
        text = "cursor: it is no cursor of this order; take `next` of the last page, or leave it out"
        raise Refusal("invalid_request", text, field="cursor") from None
