"""What must hold in all five databases when the village is at rest."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.support.sagas.in_memory_cluster import Village

ENDED = {"REJECTED": "refused", "CANCELLED": "refused", "FAILED": "failed"}
KEEPS_ROOMS = {"CONFIRMED", "CHECKED_IN", "CHECKED_OUT", "COMPLETED"}

_LEDGER_DISAGREES = """
SELECT payment_id FROM ledger JOIN payments ON payments.id = payment_id
GROUP BY payment_id, payments.amount, payments.reserved, payments.captured
HAVING payments.amount <> sum(ledger.amount) FILTER (WHERE kind = 'arrived')
    OR payments.captured <> coalesce(sum(ledger.amount) FILTER (WHERE kind = 'captured'), 0)
       - coalesce(sum(ledger.amount) FILTER (WHERE kind = 'refunded' AND booking_id IS NOT NULL), 0)
    OR payments.reserved <> coalesce(sum(ledger.amount) FILTER (WHERE kind = 'reserved'), 0)
       - coalesce(sum(ledger.amount) FILTER (WHERE kind IN ('captured', 'released')), 0)"""


async def check_invariants(village: Village) -> None:
    """Nothing oversold or left held, money where bookings say, each guest told once, codes unique, nothing set aside.

    Of a booking that was confirmed, whatever became of it since: its rooms are its own as long as it keeps them, it has
    cost what payments says, and each of its moves is in the audit log.

    Raises:
        AssertionError: naming what does not hold.
    """
    bookings = {row["id"]: row for row in await village.ask("booking", "SELECT * FROM bookings")}
    unfinished = await village.ask("booking", "SELECT id, progress FROM sagas WHERE phase <> 'ended'")
    assert not unfinished, f"sagas that never ended: {unfinished}"
    await _check_rooms(village, bookings)
    await _check_money(village, bookings)
    await _check_told(village, bookings)
    await _check_audited(village, bookings)
    dead = [row.topic for row in village.log if row.topic.endswith(".dead")]
    assert not dead, f"set aside: {dead}"


async def _check_rooms(village: Village, bookings: dict[Any, Any]) -> None:
    holds = await village.ask("availability", "SELECT * FROM holds")
    nights = await village.ask("availability", "SELECT booking_id, room, night FROM room_nights")
    stays = await village.ask("booking", "SELECT booking_id, room, code FROM stays")
    assert len({(row["room"], row["night"]) for row in nights}) == len(nights), "a room is sold twice"
    assert len({row["code"] for row in stays}) == len(stays), "a reservation code is given twice"
    for hold in holds:
        booking = bookings[hold["booking_id"]]
        mine = {(row["room"], row["night"]) for row in nights if row["booking_id"] == hold["booking_id"]}
        if booking["status"] in KEEPS_ROOMS:
            codes = {row["room"]: row["code"] for row in stays if row["booking_id"] == hold["booking_id"]}
            wanted = {(room, night) for room in codes for night in _nights(booking)}
            assert hold["state"] == "booked", f"a confirmed booking's rooms are {hold['state']}"
            assert hold["change"] is None, "a change was left undecided"
            assert mine == wanted, f"{mine}, {wanted}"
            assert set(hold["rooms"]) == set(codes), f"{hold['rooms']}, {codes}"
            assert hold["codes"] == codes, f"{hold['codes']}, {codes}"
        else:
            assert (hold["state"], mine) == ("released", set()), f"left held: {mine}"
    keeping = {key for key, row in bookings.items() if row["status"] in KEEPS_ROOMS}
    assert keeping <= {hold["booking_id"] for hold in holds}, "confirmed without rooms"


def _nights(booking: Any) -> list[date]:
    days = (booking["check_out"] - booking["check_in"]).days
    return [booking["check_in"] + timedelta(days=n) for n in range(days)]


async def _check_money(village: Village, bookings: dict[Any, Any]) -> None:
    requests = await village.ask("payments", "SELECT * FROM payment_requests")
    payments = await village.ask("payments", "SELECT id, reserved, captured, codes FROM payments")
    prices = {row["booking_id"]: row for row in await village.ask("payments", "SELECT * FROM prices ORDER BY change")}
    codes: dict[Any, set[str]] = {}
    for row in await village.ask("booking", "SELECT booking_id, code FROM stays"):
        codes.setdefault(row["booking_id"], set()).add(row["code"])
    kept: dict[Any, Decimal] = {row["id"]: Decimal(0) for row in payments}
    for asked in requests:
        booking = bookings[asked["booking_id"]]
        if asked["booking_id"] not in codes:
            assert asked["status"] in {"released", "refused"}, f"money is {asked['status']} for {booking['status']}"
            continue
        assert asked["status"] == "captured", f"money is {asked['status']} for {booking['status']}"
        price = prices.get(asked["booking_id"])
        costs = (price["total"], price["fee"]) if price else (asked["amount"], Decimal(0))
        assert (booking["total"], booking["fee"] or Decimal(0)) == costs, "booking and payments name different prices"
        assert set(asked["codes"]) == codes[asked["booking_id"]]
        kept[asked["payment_id"]] += booking["paid"]
    for payment in payments:
        assert (payment["reserved"], payment["captured"]) == (0, kept[payment["id"]]), "money went astray"
    assert not await village.ask("payments", _LEDGER_DISAGREES), "balances and ledger tell different stories"
    served = {asked["booking_id"] for asked in requests if asked["status"] == "captured"}
    assert served == set(codes)


async def _check_told(village: Village, bookings: dict[Any, Any]) -> None:
    told: dict[Any, list[tuple[str, str]]] = {}
    for row in await village.ask("notifications", "SELECT * FROM deliveries WHERE audience = 'guest'"):
        if row["occasion"] in {"confirmed", "cancelled", *ENDED.values()}:
            told.setdefault(row["booking_id"], []).append((row["occasion"], row["channel"]))
    for key, booking in bookings.items():
        heard = told.get(key, [])
        assert len(set(heard)) == len(heard), f"told twice: {heard}"
        assert ("email" in {channel for _, channel in heard}) is True, f"never told: {booking['status']}"
        wanted = {"confirmed"} if booking["confirmation_number"] else {ENDED.get(booking["status"])}
        if booking["confirmation_number"] and booking["status"] == "CANCELLED":
            wanted |= {"cancelled"}
        assert {occasion for occasion, _ in heard} == wanted, f"{booking['status']}: {heard}"
        assert len(village.outcomes(key)) <= 1, "more than one outcome"


async def _check_audited(village: Village, bookings: dict[Any, Any]) -> None:
    """Each move from state to state once, one after the other, up to where the booking is."""
    lines = await village.ask("booking", "SELECT booking_id, changes FROM audit_log ORDER BY id")
    at: dict[Any, str | None] = {}
    for line in lines:
        for change in line["changes"]:
            if change["field"] == "status":
                assert change["old"] == at.get(line["booking_id"]), f"a move from nowhere: {change}"
                at[line["booking_id"]] = change["new"]
    assert at == {key: row["status"] for key, row in bookings.items()}, "the audit log ends elsewhere"
    assert not [row for row in bookings.values() if row["saga_id"]], "a change was left under way"
