"""A small oracle that knows nothing of the auditor: what must hold of the five databases, whatever happened.

It reads plain rows, so that a mistake in our own queries or rules does not hide itself.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import asyncpg

from posada.cluster.cluster import LocalCluster
from shared.contracts.topics import SERVICES
from tests.support.sagas.in_memory_cluster import InMemoryCluster

Row = Any
Ask = Callable[[str, str], Awaitable[list[Row]]]

AT_REST_S: Final = 40.0
ZERO: Final = Decimal(0)
KEEPS_ROOMS: Final = {"CONFIRMED", "CHECKED_IN", "CHECKED_OUT", "COMPLETED"}
ENDED: Final = {"REJECTED": "refused", "CANCELLED": "refused", "FAILED": "failed"}
OUTCOMES: Final = {"confirmed", "refused", "failed"}

_TABLES: Final = {
    "bookings": ("booking", "SELECT * FROM bookings"),
    "stays": ("booking", "SELECT * FROM stays ORDER BY booking_id, line"),
    "open_sagas": ("booking", "SELECT id, phase FROM sagas WHERE phase <> 'ended'"),
    "moves": ("booking", "SELECT booking_id, changes FROM audit_log ORDER BY id"),
    "holds": ("availability", "SELECT * FROM holds"),
    "nights": ("availability", "SELECT * FROM room_nights"),
    "payments": ("payments", "SELECT * FROM payments"),
    "requests": ("payments", "SELECT * FROM payment_requests"),
    "prices": (
        "payments",
        "SELECT DISTINCT ON (booking_id) booking_id, total, sum(fee) OVER (PARTITION BY booking_id) AS fee"
        " FROM prices ORDER BY booking_id, change DESC",
    ),
    "ledger": ("payments", "SELECT payment_id, booking_id, kind, amount FROM ledger"),
    "deliveries": ("notifications", "SELECT * FROM deliveries"),
    "known": ("conversations", "SELECT id FROM bookings"),
}
# A timer may wait for its time; any other row of an outbox is on its way or was left behind.
_OUTBOX: Final = """
SELECT topic FROM outbox WHERE due_at < now() + interval '5 seconds' UNION ALL SELECT '' FROM outbox_batches"""


@dataclass(frozen=True)
class Tables:
    """The rows of the five databases."""

    bookings: list[Row]
    stays: list[Row]
    open_sagas: list[Row]
    moves: list[Row]
    holds: list[Row]
    nights: list[Row]
    payments: list[Row]
    requests: list[Row]
    prices: list[Row]
    ledger: list[Row]
    deliveries: list[Row]
    known: list[Row]

    def codes(self) -> dict[UUID, dict[str, str]]:
        """Reservation codes by booking and room, of the stays that have not ended by themselves."""
        found: dict[UUID, dict[str, str]] = {}
        for stay in self.stays:
            codes = found.setdefault(stay["booking_id"], {})
            if stay["status"] not in {"CANCELLED", "NO_SHOW"}:
                codes[stay["room"]] = stay["code"]
        return found

    def sums(self) -> dict[UUID, Counter[str]]:
        """The ledger's sums by payment and kind."""
        found: dict[UUID, Counter[str]] = {}
        for entry in self.ledger:
            kind = "returned" if entry["kind"] == "refunded" and entry["booking_id"] else entry["kind"]
            found.setdefault(entry["payment_id"], Counter())[kind] += entry["amount"]
        return found


async def read_tables(ask: Ask) -> Tables:
    """Read what is compared."""
    return Tables(**{name: await ask(service, sql) for name, (service, sql) in _TABLES.items()})


async def check_at_rest(cluster: InMemoryCluster) -> None:
    """The in-memory cluster is at rest: nothing under way, nothing set aside, every invariant holds.

    Raises:
        AssertionError: naming what does not hold.
    """
    tables = await read_tables(cluster.ask)
    wrong = [*problems(tables), *_captured_for_nobody(tables)]
    wrong += [f"more than one outcome: {one['id']}" for one in tables.bookings if len(cluster.outcomes(one["id"])) > 1]
    wrong += [f"set aside: {row.topic}" for row in cluster.log if row.topic.endswith(".dead")]
    assert wrong == []


async def until_at_rest(cluster: LocalCluster, timeout_s: float = AT_REST_S) -> None:
    """Wait until a running cluster is at rest and every invariant holds; fails with what does not."""
    deadline = time.monotonic() + timeout_s
    while wrong := await _wrong_in(cluster):
        assert time.monotonic() < deadline, f"{len(wrong)} problems after {timeout_s:g} s: " + "; ".join(wrong[:20])
        await asyncio.sleep(0.2)


