"""Copies of a booking: whole in every database, each with rooms, nights, codes and money of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from benchmarks.bookings import properties
from benchmarks.bookings.load import Clients
from benchmarks.growth import growth
from benchmarks.growth.filling import PROPERTIES, Fill, administered
from benchmarks.rivals.run.posada import faults, settle
from deploy.local.databases import PostgresBackend
from shared.contracts.booking import BookingConfirmed, BookingRequested, booking_id_of
from shared.contracts.payments import TransferArrived
from shared.contracts.topics import SERVICES
from tests.support.doubles.transport import START
from tests.support.sagas.in_memory_cluster import InMemoryCluster, cluster_of
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
LOADED = 2
COPIES = 2 * PROPERTIES + 5  # some properties have three


class Requests(Clients):
    """Requests as the load makes them, without anybody to send them to."""

    async def book(self, number: int) -> float:
        raise NotImplementedError


@dataclass
class Filled:
    """A cluster after one real booking and its copies."""

    cluster: InMemoryCluster
    urls: dict[str, str]

    async def count(self, service: str, query: str) -> int:
        rows = await self.cluster.ask(service, query)
        return int(rows[0][0])


async def book(cluster: InMemoryCluster, number: int) -> None:
    """A booking as the load makes it, carried to its end."""
    wanted = BookingRequested.model_validate(Requests(LOADED).request(number))
    paid = TransferArrived(
        transfer_id=f"bench-{number}",
        method="card_link",
        amount="690.00",
        posted_on=START.date(),
        authorization_number=f"A{number}",
    )
    await cluster.publish(paid, wanted)
    await cluster.run(until=cluster.clock.now + timedelta(hours=1))  # reminders would carry it past the stay
    (outcome,) = cluster.outcomes(booking_id_of(wanted.request_id))
    assert dict(outcome.headers)["ce_type"] == BookingConfirmed.type_name.encode()


@pytest.fixture
async def filled(postgres: PostgresBackend, fresh_database: FreshDatabase) -> AsyncIterator[Filled]:
    urls = {service: fresh_database(service) for service in SERVICES}
    await properties.plant(urls["availability"], urls["booking"], LOADED + PROPERTIES)
    async with cluster_of(urls) as cluster:
        await book(cluster, 0)
        fill = Fill(
            admin_urls={service: administered(postgres.admin_url, url) for service, url in urls.items()},
            booking_id=booking_id_of("bench-0"),
            messages=dict.fromkeys(SERVICES, 5),
            rooms=[str(number) for number in range(1, 37)],
            first_property=LOADED,
        )
        await fill.add(0, COPIES - 1, lambda _: None)
        yield Filled(cluster, urls)


async def test_copies_are_whole_and_the_house_goes_on(filled: Filled) -> None:
    bookings = COPIES + 1
    assert await filled.count("booking", "SELECT count(*) FROM bookings WHERE status = 'CONFIRMED'") == bookings
    assert await filled.count("booking", "SELECT count(*) FROM stays JOIN bookings ON booking_id = id") == 3 * bookings
    assert await filled.count("booking", "SELECT count(*) FROM sagas WHERE phase = 'ended'") == bookings
    nights = """SELECT count(*) FROM room_nights JOIN holds USING (booking_id)
        WHERE room = ANY (rooms) AND night = check_in AND room_nights.property_id = holds.property_id"""
    assert await filled.count("availability", nights) == 3 * bookings
    paid = """SELECT count(DISTINCT p.id)
        FROM payment_requests r JOIN payments p ON p.id = payment_id JOIN ledger l ON l.payment_id = p.id
        WHERE l.kind = 'captured' AND captured = p.amount AND captured = l.amount"""
    assert await filled.count("payments", paid) == bookings
    assert await filled.count("conversations", "SELECT count(DISTINCT contact) FROM bookings") == bookings
    told = "SELECT count(DISTINCT booking_id) FROM deliveries"
    assert await filled.count("notifications", told) == bookings
    await book(filled.cluster, 1)
    assert await settle(filled.urls) >= 0
    assert await faults(filled.urls, bookings + 1, 0) == []
    await filled.cluster.ask("availability", "DELETE FROM room_nights WHERE room = '1' RETURNING room")
    assert [fault.split()[1] for fault in await faults(filled.urls, bookings + 1, 0)] == ["room-nights,"]


async def test_what_is_not_there_is_not_copied_in_silence(filled: Filled, postgres: PostgresBackend) -> None:
    admin_urls = {service: administered(postgres.admin_url, url) for service, url in filled.urls.items()}
    for unlike in ({"booking_id": booking_id_of("nobody's")}, {"rooms": None}):
        told: dict[str, Any] = {"booking_id": booking_id_of("bench-0"), "rooms": ["1"], **unlike}
        fill = Fill(admin_urls=admin_urls, messages={}, first_property=LOADED, **told)
        with pytest.raises(ValueError, match="too little of booking"):
            await fill.add(COPIES, COPIES + 1, lambda _: None)


async def test_the_rooms_of_copies_are_those_of_the_bookings_type(filled: Filled) -> None:
    rooms = await growth.value(filled.urls["availability"], growth.ROOMS_OF_THE_TYPE, booking_id_of("bench-0"))
    booked = "SELECT unnest(rooms) FROM holds WHERE property_id = 'bench-0'"
    assert {row[0] for row in await filled.cluster.ask("availability", booked)} <= set(rooms)
    assert len(rooms) == 37
