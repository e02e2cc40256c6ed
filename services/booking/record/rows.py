"""Bookings, stays and the audit log as rows of their tables: the fields of their classes are the columns."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from services.booking.record.audit_log import Entry
from services.booking.record.booking import Booking, BookingRow, Stay
from services.booking.record.cancellation_fee import NOTHING, CancellationTerms
from shared.database.bulk import UPSERT, Column, Fields, Table


def terms_in(stored: Mapping[str, Any] | None) -> CancellationTerms | None:
    """The cancellation policy in a column."""
    if stored is None:
        return None
    facts: dict[str, Any] = {name: stored.get(name) for name in ("name", "free_hours", "first_night")}
    return CancellationTerms(**facts, percentage=Decimal(str(stored.get("percentage") or 0)))


_TERMS: Final = Column("terms", "jsonb", read=terms_in)

BOOKINGS: Final = Table(
    "bookings",
    BookingRow,
    _TERMS,
    Column("updated_at", "timestamptz"),
    fixed=("request_id", "property_id", "source", "guest_name", "guest_email", "guest_phone", "package", "created_at"),
    version="xmin",
    on_conflict=UPSERT,
)
CONFIRMED: Final = Fields(Booking, _TERMS, without=("stays",))
STAYS: Final = Table(
    "stays",
    Stay,
    key="code",
    fixed=("booking_id", "line", "adults", "children_0_to_5", "children_6_to_10", "extra_beds"),
)
AUDIT_LOG: Final = Table("audit_log", Entry)


def balance_of(row: Mapping[str, Any]) -> Decimal | None:
    """What is owed for the booking in a row, below zero what was paid too much; None while it has no price."""
    if row["total"] is None:
        return None
    balance: Decimal = row["total"] + row["charges"] + (row["fee"] or NOTHING) - (row["paid"] or NOTHING)
    return balance
