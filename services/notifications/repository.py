"""The only queries of notifications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.notifications.deliveries import (
    Audience,
    Claimed,
    Content,
    Delivery,
    Outcome,
    Sibling,
    Status,
    next_in_line,
    nobody_told,
)
from services.notifications.desk import Desk
from services.notifications.metrics import DELIVERIES
from shared.contracts.common import Channel
from shared.database import Connection
from shared.messages import Message

LONGEST_WORDS = 300  # of what a provider says

_ADD = """
INSERT INTO deliveries (booking_id, occasion, audience, channel, recipient, sender_name, subject, text, html, place,
                        status, provider, due_at, created_at, finished_at)
SELECT *, CASE WHEN status = 'stored' THEN 'local' END, $12::timestamptz, $12,
       CASE WHEN status = 'stored' THEN $12 END
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
            $10::smallint[], $11::text[]) AS new (booking_id, occasion, audience, channel, recipient, sender_name,
                                                  subject, text, html, place, status)
ON CONFLICT DO NOTHING
RETURNING channel, status"""
_CLAIM = """
WITH due AS (
    SELECT one.number FROM unnest($1::text[], $2::int[]) AS slots (channel, free)
    CROSS JOIN LATERAL (
        SELECT number FROM deliveries
        WHERE status = 'pending' AND deliveries.channel = slots.channel AND due_at <= $3
        ORDER BY due_at LIMIT slots.free FOR UPDATE SKIP LOCKED) AS one)
UPDATE deliveries SET due_at = $3 + $4, attempts = attempts + 1 FROM due WHERE deliveries.number = due.number
RETURNING deliveries.*"""
_RECORD = """
UPDATE deliveries SET status = new.status, due_at = coalesce(new.due_at, deliveries.due_at), provider = new.provider,
    provider_id = new.provider_id, provider_status = new.provider_status, problem = new.problem,
    finished_at = CASE WHEN new.status <> 'pending' THEN $9::timestamptz END
