"""Every step of the multi-room saga failing in every way, over the five services and their real databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from services.booking.requests.saga.data import RequestData
from services.booking.requests.saga.table import BOOKING_REQUEST
from shared.contracts.booking import BookingConfirmed, BookingRequested, booking_id_of
from shared.contracts.topics import SERVICES
from shared.messages.message import Outgoing
from tests.support.builders.bookings import CHECK_IN, request, room, transfer_for
from tests.support.doubles.transport import START, message_of
from tests.support.oracle import check_at_rest
from tests.support.sagas.in_memory_cluster import Fault, Hop, InMemoryCluster, Seen, cluster_of
from tests.support.sagas.step_faults import faults_of
from tests.support.sagas.storm import Case, How, applying, cases, good_end, last_compensable, struck_step
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
_numbers = count(1)


@pytest.fixture(scope="module")
def urls(module_database: FreshDatabase) -> dict[str, str]:
    return {service: module_database(service) for service in SERVICES}


@pytest.fixture
async def cluster(urls: dict[str, str]) -> AsyncIterator[InMemoryCluster]:
    async with cluster_of(urls) as cluster:
        yield cluster


def asked(**more: Any) -> BookingRequested:
    """A request for a night that no other test wants."""
    number = next(_numbers)
    nights = {"check_in": CHECK_IN + timedelta(days=number), "check_out": CHECK_IN + timedelta(days=number + 1)}
    return request(f"storm {number}", **{name: day.isoformat() for name, day in nights.items()}, **more)


async def book(cluster: InMemoryCluster, wanted: BookingRequested, paid: str = "690.00") -> Any:
    """Publish a request whose money is there, and wait for its end; gives the outcome."""
    await cluster.publish(transfer_for(wanted.request_id, paid), wanted)
    await cluster.run()
    await check_at_rest(cluster)
    (outcome,) = cluster.outcomes(booking_id_of(wanted.request_id))
    return message_of(outcome)


@dataclass(frozen=True, slots=True)
class Clean:
    """A booking that nothing struck: who did what, and what the saga knew."""

    seen: tuple[Seen, ...]
    data: RequestData


@pytest.fixture(scope="module")
def clean_runs() -> list[Clean]:
    return []


@pytest.fixture
async def clean(urls: dict[str, str], clean_runs: list[Clean]) -> Clean:
    """The hops of a clean run, played once for the whole module, in a cluster whose clock is nobody else's."""
    if not clean_runs:
        wanted = asked()
        async with cluster_of(urls) as cluster:
            await book(cluster, wanted)
            sql = "SELECT data FROM sagas WHERE id = $1"
            (row,) = await cluster.ask("booking", sql, booking_id_of(wanted.request_id))
            clean_runs.append(Clean(tuple(cluster.seen), RequestData.model_validate(row["data"])))
    return clean_runs[0]


# The steps of a booking whose rooms are ours and stay held; the optional ones are struck in test_stage_3, test_outside.
PLAIN = SimpleNamespace(freed=False, outside=False)
ORDINARY = applying(BOOKING_REQUEST, PLAIN)


def struck(clean: Clean, case: Case) -> list[Fault]:
    """What goes wrong, at whoever does the step or undoes it, and at booking."""
    step = struck_step(ORDINARY, case)
    does = next(seen.hop for seen in clean.seen if step.done and step.done.type_name in seen.sent)
    if case.undoing:
        assert step.undo
        (undo,) = step.undo(clean.data, START)
        does = Hop(does.service, Outgoing.of(undo).message.type_name)
    return faults_of(step, case, does, last_compensable(ORDINARY))


@pytest.mark.parametrize(
    "case", [case for case in cases(BOOKING_REQUEST, PLAIN) if case.how is not How.REFUSED], ids=str
)
async def test_a_booking_weathers(clean: Clean, cluster: InMemoryCluster, case: Case) -> None:
    cluster.faults = struck(clean, case)
    outcome = await book(cluster, asked())
    assert all(fault.struck for fault in cluster.faults), f"did not come about: {cluster.faults}"
    assert isinstance(outcome, BookingConfirmed) is good_end(BOOKING_REQUEST, case)


async def test_no_rooms_is_a_refusal(cluster: InMemoryCluster) -> None:
    outcome = await book(cluster, asked(rooms=[room(2, "Matrimonial")] * 6))
    assert outcome.refusal.reason == "not_enough_rooms"


async def test_too_little_money_is_a_refusal(cluster: InMemoryCluster) -> None:
    wanted = asked()
    payment = wanted.payment.model_copy(update={"amount": Decimal("600.00")})
    outcome = await book(cluster, wanted.model_copy(update={"payment": payment}), paid="600.00")
    assert outcome.refusal.reason == "payment_insufficient"


async def test_money_that_comes_late_still_books_once(cluster: InMemoryCluster) -> None:
    wanted = asked()
    await cluster.publish(wanted)
    await cluster.run(until=cluster.clock() + timedelta(minutes=22))
    assert cluster.outcomes(booking_id_of(wanted.request_id)) == []
    outcome = await book(cluster, wanted)
    assert isinstance(outcome, BookingConfirmed)
    assert outcome.payment_found_later
    assert outcome.number_of_rooms == 3


async def test_money_that_never_comes_fails_and_leaves_nothing(cluster: InMemoryCluster) -> None:
    wanted = asked()
    await cluster.publish(wanted)
    await cluster.run()
    await check_at_rest(cluster)
    (outcome,) = cluster.outcomes(booking_id_of(wanted.request_id))
    # Money of the same amount that other tests left under their own references is staff's to judge.
    assert message_of(outcome).refusal.reason in {"payment_not_found", "payment_ambiguous"}
