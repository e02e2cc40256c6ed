"""Gauges from real databases: they show what is there, forget what is gone, and are read by indexes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from services.availability import gauges as availability
from services.conversations import gauges as conversations
from services.notifications import gauges as notifications
from services.payments import gauges as payments
from services.payments.app import build as build_payments
from services.payments.settings import Settings as PaymentsSettings
from shared.clock import system_clock
from shared.database.pool import Database
from shared.gauges import OUTBOX, SAGAS, Reading, read
from shared.saga.state import Phase, Progress
from tests.support.servers.databases import FreshDatabase

NOW = system_clock()
BY_SERVICE: Mapping[str, Sequence[Reading]] = {
    "availability": availability.GAUGES,
    "booking": (SAGAS,),
    "payments": payments.readings(("folder", "http")),
    "notifications": notifications.GAUGES,
    "conversations": conversations.GAUGES,
}
# What an installation of years has many of, and the index that a reading of it takes.
INDEXED = (
    ("availability", availability.HOLDS, "holds_wake_at_idx"),
    ("booking", SAGAS, "sagas_running_idx"),
    ("booking", OUTBOX, "outbox_due_at_idx"),
    ("payments", payments.WAITING, "payment_requests_waiting_"),
    ("payments", payments.WAITING, "payment_requests_escalated_idx"),
    ("notifications", notifications.PENDING, "deliveries_pending_idx"),
    ("conversations", conversations.REPLIES, "replies_due_at_idx"),
    ("conversations", conversations.ERRANDS, "threads_errand_due_at_idx"),
)
pytestmark = pytest.mark.real


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def run(database: Database, statement: str, *values: Any) -> None:
    async with database.connection() as connection:
        await connection.execute(statement, *values)


def shown(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


@pytest.mark.parametrize("service", BY_SERVICE)
async def test_an_empty_house_can_be_read(service: str, fresh_database: FreshDatabase) -> None:
    async with opened(fresh_database(service)) as database:
        await read(database, (OUTBOX, *BY_SERVICE[service]))
    assert shown("posada_outbox_rows") == 0
    assert shown("posada_outbox_oldest_due_seconds") == 0
    assert (shown("posada_gauges_read_timestamp_seconds") or 0) > NOW.timestamp() - 1


@pytest.mark.parametrize(("service", "reading", "index"), INDEXED)
async def test_a_reading_takes_an_index(
    service: str, reading: Reading, index: str, fresh_database: FreshDatabase
) -> None:
    async with opened(fresh_database(service)) as database, database.connection() as connection:
        await connection.execute("SET enable_seqscan = off")  # a table without rows is read whole else
        plan = await connection.fetch(f"EXPLAIN {reading.query}", NOW)
    assert index in "\n".join(line[0] for line in plan)


async def test_the_outbox_shows_what_is_due_and_since_when(fresh_database: FreshDatabase) -> None:
    async with opened(fresh_database("booking")) as database:
        for minutes in (-10, -1, 60):
            await run(
                database,
                "INSERT INTO outbox VALUES ($1, 'posada.booking.events', 'k', '[]', NULL, $2)",
                uuid4(),
                NOW + timedelta(minutes=minutes),
            )
        await read(database, (OUTBOX,), lambda: NOW)
        assert (shown("posada_outbox_rows"), shown("posada_outbox_due_rows")) == (3, 2)
        assert shown("posada_outbox_oldest_due_seconds") == 600


async def test_sagas_are_told_by_phase_and_a_phase_that_is_over_is_forgotten(fresh_database: FreshDatabase) -> None:
    async with opened(fresh_database("booking")) as database:
        for phase, minutes in (("running", 5), ("running", 1), ("finishing", 60), ("ended", 600)):
            started, wake = NOW - timedelta(minutes=minutes), NOW - timedelta(minutes=minutes - 2)
            statement = "INSERT INTO sagas VALUES ($1, 'multi-room', $2, '{}', '{}', $3, $1, $4, $4)"
            await run(database, statement, uuid4(), phase, wake, started)
        await read(database, (SAGAS,), lambda: NOW)
        assert shown("posada_sagas", saga="multi-room", phase="running") == 2
        assert shown("posada_saga_oldest_seconds", saga="multi-room", phase="running") == 300
        assert shown("posada_sagas_overdue", saga="multi-room", phase="running") == 1
        assert shown("posada_saga_oldest_seconds", saga="multi-room", phase="finishing") == 3600
        assert shown("posada_sagas", saga="multi-room", phase="ended") is None
        await run(database, "UPDATE sagas SET phase = 'ended' WHERE phase = 'running'")
        await read(database, (SAGAS,), lambda: NOW)
        assert shown("posada_sagas", saga="multi-room", phase="running") is None


@pytest.mark.parametrize("phase", [Phase.FINISHING, Phase.UNDOING])
async def test_a_saga_that_waited_long_is_not_long_in_its_next_phase(
    phase: Phase, fresh_database: FreshDatabase
) -> None:
    """Its age says nothing, nor does its latest write: a step that is repeated is written again and again."""
    statement = "INSERT INTO sagas VALUES ($1, 'multi-room', $2, $3, '{}', $4, $1, $5, $4)"
    async with opened(fresh_database("booking")) as database:
        for minutes in (2, 30):
            decided = NOW - timedelta(minutes=minutes)
            progress = Progress(phase=phase, decided_at=decided)
            await run(database, statement, uuid4(), phase, progress, NOW, NOW - timedelta(days=2))
        await read(database, (SAGAS,), lambda: NOW)
    assert shown("posada_saga_oldest_seconds", saga="multi-room", phase=phase) == 1800


async def test_holds_are_told_by_how_soon_they_expire(fresh_database: FreshDatabase) -> None:
    async with opened(fresh_database("availability")) as database:
        for state, minutes in (("held", -1), ("held", 5), ("held", 30), ("booked", 5)):
            expires = NOW + timedelta(minutes=minutes)
            await run(
                database,
                "INSERT INTO holds VALUES ($1, 'p', $2, '2030-01-01', '2030-01-02', '{1}', $3, $4, '', '{}', $3)",
                uuid4(),
                state,
                expires,
                expires if state == "held" else None,
            )
        await read(database, availability.GAUGES, lambda: NOW)
    names = ("posada_holds", "posada_holds_expiring", "posada_holds_expired")
    assert [shown(name) for name in names] == [3, 1, 1]


async def test_bookings_that_wait_for_money_are_told_by_stage(fresh_database: FreshDatabase) -> None:
    statement = """