async def _wrong_in(cluster: LocalCluster) -> list[str]:
    connections = {service: await asyncpg.connect(cluster.database_url(service)) for service in SERVICES}
    try:

        async def ask(service: str, sql: str) -> list[Row]:
            return list(await connections[service].fetch(sql))

        tables = await read_tables(ask)
        left = {service: len(await ask(service, _OUTBOX)) for service in SERVICES}
    finally:
        for connection in connections.values():
            await connection.close()
    waiting = [f"{number} rows are left in the outbox of {service}" for service, number in left.items() if number]
    return [*waiting, *problems(tables), *_delivered(tables)]


def problems(tables: Tables) -> Iterator[str]:
    """Each broken invariant in words."""
    yield from (f"saga {saga['id']} is {saga['phase']}" for saga in tables.open_sagas)
    yield from (f"booking {one['id']} has a change under way" for one in tables.bookings if one["saga_id"])
    yield from _rooms(tables)
    yield from _bookings_and_holds(tables)
    yield from _paid_for(tables)
    yield from _money(tables)
    yield from _notified(tables)
    yield from _moves(tables)


def _rooms(tables: Tables) -> Iterator[str]:
    """No room is sold twice for a night; the nights that are taken are those of holds that are not released."""
    taken = Counter((night["property_id"], night["room"], night["night"]) for night in tables.nights)
    yield from (f"room sold twice: {night}" for night, times in taken.items() if times > 1)
    nights: dict[UUID, set[tuple[str, date]]] = {}
    for night in tables.nights:
        nights.setdefault(night["booking_id"], set()).add((night["room"], night["night"]))
    for hold in tables.holds:
        found = nights.pop(hold["booking_id"], set())
        wanted = set() if hold["state"] == "released" else _nights_of(hold, hold["rooms"])
        if found != wanted:
            yield f"hold {hold['booking_id']} is {hold['state']} and has {len(found)} nights, not {len(wanted)}"
        if len(set(hold["rooms"])) != len(hold["rooms"]):
            yield f"hold {hold['booking_id']} has a room twice"
    yield from (f"nights without a hold: {booking}" for booking in nights)


def _nights_of(dates: Row, rooms: Iterable[str]) -> set[tuple[str, date]]:
    days = (dates["check_out"] - dates["check_in"]).days
    return {(room, dates["check_in"] + timedelta(days=day)) for room in rooms for day in range(days)}


def _bookings_and_holds(tables: Tables) -> Iterator[str]:
    """A booking keeps its rooms if and only if its hold is booked, on the same dates and under the same codes."""
    times_given = Counter(stay["code"] for stay in tables.stays)
    yield from (f"code {code} was given {times} times" for code, times in times_given.items() if times > 1)
    holds, stays = {hold["booking_id"]: hold for hold in tables.holds}, tables.codes()
    for booking in tables.bookings:
        hold, codes = holds.pop(booking["id"], None), stays.pop(booking["id"], {})
        state = hold["state"] if hold else "none"
        if booking["status"] not in KEEPS_ROOMS:
            if state not in {"none", "released"} or (codes and not booking["confirmation_number"]):
                yield f"booking {booking['id']} is {booking['status']}, and its hold is {state}"
        elif state != "booked" or not codes or _json(hold["codes"]) != codes or set(hold["rooms"]) != set(codes):
            yield f"booking {booking['id']} is {booking['status']}, and its hold is {state}"
        elif hold["change"] is not None:
            yield f"booking {booking['id']} has an undecided change of dates"
        elif (hold["check_in"], hold["check_out"]) != (booking["check_in"], booking["check_out"]):
            yield f"booking {booking['id']} has other dates than its hold"
    yield from (f"hold {key} without a booking" for key, hold in holds.items() if hold["state"] != "released")
    yield from (f"stays without a booking: {booking}" for booking in stays)


def _paid_for(tables: Tables) -> Iterator[str]:
    """A booking was confirmed if and only if its payment is captured: the whole price, with all codes."""
    prices = {price["booking_id"]: price for price in tables.prices}
    requests = {request["booking_id"]: request for request in tables.requests}
    codes: dict[UUID, set[str]] = {}
    for stay in tables.stays:
        codes.setdefault(stay["booking_id"], set()).add(stay["code"])
    for booking in tables.bookings:
        request, price = requests.get(booking["id"]), prices.get(booking["id"])
        status = request["status"] if request else "none"
        confirmed = booking["confirmation_number"] is not None
        if confirmed != (status == "captured"):
            yield f"booking {booking['id']} is {booking['status']}, and its payment is {status}"
        elif not confirmed and status not in {"none", "released", "refused"}:
            yield f"booking {booking['id']} is {booking['status']}, and its payment is still {status}"
        elif confirmed and request:
            costs = (price["total"], price["fee"]) if price else (request["amount"], ZERO)
            if (booking["total"], booking["fee"] or ZERO) != costs or set(request["codes"]) != codes[booking["id"]]:
                yield f"booking {booking['id']} costs {booking['total']}, and payments says {costs}"


