"""What one paid booking of three rooms costs, within bounds: whoever makes it dearer says so here.

Exact and the same on every machine: a lone booking, one message at a time, no time passing. On a running cluster
`benchmarks/bookings/costs.py` measures the same, where batches share statements and what waits in a queue is handled
beside them.
"""

from __future__ import annotations

from functools import reduce

import pytest

from shared.contracts.booking import BookingConfirmed, booking_id_of
from shared.contracts.topics import SERVICES
from tests.support.builders.bookings import request, transfer_for
from tests.support.doubles.transport import message_of
from tests.support.sagas.booking_cost import Cost, Costs, meter_of
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
# Today's figures; those of bytes and a tenth more.
BOUNDS = {
    "availability": Cost(handled=2, sent=2, statements=5, round_trips=5, rows=11, wal_bytes=6500, log_bytes=570),
    "booking": Cost(handled=7, sent=12, statements=8, round_trips=8, rows=27, wal_bytes=24000, log_bytes=1950),
    "payments": Cost(handled=2, sent=2, statements=6, round_trips=6, rows=12, wal_bytes=5000, log_bytes=560),
    "notifications": Cost(handled=1, sent=1, statements=3, round_trips=3, rows=7, wal_bytes=7950, log_bytes=280),
    "conversations": Cost(handled=1, sent=1, statements=8, round_trips=8, rows=4, wal_bytes=1900, log_bytes=280),
    "together": Cost(handled=13, sent=18, statements=30, round_trips=30, rows=61, wal_bytes=45000, log_bytes=3640),
}
WELL_BELOW = 0.8  # of a bound: then it no longer holds anything
BOOKINGS = 4  # the first makes connections and prepares statements; checkpoints add whole pages


async def measured(urls: dict[str, str]) -> Costs:
    """The cost of a booking for each service and together. Checkpoints add whole pages: the least counts."""
    found: list[Costs] = []
    async with meter_of(urls) as meter:
        for number in range(BOOKINGS):
            name = f"r{number}"
            await meter.cost(transfer_for(name))
            found.append(await meter.cost(request(name)))
            (outcome,) = meter.cluster.outcomes(booking_id_of(name))
            assert isinstance(message_of(outcome), BookingConfirmed)
    costs = {service: reduce(Cost.least, [one[service] for one in found[1:]]) for service in SERVICES}
    return costs | {"together": reduce(Cost.__add__, costs.values())}


async def test_a_booking_of_three_rooms_costs_what_it_did(fresh_database: FreshDatabase) -> None:
    costs = await measured({service: fresh_database(service) for service in SERVICES})
    for service, cost in costs.items():
        print(f'    "{service}": {cost},')  # noqa: T201 — shown when it fails: the table as it would be now
    figures = [
        (f"{service} {name}", figure, bound)
        for service, cost in costs.items()
        for (name, figure), (_, bound) in zip(cost.items(), BOUNDS[service].items(), strict=True)
    ]
    dearer = [f"{name}: {figure}, and {bound} at most" for name, figure, bound in figures if figure > bound]
    cheaper = [f"{name}: {figure}, no longer {bound}" for name, figure, bound in figures if figure < WELL_BELOW * bound]
    assert not dearer, f"a booking costs more than it did: {dearer}"
    assert not cheaper, f"a booking costs less than it did, lower the bounds: {cheaper}"
