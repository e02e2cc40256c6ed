"""Every record of a day is sent again when no inbox knows it any more: whoever recorded true records moves nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.booking import booking_id_of
from shared.contracts.booking.staff import CancelBooking
from shared.contracts.common import Channel
from shared.contracts.conversations import Author, ChatMessage
from shared.contracts.topics import SERVICES
from tests.support.builders.bookings import CHECK_IN, request, transfer_for
from tests.support.doubles.transport import START
from tests.support.sagas.in_memory_cluster import InMemoryCluster, cluster_of
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
# What is never to change: who has which rooms, what became of whose money, and what people were told.
FACTS: Mapping[str, tuple[str, ...]] = {
    "booking": (
        "SELECT id, status, total, paid, revision FROM bookings",
        "SELECT booking_id, code, room, status, amount FROM stays",
        "SELECT booking_id, action FROM audit_log",
    ),
    "availability": ("SELECT booking_id, state, rooms FROM holds", "SELECT * FROM room_nights"),
    "payments": (
        "SELECT transfer_id, amount, reserved, captured, refunded FROM payments",
        "SELECT booking_id, status, amount FROM payment_requests",
        "SELECT payment_id, kind, amount, booking_id FROM ledger",
    ),
    "notifications": ("SELECT booking_id, occasion, channel, recipient FROM deliveries",),
    "conversations": ("SELECT channel, message_id FROM messages", "SELECT contact, room FROM threads"),
}
PAID, SHORT, OFF, UNPAID = "paid", "short", "off", "unpaid"


async def lived(cluster: InMemoryCluster) -> None:
    """One booking confirmed, one paid too little, one called off, one never paid, and a chat."""
    await cluster.publish(*map(transfer_for, (PAID, OFF)), transfer_for(SHORT, "100.00"))
    for nights, name in enumerate((PAID, SHORT, OFF, UNPAID)):
        days = {"check_in": CHECK_IN + timedelta(days=nights + 1), "check_out": CHECK_IN + timedelta(days=nights + 2)}
        await cluster.publish(request(name, **{key: day.isoformat() for key, day in days.items()}))
    await cluster.publish(
        ChatMessage(
            message_id="m1",
            channel=Channel.WHATSAPP,
            contact="50371234567",
            author=Author.TENANT,
            text="¿A qué hora es la entrada?",
            sent_at=START,
        )
    )
    await cluster.run(until=cluster.clock() + timedelta(minutes=1))
    await cluster.publish(CancelBooking(command_id=UUID(int=1), booking_id=booking_id_of(OFF), who="Marta"))
    await cluster.run()


async def facts(cluster: InMemoryCluster) -> dict[str, list[str]]:
    """What the databases say, in an order of its own."""
    return {
        query: sorted(str(dict(row)) for row in await cluster.ask(service, query))
        for service, queries in FACTS.items()
        for query in queries
    }


async def forget(cluster: InMemoryCluster) -> None:
    """What 14 days do to the inboxes."""
    for service in SERVICES:
        await cluster.ask(service, "DELETE FROM inbox")


@pytest.mark.parametrize("backwards", [False, True], ids=["in their order", "backwards"])
async def test_true_records_that_come_again_change_nothing(fresh_database: FreshDatabase, backwards: bool) -> None:
    async with cluster_of({service: fresh_database(service) for service in SERVICES}) as cluster:
        await lived(cluster)
        before = await facts(cluster)
        statuses = {row["status"] for row in await cluster.ask("booking", "SELECT status FROM bookings")}
        assert {"CONFIRMED", "CANCELLED"} < statuses
        outcomes = {name: cluster.outcomes(booking_id_of(name)) for name in (PAID, SHORT, OFF, UNPAID)}
        await forget(cluster)

        again: list[Any] = list(cluster.log)
        for row in reversed(again) if backwards else again:
            for name, running in cluster.services.items():
                if row.topic in {topic.name for topic in running.routes.topics}:
                    cluster.on_its_way.append((name, row))
        await cluster.run()

        assert await facts(cluster) == before
        for name, told in outcomes.items():
            assert {dict(row.headers)["ce_id"] for row in cluster.outcomes(booking_id_of(name))} == {
                dict(row.headers)["ce_id"] for row in told
            }
