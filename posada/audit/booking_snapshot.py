"""A snapshot of a booking: everything that the five databases and the topics hold of it, put side by side."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from services.booking.record.states import Status

Row = Mapping[str, Any]
NOTHING: Final = Decimal(0)

# What each part of a snapshot is read with, $1 to $2 being the ids of a slice of all bookings. This and the queries
# beside the invariants are all that the auditor knows of tables. No column here is personal.
QUERIES: Final[Mapping[str, Mapping[str, str]]] = {
    "booking": {
        "bookings": """
SELECT id AS booking_id, status, source, total, currency, number_of_rooms, check_in, check_out, created_at, updated_at,
       paid, revision, saga_id IS NOT NULL AS changing, folio_at IS NOT NULL AS told_of_money
FROM bookings WHERE id BETWEEN $1 AND $2""",
        # The saga of a booking's request has the booking's own id; one that changes the booking later has another.
        "sagas": """
SELECT id AS booking_id, phase, wake_at, started_at, updated_at, progress->>'phase' AS told_phase,
       progress->>'verdict' AS verdict, (progress->>'decided_at')::timestamptz AS decided_at,
       progress->'pending' AS pending, data->>'payment_id' AS payment_id,
       coalesce(data #>> '{request,contact,wa_id}', data #>> '{request,contact,subscriber_id}') IS NOT NULL AS has_chat
FROM sagas WHERE (data->>'booking_id')::uuid = id AND id BETWEEN $1 AND $2""",
        "stays": "SELECT booking_id, code, room, status, amount, line FROM stays WHERE booking_id BETWEEN $1 AND $2",
        "changes": """
SELECT booking_id, change->>'old' AS old, change->>'new' AS new
FROM audit_log CROSS JOIN LATERAL jsonb_array_elements(changes) AS change
WHERE booking_id BETWEEN $1 AND $2 AND change->>'field' = 'status' ORDER BY audit_log.id""",
        "stay_changes": """
SELECT booking_id, audit_log.id AS entry, left(change->>'field', -7) AS code, change->>'old' AS old,
       change->>'new' AS new
FROM audit_log CROSS JOIN LATERAL jsonb_array_elements(changes) AS change
WHERE booking_id BETWEEN $1 AND $2 AND change->>'field' LIKE '%.status' ORDER BY audit_log.id""",
    },
    "availability": {
        "holds": """
SELECT booking_id, property_id, state, rooms, codes, expires_at,
       property_id IN (SELECT property_id FROM outside_inventories) AS outside FROM holds
WHERE booking_id BETWEEN $1 AND $2""",
    },
    "payments": {
        "requests": """
SELECT booking_id, status, amount, currency, codes, payment_id, next_attempt_at
FROM payment_requests WHERE booking_id BETWEEN $1 AND $2""",
        "money": """
SELECT booking_id, coalesce(sum(amount) FILTER (WHERE kind = 'captured'), 0) AS captured,
       coalesce(sum(amount) FILTER (WHERE kind = 'refunded'), 0) AS refunded,
       coalesce(sum(amount) FILTER (WHERE kind = 'reserved'), 0)
       - coalesce(sum(amount) FILTER (WHERE kind IN ('captured', 'released')), 0) AS reserved
FROM ledger WHERE booking_id BETWEEN $1 AND $2 GROUP BY 1""",
    },
    "notifications": {
        "deliveries": """
SELECT booking_id, occasion, channel, array_agg(DISTINCT status) AS statuses, count(*) AS times,
       count(DISTINCT recipient) AS recipients
FROM deliveries WHERE audience = 'guest' AND booking_id BETWEEN $1 AND $2 GROUP BY 1, 2, 3""",
        # One for each occasion that no channel could tell the guest of; whatever else staff is told does not count.
        "alerts": """
SELECT booking_id, count(DISTINCT occasion) AS alerts FROM deliveries
WHERE audience = 'staff' AND occasion LIKE 'staff_alert:guest_not_notified:%' AND booking_id BETWEEN $1 AND $2
GROUP BY 1""",
    },
    "conversations": {
        "linked": "SELECT id AS booking_id FROM bookings WHERE id BETWEEN $1 AND $2",
    },
}
_ONE: Final = {
    "bookings": "booking",
    "sagas": "saga",
    "holds": "hold",
    "requests": "request",
    "money": "money",
    "alerts": "alert",
    "linked": "linked",
}
_GONE: Final = frozenset({"CANCELLED", "NO_SHOW"})


@dataclass(slots=True)
class BookingSnapshot:
    """One booking. What a service does not have is None, or an empty list."""

    id: UUID
    booking: Row | None = None
    saga: Row | None = None
    stays: list[Row] = field(default_factory=list)
    changes: list[Row] = field(default_factory=list)
    stay_changes: list[Row] = field(default_factory=list)
    hold: Row | None = None
    request: Row | None = None
    money: Row | None = None
    deliveries: list[Row] = field(default_factory=list)
    alert: Row | None = None
    linked: Row | None = None
    announced: tuple[str, ...] | None = None
    """The kinds of outcome on the topic, in its order; None where the topic was not read or may have forgotten."""

    @property
    def status(self) -> Status | None:
        """The booking's status; None where booking does not know it, or not this word."""
        return status_named(self.booking["status"]) if self.booking else None

    @property
    def unknown(self) -> bool:
        """Whether booking has nothing of it at all."""
        return self.booking is None and self.saga is None

    @property
    def settled(self) -> bool:
        """Whether its sagas have ended, so that every service has answered; what is still open is in flight."""
        changing = self.booking is not None and self.booking["changing"]
        return not changing and (self.saga is None or self.saga["phase"] == "ended")

    @property
    def verdict(self) -> str:
        """What its saga decided; open while nothing is."""
        return str(self.saga["verdict"]) if self.saga else "open"

    @property
    def decided_at(self) -> datetime | None:
        """When its saga decided."""
        return self.saga["decided_at"] if self.saga else None

    @property
    def codes(self) -> dict[str, str]:
        """The reservation code of each room that it still has."""
        return {stay["room"]: stay["code"] for stay in self.stays if stay["status"] not in _GONE}

    @property
    def held_as(self) -> str:
        """How availability holds its rooms: held, booked, released or none."""
        return str(self.hold["state"]) if self.hold else "none"

    @property
    def held_codes(self) -> dict[str, str]:
        """The reservation code of each room as availability has them."""
        found: dict[str, str] = json.loads(self.hold["codes"]) if self.hold else {}
        return found

    @property
    def paid_as(self) -> str:
        """How payments has its money: waiting, escalated, reserved, captured, released, refused or none."""
        return str(self.request["status"]) if self.request else "none"

    def amount(self, kind: str) -> Decimal:
        """What the ledger says of its money: captured, refunded, or still reserved."""
        return Decimal(self.money[kind]) if self.money else NOTHING

    @property
    def kept(self) -> Decimal:
        """What was taken for it and not given back."""
        return self.amount("captured") - self.amount("refunded")


def status_named(word: str) -> Status | None:
    """The status of that name, None where there is none."""
    return next((status for status in Status if status.value == word), None)


def booking_snapshots(parts: Mapping[str, Iterable[Row]]) -> list[BookingSnapshot]:
    """Put rows together by booking, whoever knows of it; `parts` are the rows by the names in QUERIES."""
    found: dict[UUID, BookingSnapshot] = {}
    for name, rows in parts.items():
        for row in rows:
            snapshot = found.get(row["booking_id"])
            if snapshot is None:
                snapshot = found[row["booking_id"]] = BookingSnapshot(row["booking_id"])
            if name in _ONE:
                setattr(snapshot, _ONE[name], row)
            else:
                getattr(snapshot, name).append(row)
    return [found[booking_id] for booking_id in sorted(found)]