INSERT INTO payment_requests (booking_id, status, started_at, changed_at, amount, stage, attempt, next_attempt_at,
                              refusal) VALUES ($1, $2, $3, $3, 10, $4, 1, $5, '{}')"""
    async with opened(fresh_database("payments")) as database:
        for status, stage, minutes in (("waiting", 0, 3), ("waiting", 1, 20), ("escalated", 2, 90), ("refused", 2, 9)):
            started = NOW - timedelta(minutes=minutes)
            await run(database, statement, uuid4(), status, started, stage, NOW - timedelta(minutes=1))
        await read(database, BY_SERVICE["payments"], lambda: NOW)
    assert shown("posada_payment_requests", status="waiting", stage="1") == 1
    assert shown("posada_payment_request_oldest_seconds", status="waiting", stage="1") == 1200
    assert shown("posada_payment_request_late_seconds", status="waiting", stage="0") == 60
    assert shown("posada_payment_requests", status="escalated", stage="2") == 1
    assert shown("posada_payment_requests", status="refused", stage="2") is None


async def test_feeds_show_their_age_and_their_trouble(fresh_database: FreshDatabase) -> None:
    hour_ago, minute_ago = NOW - timedelta(hours=1), NOW - timedelta(minutes=1)
    async with opened(fresh_database("payments")) as database:
        statement = "INSERT INTO feeds (source, synced_at, failed_at) VALUES ($1, $2, $3)"
        await run(database, statement, "folder", minute_ago, hour_ago)
        await run(database, statement, "http", hour_ago, minute_ago)
        await run(database, statement, "another bank", hour_ago, minute_ago)  # that is no longer configured
        await read(database, BY_SERVICE["payments"], lambda: NOW)
    assert shown("posada_feed_failing", source="folder") == 0
    assert (shown("posada_feed_failing", source="http"), shown("posada_feed_age_seconds", source="http")) == (1, 3600)
    assert shown("posada_feed_failing", source="another bank") is None


def test_the_feeds_that_are_shown_are_those_that_are_configured(tmp_path: Path) -> None:
    service = build_payments(PaymentsSettings(feed_folder=tmp_path))
    assert [one.given for one in service.gauges if "age" in one.gauges] == [(["folder"],)]


async def test_messages_to_be_sent_are_told_by_channel(fresh_database: FreshDatabase) -> None:
    statement = """
INSERT INTO deliveries (booking_id, occasion, audience, channel, recipient, sender_name, text, place, status, due_at,
                        created_at, waits_since) VALUES ($1, 'confirmed', 'guest', 'email', 'x', 'x', 'x', 0, $2, $3,
                        $3, $3)"""
    async with opened(fresh_database("notifications")) as database:
        for status, minutes in (("pending", -4), ("pending", 60), ("sent", -30)):
            await run(database, statement, uuid4(), status, NOW + timedelta(minutes=minutes))
        await read(database, notifications.GAUGES, lambda: NOW)
    names = ("posada_deliveries_pending", "posada_deliveries_due", "posada_deliveries_oldest_due_seconds")
    assert [shown(name, channel="email") for name in names] == [2, 1, 240]