def _captured_for_nobody(tables: Tables) -> Iterator[str]:
    known = {booking["id"] for booking in tables.bookings}
    for row in tables.requests:
        if row["status"] == "captured" and row["booking_id"] not in known:
            yield f"captured for no booking: {row['booking_id']}"


def _money(tables: Tables) -> Iterator[str]:
    """Balances agree with the ledger, nothing stays reserved, and bookings know what was kept of their money."""
    sums = tables.sums()
    for payment in tables.payments:
        entries = sums.get(payment["id"], Counter())
        captured = entries["captured"] - entries["returned"]
        reserved = entries["reserved"] - entries["captured"] - entries["released"]
        told = (payment["amount"], payment["reserved"], payment["captured"])
        if told != (entries["arrived"], reserved, captured) or payment["reserved"] or captured > payment["amount"]:
            yield f"payment {payment['transfer_id']}: {told} is not what its ledger says, or something is reserved"
    kept: Counter[UUID] = Counter()
    for entry in tables.ledger:
        if entry["booking_id"] and entry["kind"] in {"captured", "refunded"}:
            kept[entry["booking_id"]] += entry["amount"] if entry["kind"] == "captured" else -entry["amount"]
    for booking in tables.bookings:
        if booking["confirmation_number"] and kept[booking["id"]] != booking["paid"]:
            yield f"booking {booking['id']} records {booking['paid']} as paid, the ledger {kept[booking['id']]}"


def _notified(tables: Tables) -> Iterator[str]:
    """Each guest is told of the outcome once on each channel, of no other outcome, and the conversation knows it."""
    times_told = Counter(
        (row["booking_id"], row["occasion"], row["recipient"], row["channel"]) for row in tables.deliveries
    )
    yield from (f"told {times} times: {what}" for what, times in times_told.items() if times > 1)
    occasions, channels = _heard_by_guests(tables)
    known = {booking["id"] for booking in tables.known}
    for booking in tables.bookings:
        confirmed = booking["confirmation_number"] is not None
        wanted = {"confirmed" if confirmed else ENDED.get(booking["status"])}
        wanted |= {"cancelled"} if confirmed and booking["status"] == "CANCELLED" else set()
        if occasions.get(booking["id"], set()) != wanted or "email" not in channels.get(booking["id"], set()):
            yield f"booking {booking['id']} is {booking['status']}, and the guest heard {occasions.get(booking['id'])}"
        if confirmed != (booking["id"] in known):
            yield f"booking {booking['id']} is {booking['status']}, and conversations does not agree"


def _heard_by_guests(tables: Tables) -> tuple[dict[UUID, set[str]], dict[UUID, set[str]]]:
    occasions: dict[UUID, set[str]] = {}
    channels: dict[UUID, set[str]] = {}
    for row in tables.deliveries:
        if row["audience"] == "guest" and row["occasion"] in OUTCOMES | {"cancelled"}:
            occasions.setdefault(row["booking_id"], set()).add(row["occasion"])
            channels.setdefault(row["booking_id"], set()).add(row["channel"])
    return occasions, channels


def _delivered(tables: Tables) -> Iterator[str]:
    """Where messages are really sent: the outcome went out by e-mail, and by chat where the guest has a phone."""
    sent: dict[UUID, set[str]] = {}
    for row in tables.deliveries:
        if row["audience"] == "guest" and row["occasion"] in OUTCOMES and row["status"] in {"sent", "stored"}:
            sent.setdefault(row["booking_id"], set()).add(row["channel"])
    for booking in tables.bookings:
        ways = sent.get(booking["id"], set())
        if "email" not in ways or (booking["guest_phone"] is not None and ways == {"email"}):
            yield f"booking {booking['id']}: the outcome went out by {sorted(ways)}"


def _moves(tables: Tables) -> Iterator[str]:
    """The audit log has each change of status once, one after the other, up to the present one."""
    status: dict[UUID, str | None] = {}
    for line in tables.moves:
        for change in _json(line["changes"]):
            if change["field"] == "status":
                if change["old"] != status.get(line["booking_id"]):
                    yield f"booking {line['booking_id']}: the audit log has a change from {change['old']}"
                status[line["booking_id"]] = change["new"]
    for booking in tables.bookings:
        if status.get(booking["id"]) != booking["status"]:
            last = status.get(booking["id"])
            yield f"booking {booking['id']} is {booking['status']}, and its audit log ends with {last}"


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value
