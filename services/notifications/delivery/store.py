"""Deliveries on their way: written down, claimed for an attempt, recorded, and passed on to the next channel."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID, uuid4

from services.notifications.delivery.metrics import DELIVERIES as COUNTED
from services.notifications.delivery.model import (
    Audience,
    Channel,
    Claimed,
    Delivery,
    Outcome,
    Sibling,
    Status,
    next_in_line,
    nobody_told,
)
from services.notifications.delivery.queries import DeliveryQueries
from services.notifications.delivery.rows import DELIVERIES, claimed, storable
from shared.commit_hooks import on_commit
from shared.database.pool import Connection
from shared.database.statements import Statement
from shared.jobs.wake import WakeSignal


class FirstAttempt(Protocol):
    """How and when a new delivery is first attempted."""

    def first_status(self, channel: Channel) -> Status:
        """The status of a message that may be sent at once."""

    def not_before(self, channel: Channel, property_id: str, zone: str, urgent: bool, now: datetime) -> datetime:
        """The earliest moment for it."""


LAPSES = 200  # at most in one transaction

_CLAIM = """
WITH due AS (
    SELECT one.number, one.unsure FROM unnest($1::text[], $2::int[]) AS slots (channel, free)
    CROSS JOIN LATERAL (
        SELECT number, unsure FROM deliveries
        WHERE status = 'pending' AND deliveries.channel = slots.channel AND due_at <= $3
        ORDER BY due_at LIMIT slots.free FOR UPDATE SKIP LOCKED) AS one)
UPDATE deliveries SET due_at = $3 + $4, leased_until = $3 + $4, attempts = attempts + 1, unsure = true
FROM due WHERE deliveries.number = due.number
RETURNING deliveries.*, due.unsure AS was_unsure,
    (SELECT heard_at FROM last_heard
     WHERE last_heard.channel = deliveries.channel AND last_heard.address = deliveries.recipient) AS heard_at"""
_RENEW = """
UPDATE deliveries SET due_at = $3, leased_until = $3
FROM unnest($1::bigint[], $2::smallint[]) AS ours (number, attempts)
WHERE deliveries.number = ours.number AND deliveries.attempts = ours.attempts AND leased_until IS NOT NULL"""
# Rows are locked in the order of their numbers, as everywhere, so that rivals wait for each other and never deadlock.
_RECORD = """
WITH ours AS (
    SELECT new.* FROM jsonb_to_recordset($1)
        AS new (number bigint, attempts smallint, status text, due_at timestamptz, provider text, provider_id text,
                provider_status text, problem text, form text, unsure boolean)
    JOIN deliveries USING (number) ORDER BY number FOR UPDATE OF deliveries)
UPDATE deliveries SET status = ours.status, due_at = coalesce(ours.due_at, deliveries.due_at), provider = ours.provider,
    provider_id = ours.provider_id, provider_status = ours.provider_status, problem = ours.problem,
    form = ours.form, unsure = ours.unsure, leased_until = NULL,
    finished_at = CASE WHEN ours.status <> 'pending' THEN $2::timestamptz END
FROM ours
WHERE deliveries.number = ours.number
  AND (deliveries.status = 'pending' AND (deliveries.attempts = ours.attempts OR ours.status = 'sent')
       OR deliveries.status = 'withdrawn' AND ours.status = 'sent')
RETURNING deliveries.booking_id, deliveries.occasion, deliveries.status"""
_LOCK = """
SELECT number FROM deliveries
WHERE number = ANY($1::bigint[])
   OR (booking_id, occasion) IN (SELECT * FROM unnest($2::uuid[], $3::text[]))
ORDER BY number FOR UPDATE"""
_SIBLINGS = """
SELECT number, booking_id, occasion, audience, channel, status, place, property_id, timezone, urgent FROM deliveries
WHERE (booking_id, occasion) IN (SELECT * FROM unnest($1::uuid[], $2::text[])) ORDER BY place"""
_WAKE = """
UPDATE deliveries SET status = new.status, due_at = new.due_at, waits_since = new.due_at,
    provider = CASE WHEN new.status = 'stored' THEN 'local' END,
    finished_at = CASE WHEN new.status = 'stored' THEN $2::timestamptz END
FROM jsonb_to_recordset($1) AS new (number bigint, status text, due_at timestamptz)
WHERE deliveries.number = new.number"""
_WAITING_TOO_LONG = """
SELECT number, booking_id, occasion FROM deliveries
WHERE status = 'pending' AND channel = ANY($1::text[]) AND waits_since <= $2
  AND (leased_until IS NULL OR leased_until <= $3)
