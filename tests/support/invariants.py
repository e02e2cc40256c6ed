"""What must hold in all five databases when the village is at rest."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.support.village import Village

ENDED = {"CONFIRMED": "confirmed", "REJECTED": "refused", "FAILED": "failed"}

_LEDGER_DISAGREES = """
SELECT payment_id FROM ledger JOIN payments ON payments.id = payment_id
GROUP BY payment_id, payments.amount, payments.reserved, payments.captured
HAVING payments.amount <> sum(ledger.amount) FILTER (WHERE kind = 'arrived')
    OR payments.captured <> coalesce(sum(ledger.amount) FILTER (WHERE kind = 'captured'), 0)
    OR payments.reserved <> coalesce(sum(ledger.amount) FILTER (WHERE kind = 'reserved'), 0)
       - coalesce(sum(ledger.amount) FILTER (WHERE kind IN ('captured', 'released')), 0)"""


async def check_invariants(village: Village) -> None:
    """Nothing oversold or left held, money where bookings say, each guest told once, codes unique, nothing set aside.

    Raises:
        AssertionError: naming what does not hold.
    """
    bookings = {row["id"]: row for row in await village.ask("booking", "SELECT * FROM bookings")}
    unfinished = await village.ask("booking", "SELECT id, progress FROM sagas WHERE phase <> 'ended'")
    assert not unfinished, f"sagas that never ended: {unfinished}"
    await _check_rooms(village, bookings)
    await _check_money(village, bookings)
    await _check_told(village, bookings)
    dead = [row.topic for row in village.log if row.topic.endswith(".dead")]
    assert not dead, f"set aside: {dead}"


async def _check_rooms(village: Village, bookings: dict[Any, Any]) -> None:
    holds = await village.ask("availability", "SELECT * FROM holds")
    nights = await village.ask("availability", "SELECT booking_id, room, night FROM room_nights")
    stays = await village.ask("booking", "SELECT booking_id, room, code FROM stays")
    assert len({(row["room"], row["night"]) for row in nights}) == len(nights), "a room is sold twice"
    assert len({row["code"] for row in stays}) == len(stays), "a reservation code is given twice"
    for hold in holds:
        mine = {row["room"] for row in nights if row["booking_id"] == hold["booking_id"]}
        if bookings[hold["booking_id"]]["status"] == "CONFIRMED":
            rooms = {row["room"] for row in stays if row["booking_id"] == hold["booking_id"]}
            assert hold["state"] == "booked", f"a confirmed booking's rooms are {hold['state']}"
            assert mine == set(hold["rooms"]) == rooms, f"{mine}, {hold['rooms']}, {rooms}"
        else:
            assert (hold["state"], mine) == ("released", set()), f"left held: {mine}"
    confirmed = {key for key, row in bookings.items() if row["status"] == "CONFIRMED"}
    assert confirmed <= {hold["booking_id"] for hold in holds}, "confirmed without rooms"


async def _check_money(village: Village, bookings: dict[Any, Any]) -> None:
    requests = await village.ask("payments", "SELECT * FROM payment_requests")
    payments = await village.ask("payments", "SELECT id, reserved, captured, codes FROM payments")
    codes: dict[Any, set[str]] = {}
    for row in await village.ask("booking", "SELECT booking_id, code FROM stays"):
        codes.setdefault(row["booking_id"], set()).add(row["code"])
    captured: dict[Any, Decimal] = {row["id"]: Decimal(0) for row in payments}
    for asked in requests:
        booking = bookings[asked["booking_id"]]
        if booking["status"] != "CONFIRMED":
            assert asked["status"] in {"released", "refused"}, f"money is {asked['status']} for {booking['status']}"
            continue
        assert (asked["status"], asked["amount"]) == ("captured", booking["total"])
        assert set(asked["codes"]) == codes[asked["booking_id"]]
        captured[asked["payment_id"]] += asked["amount"]
    for payment in payments:
        assert (payment["reserved"], payment["captured"]) == (0, captured[payment["id"]]), "money went astray"
    assert not await village.ask("payments", _LEDGER_DISAGREES), "balances and ledger tell different stories"
    served = {asked["booking_id"] for asked in requests if asked["status"] == "captured"}
    assert served == {key for key, row in bookings.items() if row["status"] == "CONFIRMED"}


async def _check_told(village: Village, bookings: dict[Any, Any]) -> None:
    told: dict[Any, list[tuple[str, str]]] = {}
    for row in await village.ask("notifications", "SELECT * FROM deliveries WHERE audience = 'guest'"):
        if row["occasion"] in ENDED.values():
            told.setdefault(row["booking_id"], []).append((row["occasion"], row["channel"]))
    for key, booking in bookings.items():
        heard = told.get(key, [])
        assert len(set(heard)) == len(heard), f"told twice: {heard}"
        assert ("email" in {channel for _, channel in heard}) is True, f"never told: {booking['status']}"
        assert {occasion for occasion, _ in heard} == {ENDED[booking["status"]]}, f"{booking['status']}: {heard}"
        assert len(village.outcomes(key)) <= 1, "more than one outcome"
