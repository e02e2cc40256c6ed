"""Every log line about a message names its booking and its trace, and nothing that a client wrote beside it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog
from aiokafka import ConsumerRecord
from structlog.testing import capture_logs

from services.booking.app import build
from services.booking.settings import Settings
from shared.consumer.processor import Processor
from shared.consumer.routing import Route, Routes
from shared.contracts import topics
from shared.contracts.availability import RoomsHeld
from shared.contracts.booking import BookingRequested, booking_id_of
from shared.messages.message import Message
from shared.observability.logs import add_subject
from shared.outbox.publisher import OutboxPublisher
from tests.support.builders.bookings import held, request
from tests.support.doubles.transport import MovedClock, PostOffice, process_records, raw_record
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
BOOKING = str(booking_id_of("r1"))
TRACE = "0af7651916cd43dd8448eb211c80319c"
WRITTEN_BESIDE = b"ana@example.com"


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    before = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    with capture_logs(processors=[add_subject]) as captured:
        yield captured
    structlog.configure(wrapper_class=before)


@pytest.fixture
async def consumer(fresh_database: FreshDatabase) -> AsyncIterator[Processor]:
    clock = MovedClock()
    service = build(Settings(database_url=fresh_database("booking")), clock)
    await service.database.open()
    relay = OutboxPublisher(PostOffice(), service.database, clock=clock)
    yield Processor(service.routes, service.database, relay, clock=clock, retry_pauses=())
    await relay.stop()
    await service.database.close()


def record_of(message: Message, topic: str = "", body: bytes | None = None) -> ConsumerRecord[bytes, bytes]:
    headers = [
        ("ce_id", b"1"),
        ("ce_type", message.type_name.encode()),
        ("ce_correlationid", WRITTEN_BESIDE),
        ("traceparent", f"00-{TRACE}-b7ad6b7169203331-01".encode()),
    ]
    return raw_record(topic or message.topic.name, body or message.model_dump_json().encode(), headers=headers)


def about(lines: list[Any], *events: str) -> None:
    """The lines are there, and each names booking and trace."""
    by_event = {line["event"]: line for line in lines}
    for event in events:
        assert (by_event[event].get("booking"), by_event[event].get("trace")) == (BOOKING, TRACE), event
    assert WRITTEN_BESIDE.decode() not in str(lines)


async def test_what_is_handled_and_what_its_handler_says(consumer: Processor, lines: list[Any]) -> None:
    await process_records(consumer, [record_of(held("r1"))])  # of a booking that nobody asked for
    about(lines, "handled", "reply.unknown_booking")


async def test_a_request(consumer: Processor, lines: list[Any]) -> None:
    await process_records(consumer, [record_of(request("r1"))])
    about(lines, "handled")


async def test_what_cannot_be_read(consumer: Processor, lines: list[Any]) -> None:
    body = f'{{"booking_id": "{BOOKING}", "total": "lots"}}'.encode()
    await process_records(consumer, [record_of(held("r1"), body=body)])
    about(lines, "invalid", "dead_letter")


async def test_a_request_that_does_not_fit_and_is_answered(consumer: Processor, lines: list[Any]) -> None:
    await process_records(consumer, [record_of(request("r1"), body=b'{"request_id": "r1"}')])
    about(lines, "invalid", "handled")


async def test_a_fault(consumer: Processor, lines: list[Any]) -> None:
    def breaks(*_: Any) -> Any:
        raise RuntimeError("poison")

    routes: Routes[Any] = consumer.routes
    routes.table[RoomsHeld] = Route(breaks)
    await process_records(
        consumer, [record_of(held("r1")), record_of(held("r1"), topic=topics.internal("booking").name)]
    )
    about(lines, "consumer.fault", "dead_letter")


async def test_a_batch_names_its_bookings(consumer: Processor, lines: list[Any]) -> None:
    def breaks(*_: Any) -> Any:
        raise RuntimeError("poison")

    consumer.routes.table[BookingRequested] = Route(breaks, repeats=True)
    await process_records(consumer, [record_of(request("r1")), record_of(request("r2"))])
    (split,) = [line for line in lines if line["event"] == "consumer.batch_split"]
    assert split["bookings"] == [BOOKING, str(booking_id_of("r2"))]


async def test_what_a_client_calls_a_trace_is_none(consumer: Processor, lines: list[Any]) -> None:
    record = raw_record(
        "posada.booking.requests",
        request("r1").model_dump_json().encode(),
        headers=[("traceparent", b"00-ana@example.com-x-01")],
    )
    await process_records(consumer, [record])
    assert "ana@example.com-x" not in str(lines)
    assert [line["booking"] for line in lines if line["event"] == "handled"] == [BOOKING]
