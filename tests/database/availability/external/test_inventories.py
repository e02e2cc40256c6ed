"""One suite for every place that keeps rooms: ours on PostgreSQL, and the reference system over real HTTP."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from services.availability.external.adapters.breaker import CircuitBreakerInventory, CircuitOpen
from services.availability.external.adapters.pms import Pms
from services.availability.external.port import CannotCancel, InventoryUnavailable, RoomTaken
from services.availability.stay import Stay
from shared.outbound.breaker import CircuitBreaker
from tests.support.builders.room_orders import JUNIOR, NUMBERING, ROOMS, STAY, Place, free, order
from tests.support.doubles.fake_pms import FakePms
from tests.support.doubles.loopback import LOOPBACK

pytestmark = pytest.mark.real


async def test_a_room_is_free_booked_and_cancelled(place: Place) -> None:
    assert await free(place) == ROOMS
    ordered = order("18")
    code = await place.inventory.book(ordered)
    assert code.startswith("HR")
    assert await free(place) == ROOMS - {"18"}
    assert await free(place, Stay(STAY.check_out, STAY.check_out + timedelta(days=1))) == ROOMS
    assert place.inventory.can_cancel
    await place.inventory.cancel(ordered.key, code)
    assert await free(place) == ROOMS
    await place.inventory.cancel(ordered.key, code)
    assert await free(place) == ROOMS


async def test_the_same_order_twice_is_one_booking(place: Place) -> None:
    ordered = order("19")
    assert await place.inventory.book(ordered) == await place.inventory.book(ordered)
    assert await free(place) == ROOMS - {"19"}


async def test_a_room_is_booked_once(place: Place) -> None:
    await place.inventory.book(order("18", stay=Stay(STAY.check_in, STAY.check_in + timedelta(days=1))))
    with pytest.raises(RoomTaken):
        await place.inventory.book(order("18"))
    outcomes = await asyncio.gather(*[place.inventory.book(order("20")) for _ in range(4)], return_exceptions=True)
    assert sum(isinstance(outcome, str) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, RoomTaken) for outcome in outcomes) == 3


async def test_away_is_an_error_and_never_zeros(place: Place) -> None:
    await place.cut()
    with pytest.raises(InventoryUnavailable):
        await place.inventory.free_rooms(STAY)
    with pytest.raises(InventoryUnavailable):
        await place.inventory.book(order())
    await place.mend()
    assert await free(place) == ROOMS


async def test_the_circuit_opens_and_closes(place: Place) -> None:
    guarded = CircuitBreakerInventory(place.inventory, CircuitBreaker(2, timedelta(seconds=0.05)))
    await place.cut()
    for _ in range(2):
        with pytest.raises(InventoryUnavailable):
            await guarded.free_rooms(STAY)
    with pytest.raises(CircuitOpen):
        await guarded.book(order())
    await place.mend()
    async with asyncio.timeout(10):
        while True:
            try:
                assert set((await guarded.free_rooms(STAY))[JUNIOR]) == ROOMS
                break
            except CircuitOpen:
                await asyncio.sleep(0.02)


async def test_a_room_that_is_taken_does_not_open_the_circuit(place: Place) -> None:
    guarded = CircuitBreakerInventory(place.inventory, CircuitBreaker(2, timedelta(seconds=30)))
    await place.snatch("18")
    for _ in range(4):
        with pytest.raises(RoomTaken):
            await guarded.book(order("18"))
    assert await guarded.book(order("19"))


@pytest.mark.parametrize("status", [409, 410])
async def test_only_an_order_can_hear_that_a_room_is_taken(fake_pms: FakePms, pms: Place, status: int) -> None:
    fake_pms.refuses = dict.fromkeys(("getRooms", "cancelBooking"), status)
    with pytest.raises(InventoryUnavailable, match=str(status)):
        await pms.inventory.free_rooms(STAY)
    with pytest.raises(CannotCancel, match=str(status)):
        await pms.inventory.cancel(uuid4(), "HR26181")
    fake_pms.refuses["bookRoom"] = status
    with pytest.raises(RoomTaken):
        await pms.inventory.book(order())


async def test_a_system_that_hangs_is_away(fake_pms: FakePms) -> None:
    fake_pms.hangs = 1
    inventory = Pms(fake_pms.url, "HR", NUMBERING, seconds=0.2, allowed=LOOPBACK)
    with pytest.raises(InventoryUnavailable, match="Timeout"):
        await inventory.free_rooms(STAY)
    await inventory.close()


async def test_no_info_is_an_error(fake_pms: FakePms, pms: Place) -> None:
    fake_pms.misses_info = True
    with pytest.raises(InventoryUnavailable, match="no info"):
        await pms.inventory.free_rooms(STAY)


async def test_numbers_are_text_and_places_are_counted(fake_pms: FakePms, pms: Place) -> None:
    fake_pms.rooms, fake_pms.places = ("18", "1A", "77A", "elevator", "900"), 3
    found = await pms.inventory.free_rooms(STAY)
    assert found == {JUNIOR: ("18",), "habitacion": ("1A", "77A"), "pasadia": ("P1", "P2", "P3")}
    await pms.inventory.book(order("P2", type="pasadia"))
    assert len((await pms.inventory.free_rooms(STAY))["pasadia"]) == 2


async def test_the_call_carries_what_a_desk_needs_and_never_the_payment_s_id(fake_pms: FakePms, pms: Place) -> None:
    guest = {"email": "ana@example.com", "phone": "+50371234567", "city": "Santa Ana", "document": "01234567-8"}
    ordered = replace(
        order(), extra_beds=1, extra_beds_cost=Decimal("30.00"), instructions="late arrival", nationality="SV", **guest
    )
    await pms.inventory.book(ordered)
    (_, body) = fake_pms.calls[-1]
    assert body == {
        "room": "18",
        "guest": "Ana López",
        **guest,
        "nationality": "SV",
        "checkIn": "2026-03-15",
        "checkOut": "2026-03-17",
        "adults": 2,
        "children0to5": 0,
        "children6to10": 1,
        "type": JUNIOR,
        "package": "las_hojas",
        "paymentMethod": "bank_transfer",
        "amount": "431.25",
        "payer": "Ana López",
        "extraBeds": 1,
        "extraBedsCost": "30.00",
        "instructions": "late arrival",
    }