FROM unnest($1::bigint[], $2::smallint[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[],
            $8::text[]) AS new (number, attempts, status, due_at, provider, provider_id, provider_status, problem)
WHERE deliveries.number = new.number AND deliveries.status = 'pending'
  AND (deliveries.attempts = new.attempts OR new.status = 'sent')
RETURNING deliveries.booking_id, deliveries.occasion, deliveries.status"""
_LOCK = """
SELECT number FROM deliveries
WHERE number = ANY($1::bigint[])
   OR (booking_id, occasion) IN (SELECT * FROM unnest($2::uuid[], $3::text[]))
ORDER BY number FOR UPDATE"""
_SIBLINGS = """
SELECT number, booking_id, occasion, audience, channel, status, place FROM deliveries
WHERE (booking_id, occasion) IN (SELECT * FROM unnest($1::uuid[], $2::text[])) ORDER BY place"""
_WAKE = """
UPDATE deliveries SET status = new.status, due_at = $3::timestamptz,
    provider = CASE WHEN new.status = 'stored' THEN 'local' END,
    finished_at = CASE WHEN new.status = 'stored' THEN $3 END
FROM unnest($1::bigint[], $2::text[]) AS new (number, status) WHERE deliveries.number = new.number"""
_OUTBOX = """
SELECT * FROM (
    SELECT * FROM deliveries WHERE status = 'stored' AND ($2::uuid IS NULL OR booking_id = $2)
    ORDER BY number DESC LIMIT $1) AS newest
ORDER BY number"""
_LOG = """
SELECT * FROM deliveries
WHERE ($1::uuid IS NULL OR booking_id = $1) AND ($2::text IS NULL OR status = $2)
  AND ($3::text IS NULL OR channel = $3) AND ($4::bigint IS NULL OR number < $4)
ORDER BY number DESC LIMIT $5"""


@dataclass
class World:
    """What a batch of events leads to."""

    desk: Desk
    new: list[Delivery] = field(default_factory=list)

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Have deliveries written with the batch; those that are there already stay as they are."""
        self.new += deliveries


@dataclass(frozen=True, slots=True)
class Lost:
    """An occasion that its audience heard of by no channel."""

    booking_id: UUID
    occasion: str
    audience: Audience
    channels: tuple[str, ...]


class Repository:
    """The deliveries: written by the batch shell, claimed and recorded by the sender, read by the API."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def load(self, connection: Connection, messages: Sequence[Message], now: datetime) -> World:
        """Nothing is read: what was written before is found when writing."""
        del connection, messages, now
        return World(self._desk)

    async def save(self, connection: Connection, world: World, now: datetime) -> None:
        """Write what is new, in one sorted order so that rivals wait for each other and never deadlock."""
        if not world.new:
            return
        new = sorted(world.new, key=lambda one: (one.booking_id, one.occasion, one.recipient, one.channel))
        written = await connection.fetch(_ADD, *_columns(new), now)
        _count_stored([row["channel"] for row in written if row["status"] == Status.STORED])

    async def claim(
        self, connection: Connection, slots: Mapping[Channel, int], now: datetime, lease: timedelta
    ) -> list[Claimed]:
        """Take due deliveries, at most so many of each channel; they come back to everybody when the lease ends."""
        rows = await connection.fetch(_CLAIM, list(slots), list(slots.values()), now, lease)
        return [_claimed(row) for row in rows]

    async def record(self, connection: Connection, outcomes: Sequence[Outcome], now: datetime) -> list[Lost]:
        """Write outcomes, wake the next channel of each that failed, and return what now has no channel left.

        A failure that was overtaken by another instance's attempt changes nothing; a message that went out did.
        """
        if not outcomes:
            return []
        failing = {_occasion(one) for one in outcomes if one.status is Status.FAILED}
        numbers = sorted(one.claimed.number for one in outcomes)
        await connection.execute(_LOCK, numbers, *_split(failing))
        rows = await connection.fetch(_RECORD, *_outcome_columns(outcomes), now)
        failed = {(row["booking_id"], row["occasion"]) for row in rows if row["status"] == Status.FAILED}
        return await self._pass_on(connection, failed, now) if failed else []

    async def _pass_on(self, connection: Connection, failed: set[tuple[UUID, str]], now: datetime) -> list[Lost]:
        rows = await connection.fetch(_SIBLINGS, *_split(failed))
        lost: list[Lost] = []
        woken: list[Sibling] = []
        for booking_id, occasion in failed:
            family = [row for row in rows if (row["booking_id"], row["occasion"]) == (booking_id, occasion)]
            siblings = [_sibling(row) for row in family]
            if following := next_in_line(siblings):
                woken.append(following)
            elif nobody_told(siblings):
                audience = Audience(family[0]["audience"])
                lost.append(Lost(booking_id, occasion, audience, tuple(one.channel.value for one in siblings)))
        await self._wake(connection, woken, now)
        return lost

    async def _wake(self, connection: Connection, woken: Sequence[Sibling], now: datetime) -> None:
        statuses = [self._desk.first_status(one.channel) for one in woken]
        await connection.execute(_WAKE, [one.number for one in woken], [status.value for status in statuses], now)
        _count_stored([one.channel for one, status in zip(woken, statuses, strict=True) if status is Status.STORED])

    async def outbox(self, connection: Connection, limit: int, booking_id: UUID | None) -> list[Mapping[str, Any]]:
        """The newest messages of the local outbox, oldest of them first."""
        return list(await connection.fetch(_OUTBOX, limit, booking_id))

    async def log(
        self,
        connection: Connection,
        *,
        booking_id: UUID | None,
        status: Status | None,
        channel: Channel | None,
        before: int | None,
        limit: int,
    ) -> list[Mapping[str, Any]]:
        """Deliveries, newest first, older than the number `before`."""
        return list(await connection.fetch(_LOG, booking_id, status, channel, before, limit))


def _count_stored(channels: Sequence[str]) -> None:
    for channel in channels:
        DELIVERIES.labels(channel, Status.STORED).inc()


def _columns(deliveries: Sequence[Delivery]) -> tuple[list[Any], ...]:
    return (
        [one.booking_id for one in deliveries],
        [one.occasion for one in deliveries],
        [one.audience.value for one in deliveries],
        [one.channel.value for one in deliveries],
        [one.recipient for one in deliveries],
        [one.sender_name for one in deliveries],
        [one.content.subject for one in deliveries],
        [one.content.text for one in deliveries],
        [one.content.html for one in deliveries],
        [one.place for one in deliveries],
        [one.status.value for one in deliveries],
    )


def _outcome_columns(outcomes: Sequence[Outcome]) -> tuple[list[Any], ...]:
    return (
        [one.claimed.number for one in outcomes],
        [one.claimed.attempt for one in outcomes],
        [one.status.value for one in outcomes],
        [one.due_at for one in outcomes],
        [one.provider for one in outcomes],
        [_storable(one.provider_id) for one in outcomes],
        [_storable(one.provider_status) for one in outcomes],
        [_storable(one.problem) for one in outcomes],
    )


def _storable(text: str | None) -> str | None:
    """A provider's words without what PostgreSQL cannot keep: one odd answer must not hold up all outcomes."""
    return text and text[:LONGEST_WORDS].encode("utf-8", "replace").decode().replace("\0", "")


def _occasion(outcome: Outcome) -> tuple[UUID, str]:
    return outcome.claimed.delivery.booking_id, outcome.claimed.delivery.occasion


def _split(pairs: set[tuple[UUID, str]]) -> tuple[list[UUID], list[str]]:
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _sibling(row: Mapping[str, Any]) -> Sibling:
    return Sibling(row["number"], Channel(row["channel"]), Status(row["status"]), row["place"])


def _claimed(row: Mapping[str, Any]) -> Claimed:
    delivery = Delivery(
        row["booking_id"],
        row["occasion"],
        Audience(row["audience"]),
        Channel(row["channel"]),
        row["recipient"],
        row["sender_name"],
        Content(row["text"], row["subject"], row["html"]),
        row["place"],
        Status(row["status"]),
    )
    return Claimed(row["number"], row["attempts"], delivery)
