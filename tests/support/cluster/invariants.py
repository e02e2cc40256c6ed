"""What must hold of the five databases together, whatever happened: one list of problems, empty when all is whole."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import asyncpg

from posada.cluster.cluster import LocalCluster
from shared.contracts.topics import SERVICES

WHOLE_S: Final = 40.0
NOTHING: Final = Decimal(0)
KEEPS_ROOMS: Final = {"CONFIRMED", "CHECKED_IN", "CHECKED_OUT", "COMPLETED"}

_TABLES: Final = {
    ("booking", "bookings"): "SELECT * FROM bookings",
    ("booking", "stays"): "SELECT * FROM stays ORDER BY booking_id, line",
    ("booking", "sagas"): "SELECT id, phase, progress->>'verdict' AS verdict, data->'codes' AS codes FROM sagas",
    ("availability", "holds"): "SELECT * FROM holds",
    ("availability", "nights"): "SELECT * FROM room_nights",
    ("payments", "payments"): "SELECT * FROM payments",
    ("payments", "requests"): "SELECT * FROM payment_requests",
    ("payments", "prices"): "SELECT DISTINCT ON (booking_id) * FROM prices ORDER BY booking_id, change DESC",
    ("payments", "kept"): """SELECT payment_id, booking_id,
      sum(CASE kind WHEN 'captured' THEN amount WHEN 'refunded' THEN -amount ELSE 0 END) AS amount
      FROM ledger WHERE booking_id IS NOT NULL GROUP BY payment_id, booking_id""",
    ("notifications", "deliveries"): "SELECT * FROM deliveries",
    ("conversations", "known"): "SELECT id FROM bookings",
}
# With a mail server, and without one.
_LETTERS: Final = {"email sent", "email stored"}
# A timer may wait for its time; anything else in an outbox is on its way, or was left behind.
_OUTBOX: Final = "SELECT topic, headers, due_at FROM outbox WHERE due_at < now() + interval '5 seconds'"


@dataclass(frozen=True)
class Books:
    """Everything that the five services have written down."""

    bookings: list[asyncpg.Record]
    stays: list[asyncpg.Record]
    sagas: list[asyncpg.Record]
    holds: list[asyncpg.Record]
    nights: list[asyncpg.Record]
    payments: list[asyncpg.Record]
    requests: list[asyncpg.Record]
    prices: list[asyncpg.Record]
    kept: list[asyncpg.Record]
    deliveries: list[asyncpg.Record]
    known: list[asyncpg.Record]
    outboxes: dict[str, int]


async def read_books(cluster: LocalCluster) -> Books:
    """Read the five databases."""
    read: dict[str, Any] = {}
    outboxes: dict[str, int] = {}
    for service in SERVICES:
        connection = await asyncpg.connect(cluster.database_url(service))
        try:
            for (owner, name), sql in _TABLES.items():
                if owner == service:
                    read[name] = await connection.fetch(sql)
            outboxes[service] = len(await connection.fetch(_OUTBOX))
        finally:
            await connection.close()
    return Books(**read, outboxes=outboxes)


async def invariants(cluster: LocalCluster) -> list[str]:
    """Everything that is wrong with the cluster's books now; empty when it is at rest and whole."""
    return list(problems(await read_books(cluster)))


async def until_whole(cluster: LocalCluster, timeout_s: float = WHOLE_S) -> None:
    """Wait until the cluster is at rest with every invariant whole; fails with what is wrong."""
    deadline = time.monotonic() + timeout_s
    while wrong := await invariants(cluster):
        assert time.monotonic() < deadline, f"{len(wrong)} problems after {timeout_s:g} s: " + "; ".join(wrong[:20])
        await asyncio.sleep(0.2)


def problems(books: Books) -> Iterator[str]:
    """Each broken invariant in words."""
    yield from _at_rest(books)
    yield from _rooms(books)
    yield from _outcomes(books)
    yield from _paid_for(books)
    yield from _money(books)
    yield from _told(books)


def _at_rest(books: Books) -> Iterator[str]:
    for saga in books.sagas:
        if saga["phase"] != "ended":
            yield f"saga {saga['id']} is open: {saga['phase']}"
    for service, left in books.outboxes.items():
        if left:
            yield f"{left} rows are left in the outbox of {service}"


def _rooms(books: Books) -> Iterator[str]:
    """No room is sold twice, and each night that is taken belongs to a living hold and the other way round."""
    taken = Counter((night["property_id"], night["room"], night["night"]) for night in books.nights)
    yield from (f"room sold twice: {night}" for night, times in taken.items() if times > 1)
    by_booking: dict[UUID, set[tuple[str, Any]]] = {}
    for night in books.nights:
        by_booking.setdefault(night["booking_id"], set()).add((night["room"], night["night"]))
    for hold in books.holds:
        nights = by_booking.pop(hold["booking_id"], set())
        wanted = set() if hold["state"] == "released" else set(_nights_of(hold))
        if nights != wanted:
            yield f"hold {hold['booking_id']} is {hold['state']} and has {len(nights)} nights, not {len(wanted)}"
        if len(set(hold["rooms"])) != len(hold["rooms"]):
            yield f"hold {hold['booking_id']} has a room twice"
    yield from (f"nights without a hold: {booking}" for booking in by_booking)


def _nights_of(hold: asyncpg.Record) -> Iterator[tuple[str, Any]]:
    days = (hold["check_out"] - hold["check_in"]).days
    for room in hold["rooms"]:
        for day in range(days):
            yield room, hold["check_in"].fromordinal(hold["check_in"].toordinal() + day)


