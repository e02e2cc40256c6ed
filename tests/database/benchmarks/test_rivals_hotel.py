"""The hotel that rivals book in: its steps, repeated and undone, and that a broken invariant is seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from benchmarks.bookings.load import Clients
from benchmarks.rivals.engines import data, hotel, plain, steps
from benchmarks.rivals.engines.hotel import Wish, wish_of
from deploy.local.databases import PostgresBackend

pytestmark = pytest.mark.real
PROPERTIES = 2


class Requests(Clients):
    """Requests as the load makes them, without anybody to send them to."""

    async def book(self, number: int) -> float:
        raise NotImplementedError


def wish(number: int) -> Wish:
    return wish_of(Requests(PROPERTIES).request(number))


@pytest.fixture
async def url(postgres: PostgresBackend, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """A filled hotel that the steps find."""
    name = f"test_{uuid4().hex[:8]}_hotel"
    postgres.create_databases([name])
    address = postgres.owner_dsn(name)
    await data.fill(address, PROPERTIES, 100)
    monkeypatch.setenv(hotel.DATABASE_VARIABLE, address)
    yield address
    await (await steps.pool()).close()
    postgres.drop_databases([name])


async def test_many_at_once_leave_no_fault(url: str) -> None:
    outcomes = await asyncio.gather(*[plain.book(wish(number)) for number in range(40)])
    assert {outcome["state"] for outcome in outcomes} == {"confirmed"}
    assert await data.faults(url, 40) == []


async def test_the_same_request_again_changes_nothing(url: str) -> None:
    first = await plain.book(wish(1))
    again = await plain.book(wish(1))
    assert first == again
    assert await data.faults(url, 1) == []


async def test_without_money_the_rooms_are_free_again(url: str) -> None:
    outcome = await plain.book(wish(1) | {"authorization_number": "nobody's"})  # type: ignore[typeddict-item]
    assert outcome["state"] == "refused"
    assert await data.faults(url, 0) == []


async def test_a_full_house_refuses(url: str) -> None:
    wanted = [wish(0) | {"booking_id": wish(n)["booking_id"], "authorization_number": f"A{n}"} for n in range(14)]
    outcomes = [await plain.book(one) for one in wanted]  # type: ignore[arg-type]
    assert [outcome["state"] for outcome in outcomes] == ["confirmed"] * 12 + ["refused"] * 2
    assert await data.faults(url, 12) == []


@pytest.mark.parametrize(
    ("breaking", "named"),
    [
        ("UPDATE holds SET rooms = (SELECT rooms FROM holds LIMIT 1)", "room-nights sold twice"),
        ("UPDATE holds SET state = 'held'", "room-nights that no booking has"),
        (
            "DELETE FROM room_nights WHERE room = '1'",
            "bookings without all their rooms",
        ),
        ("DELETE FROM codes WHERE code = (SELECT min(code) FROM codes)", "bookings without all their codes"),
        ("UPDATE reservations SET state = 'reserved'", "bookings without their money"),
        ("UPDATE payments SET captured = 1 WHERE authorization_number = 'A99'", "payments captured without a booking"),
        ("UPDATE payments SET reserved = 1 WHERE authorization_number = 'A99'", "payments reserved and left"),
        ("DELETE FROM codes; DELETE FROM bookings", "0 bookings written, 2 confirmed"),
    ],
)
async def test_what_is_broken_is_named(url: str, breaking: str, named: str) -> None:
    for number in (1, 3):  # the same property and night
        await plain.book(wish(number))
    connection = await asyncpg.connect(url)
    await connection.execute(breaking)
    await connection.close()
    assert any(named in fault for fault in await data.faults(url, 2))
