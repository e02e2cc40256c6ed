"""Money that people have to look for, through all services: the guest and the staff hear of it, once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from shared.contracts.booking import BookingRefused, PaymentSearchStarted, booking_id_of
from shared.contracts.booking.lifecycle import PaymentEscalated
from shared.contracts.payments import MarkFrustrated, PaymentAwaited, TransferArrived
from shared.contracts.topics import SERVICES
from tests.support.builders.bookings import request
from tests.support.doubles.transport import START, message_of
from tests.support.oracle import check_at_rest
from tests.support.sagas.in_memory_cluster import Fault, Hop, InMemoryCluster, cluster_of
from tests.support.sagas.storm import How
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
ID = booking_id_of("r1")
TOLD = """
SELECT audience, channel, split_part(occasion, ':', 1) AS event, count(*) AS times FROM deliveries
WHERE booking_id = $1 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""


@pytest.fixture
async def cluster(fresh_database: FreshDatabase) -> AsyncIterator[InMemoryCluster]:
    """The five services; bookings whose money is not found wait for the staff."""
    urls = {service: fresh_database(service) for service in SERVICES}
    async with cluster_of(urls, payments={"unfound": "wait_for_staff"}) as cluster:
        yield cluster


def line(transfer_id: str) -> TransferArrived:
    """One of two payments that the slip could be."""
    return TransferArrived(transfer_id=transfer_id, amount="690.00", posted_on=START.date())


async def told(cluster: InMemoryCluster) -> dict[tuple[str, str, str], int]:
    """How often somebody was told of what, by audience, channel and event."""
    rows = await cluster.ask("notifications", TOLD, ID)
    return {(row["audience"], row["channel"], row["event"]): row["times"] for row in rows}


@pytest.mark.parametrize("how", [None, How.TWICE, How.CRASHED_BEFORE, How.CRASHED_AFTER])
async def test_guest_and_staff_hear_once_that_a_person_has_the_case(cluster: InMemoryCluster, how: How | None) -> None:
    awaited = Hop("booking", PaymentAwaited.type_name)
    cluster.faults = [Fault(awaited, how)] if how else []
    await cluster.publish(line("A"), line("B"), request())
    await cluster.run(until=START + timedelta(minutes=5))
    heard = await told(cluster)
    assert heard["guest", "email", "payment_escalated"] == 1
    assert heard["guest", "whatsapp", "payment_escalated"] == 1
    assert heard["staff", "email", "staff_alert"] == 1
    assert not cluster.messages(PaymentSearchStarted)  # nobody looks: a person decides
    assert len({event.model_dump_json() for event in cluster.messages(PaymentEscalated)}) == 1
    await cluster.run()
    (outcome,) = cluster.outcomes(ID)
    assert isinstance(message_of(outcome), BookingRefused)
    await check_at_rest(cluster)


async def test_who_loses_patience_hears_of_it_behind_the_search(cluster: InMemoryCluster) -> None:
    await cluster.publish(request())
    await cluster.run(until=START + timedelta(minutes=1))
    assert ("guest", "email", "payment_escalated") not in await told(cluster)
    await cluster.publish(MarkFrustrated(booking_id=ID))
    await cluster.run(until=START + timedelta(minutes=2))
    heard = await told(cluster)
    assert heard["guest", "email", "payment_search"] == 1
    assert heard["guest", "email", "payment_escalated"] == 1
    assert heard["staff", "email", "staff_alert"] == 1