ORDER BY number LIMIT $4"""
_LAPSE = """
UPDATE deliveries SET status = 'failed', problem = coalesce(problem, 'the provider is away'), leased_until = NULL,
    finished_at = $2
WHERE number = ANY($1::bigint[]) AND status = 'pending' AND (leased_until IS NULL OR leased_until <= $2)
RETURNING booking_id, occasion, channel"""
_ALARMS = "SELECT channel, alarm_id, raised_at, cleared_at FROM alarms FOR UPDATE"
_RAISE = """
INSERT INTO alarms (channel, alarm_id, raised_at) VALUES ($1, $2, $3)
ON CONFLICT (channel) DO UPDATE SET alarm_id = excluded.alarm_id, raised_at = excluded.raised_at, cleared_at = NULL
WHERE alarms.cleared_at IS NOT NULL
RETURNING channel"""
_CLEAR = "UPDATE alarms SET cleared_at = $2 WHERE channel = $1 AND cleared_at IS NULL RETURNING channel"

Occasion = tuple[UUID, str]


@dataclass(frozen=True, slots=True)
class Lost:
    """An occasion whose messages failed on every channel."""

    booking_id: UUID
    occasion: str
    audience: Audience
    channels: tuple[str, ...]
    property_id: str = ""


Composer = TypeVar("Composer", bound=FirstAttempt)


class DeliveryStore(DeliveryQueries, Generic[Composer]):
    """Writes deliveries, and what becomes of them. The composer decides how and when each is first attempted."""

    def __init__(self, composer: Composer, wake: WakeSignal | None = None) -> None:
        self._composer = composer
        self._wake = wake or WakeSignal()

    async def add(self, connection: Connection, deliveries: Sequence[Delivery], now: datetime) -> None:
        """Write deliveries down, in one sorted order; those that are there already stay as they are."""
        statement = DELIVERIES.insert(_in_order(deliveries), **self._given(now))
        written = await connection.fetch(statement.sql, *statement.parameters)
        _count_stored([row["channel"] for row in written if row["status"] == Status.STORED])
        on_commit(self._wake.set)

    def added_as_new(self, deliveries: Sequence[Delivery], now: datetime) -> Statement:
        """The same as a statement that fails as a Conflict if one of them is there already."""
        _count_stored([one.channel for one in deliveries if one.status is Status.STORED])
        on_commit(self._wake.set)
        return DELIVERIES.insert_new(_in_order(deliveries), **self._given(now))

    def _given(self, now: datetime) -> dict[str, Any]:
        """The columns of a new delivery that are no fields of it."""

        def due_at(one: Delivery) -> datetime:
            return self._composer.not_before(one.channel, one.property_id, one.timezone, one.urgent, now)

        def finished_at(one: Delivery) -> datetime | None:
            return now if one.status in {Status.STORED, Status.WITHDRAWN} else None

        return {"due_at": due_at, "waits_since": due_at, "created_at": now, "finished_at": finished_at}

    async def claim(
        self, connection: Connection, slots: Mapping[Channel, int], now: datetime, lease: timedelta
    ) -> list[Claimed]:
        """Take due deliveries, at most so many of each channel; they come back to everybody when the lease ends."""
        rows = await connection.fetch(_CLAIM, list(slots), list(slots.values()), now, lease)
        return [claimed(row) for row in rows]

    async def renew(self, connection: Connection, claimed: Sequence[Claimed], until: datetime) -> None:
        """Keep deliveries that are under way until then, unless they have been recorded meanwhile."""
        await connection.execute(_RENEW, [one.number for one in claimed], [one.attempt for one in claimed], until)

    async def record(self, connection: Connection, outcomes: Sequence[Outcome], now: datetime) -> list[Lost]:
        """Write outcomes, wake the next channel of each that failed, and return what now has no channel left.

        A failure that was overtaken by another instance's attempt changes nothing; a message that went out did.
        Failures need a transaction, without any it is one statement.
        """
        if not outcomes:
            return []
        failing = {_occasion(one) for one in outcomes if one.status is Status.FAILED}
        if failing:
            numbers = sorted(one.claimed.number for one in outcomes)
            await self.lock(connection, numbers, failing)
        rows = await connection.fetch(_RECORD, [_outcome_row(one) for one in outcomes], now)
        failed = {(row["booking_id"], row["occasion"]) for row in rows if row["status"] == Status.FAILED}
        return await self.pass_on(connection, failed, now)

    async def lapse(
        self, connection: Connection, channels: Iterable[Channel], before: datetime, now: datetime
    ) -> list[Lost]:
        """Give up what has waited for an absent provider since before a moment, and wake the next channels."""
        names = [channel.value for channel in channels]
        waiting = await connection.fetch(_WAITING_TOO_LONG, names, before, now, LAPSES)
        if not waiting:
            return []
        numbers = [row["number"] for row in waiting]
        await self.lock(connection, numbers, {(row["booking_id"], row["occasion"]) for row in waiting})
        rows = await connection.fetch(_LAPSE, numbers, now)
        for row in rows:
            COUNTED.labels(row["channel"], Status.FAILED).inc()
        return await self.pass_on(connection, {(row["booking_id"], row["occasion"]) for row in rows}, now)

    async def open_alarms(self, connection: Connection) -> dict[Channel, tuple[UUID, datetime]]:
        """Alarms that were raised and not cleared, with their times."""
        rows = await connection.fetch(_ALARMS)
        return {
            Channel(row["channel"]): (row["alarm_id"], row["raised_at"]) for row in rows if row["cleared_at"] is None
        }

    async def raise_alarm(self, connection: Connection, channel: Channel, now: datetime) -> UUID | None:
        """Begin an alarm; None where one is open, this instance's or another's."""
        alarm_id = uuid4()
        return alarm_id if await connection.fetchval(_RAISE, channel.value, alarm_id, now) else None

    async def clear_alarm(self, connection: Connection, channel: Channel, now: datetime) -> bool:
        """End an alarm; False where there is none."""
        return bool(await connection.fetchval(_CLEAR, channel.value, now))

    async def lock(self, connection: Connection, numbers: Sequence[int], occasions: set[Occasion]) -> None:
        """Lock deliveries and all of some occasions, in one sorted order so that rivals never deadlock."""
        await connection.execute(_LOCK, numbers, *columns_of(occasions))

    async def pass_on(self, connection: Connection, failed: set[Occasion], now: datetime) -> list[Lost]:
        """Wake the next channel of occasions where one has failed, and return those that have none left."""
        if not failed:
            return []
        rows = await connection.fetch(_SIBLINGS, *columns_of(failed))
        lost: list[Lost] = []
        woken: list[Mapping[str, Any]] = []
        for booking_id, occasion in failed:
            family = [row for row in rows if (row["booking_id"], row["occasion"]) == (booking_id, occasion)]
            siblings: list[Sibling] = [_sibling(row) for row in family]
            if following := next_in_line(siblings):
                woken.append(next(row for row in family if row["number"] == following.number))
            elif nobody_told(siblings):
                audience = Audience(family[0]["audience"])
                channels = tuple(one.channel.value for one in siblings)
                lost.append(Lost(booking_id, occasion, audience, channels, family[0]["property_id"]))
        if woken:
            await self._begin(connection, woken, now)
        return lost

    async def _begin(self, connection: Connection, woken: Sequence[Mapping[str, Any]], now: datetime) -> None:
        changes = [
            {
                "number": row["number"],
                "status": self._composer.first_status(Channel(row["channel"])),
                "due_at": self._composer.not_before(
                    Channel(row["channel"]), row["property_id"], row["timezone"], row["urgent"], now
                ),
            }
            for row in woken
        ]
        await connection.execute(_WAKE, changes, now)
        stored = [change["number"] for change in changes if change["status"] is Status.STORED]
        _count_stored([row["channel"] for row in woken if row["number"] in stored])
        on_commit(self._wake.set)


def _in_order(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """One order for all writers, so that rivals wait for each other and never deadlock."""
    return sorted(deliveries, key=lambda one: (one.booking_id, one.occasion, one.recipient, one.channel))


def _outcome_row(outcome: Outcome) -> dict[str, Any]:
    return {
        "number": outcome.claimed.number,
        "attempts": outcome.claimed.attempt,
        "status": outcome.status,
        "due_at": outcome.due_at,
        "provider": outcome.provider,
        "provider_id": storable(outcome.provider_id),
        "provider_status": storable(outcome.provider_status),
        "problem": storable(outcome.problem),
        "form": outcome.form,
        "unsure": outcome.unsure,
    }


def _count_stored(channels: Sequence[str]) -> None:
    for channel in channels:
        on_commit(COUNTED.labels(channel, Status.STORED).inc)


def _occasion(outcome: Outcome) -> Occasion:
    return outcome.claimed.delivery.booking_id, outcome.claimed.delivery.occasion


def columns_of(pairs: Collection[Occasion]) -> tuple[list[UUID], list[str]]:
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _sibling(row: Mapping[str, Any]) -> Sibling:
    """A delivery among its family."""
    return Sibling(row["number"], Channel(row["channel"]), Status(row["status"]), row["place"])