def _outcomes(books: Books) -> Iterator[str]:
    """Confirmed if and only if the rooms are booked, under the same codes."""
    holds = {hold["booking_id"]: hold for hold in books.holds}
    stays: dict[UUID, dict[str, str]] = {}
    for stay in books.stays:
        stays.setdefault(stay["booking_id"], {})[stay["room"]] = stay["code"]
    codes = Counter(stay["code"] for stay in books.stays)
    yield from (f"code {code} was given {times} times" for code, times in codes.items() if times > 1)
    for booking in books.bookings:
        hold, ours = holds.pop(booking["id"], None), stays.pop(booking["id"], {})
        state = hold["state"] if hold else "none"
        if booking["status"] in KEEPS_ROOMS:
            if hold and (hold["check_in"], hold["check_out"]) != (booking["check_in"], booking["check_out"]):
                yield f"booking {booking['id']} is on other dates than its hold"
            if state != "booked" or json.loads(hold["codes"] if hold else "{}") != ours or not ours:
                yield f"booking {booking['id']} is confirmed, and its hold is {state}"
        elif state not in {"none", "released"} or (ours and not booking["confirmation_number"]):
            yield f"booking {booking['id']} is {booking['status']}, and its hold is {state}"
    yield from (f"hold {key} is {hold['state']} without a booking" for key, hold in holds.items() if _keeps(hold))
    yield from (f"stays without a booking: {booking}" for booking in stays)


def _keeps(hold: asyncpg.Record) -> bool:
    return bool(hold["state"] != "released")


def _paid_for(books: Books) -> Iterator[str]:
    """Confirmed, whatever became of it, if and only if captured: the whole price of then, with all codes."""
    prices = {price["booking_id"]: price for price in books.prices}
    requests = {request["booking_id"]: request for request in books.requests}
    codes: dict[UUID, list[str]] = {}
    for stay in books.stays:
        codes.setdefault(stay["booking_id"], []).append(stay["code"])
    for booking in books.bookings:
        request = requests.get(booking["id"])
        status = request["status"] if request else "none"
        confirmed = booking["confirmation_number"] is not None
        price = prices.get(booking["id"])
        if price and (price["total"], price["fee"]) != (booking["total"], booking["fee"] or NOTHING):
            yield f"booking {booking['id']} costs {booking['total']}, and payments says {price['total']}"
        if confirmed != (status == "captured"):
            yield f"booking {booking['id']} is {booking['status']}, and its payment is {status}"
        elif confirmed and not price and request and _paid(request) != (booking["total"], codes.get(booking["id"], [])):
            yield f"booking {booking['id']} was paid with {_paid(request)}"


def _money(books: Books) -> Iterator[str]:
    """What is promised is what arrived, and nothing stays reserved."""
    captured: Counter[UUID] = Counter()
    for share in books.kept:
        captured[share["payment_id"]] += share["amount"]
    kept = {share["booking_id"]: share["amount"] for share in books.kept}
    for booking in books.bookings:
        if booking["confirmation_number"] and kept.get(booking["id"], NOTHING) != booking["paid"]:
            yield f"booking {booking['id']} thinks that {booking['paid']} was paid and kept"
    for payment in books.payments:
        if payment["reserved"] != NOTHING or payment["captured"] != captured.get(payment["id"], NOTHING):
            yield f"payment {payment['transfer_id']} has {payment['reserved']} reserved, {payment['captured']} captured"
        if payment["captured"] > payment["amount"]:
            yield f"payment {payment['transfer_id']} gave more than it had"


def _paid(request: asyncpg.Record) -> tuple[Decimal, list[str]]:
    return request["amount"], list(request["codes"])


def _told(books: Books) -> Iterator[str]:
    """Each guest is told the outcome once on each channel, of nothing else, and the conversation knows it."""
    told = Counter((d["booking_id"], d["occasion"], d["recipient"], d["channel"]) for d in books.deliveries)
    yield from (f"told {times} times: {what}" for what, times in told.items() if times > 1)
    outcomes: dict[UUID, dict[str, set[str]]] = {}
    for delivery in books.deliveries:
        if delivery["audience"] == "guest" and delivery["occasion"] in {"confirmed", "refused", "failed"}:
            by_channel = outcomes.setdefault(delivery["booking_id"], {})
            by_channel.setdefault(delivery["occasion"], set()).add(f"{delivery['channel']} {delivery['status']}")
    known = {booking["id"] for booking in books.known}
    for booking in books.bookings:
        ends = {"REJECTED": "refused", "CANCELLED": "refused", "FAILED": "failed"}
        occasion = "confirmed" if booking["confirmation_number"] else ends.get(booking["status"])
        heard = outcomes.get(booking["id"], {})
        if list(heard) != [occasion]:
            yield f"booking {booking['id']} is {booking['status']}, and the guest was told {sorted(heard)}"
        elif heard[occasion].isdisjoint(_LETTERS) or (_has_chat(booking) and not _chat(heard[occasion])):
            yield f"booking {booking['id']}: {occasion} went out as {sorted(heard[occasion])}"
        if (occasion == "confirmed") != (booking["id"] in known):
            yield f"booking {booking['id']} is {booking['status']}, and the conversation does not agree"


def _has_chat(booking: asyncpg.Record) -> bool:
    return booking["guest_phone"] is not None


def _chat(told: Iterable[str]) -> bool:
    return any(one.endswith(" stored") and not one.startswith("email") for one in told)
