"""The statements of the repository, and what becomes of their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from services.notifications.content.calendar import entry_in
from services.notifications.delivery.model import (
    Channel,
    Claimed,
    Content,
    Delivery,
    Outcome,
    Sibling,
    Status,
    Template,
)
from services.notifications.events.reminders import Booked, Entry
from shared.database.bulk import UPSERT, Column, Table
from shared.database.statements import Statement

LONGEST_WORDS = 300  # of what a provider says

CLAIM = """
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
RENEW = """
UPDATE deliveries SET due_at = $3, leased_until = $3
FROM unnest($1::bigint[], $2::smallint[]) AS ours (number, attempts)
WHERE deliveries.number = ours.number AND deliveries.attempts = ours.attempts AND leased_until IS NOT NULL"""
# Rows are locked in the order of their numbers, as everywhere, so that rivals wait for each other and never deadlock.
RECORD = """
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
LOCK = """
SELECT number FROM deliveries
WHERE number = ANY($1::bigint[])
   OR (booking_id, occasion) IN (SELECT * FROM unnest($2::uuid[], $3::text[]))
ORDER BY number FOR UPDATE"""
SIBLINGS = """
SELECT number, booking_id, occasion, audience, channel, status, place, property_id, timezone, urgent FROM deliveries
WHERE (booking_id, occasion) IN (SELECT * FROM unnest($1::uuid[], $2::text[])) ORDER BY place"""
WAKE = """
UPDATE deliveries SET status = new.status, due_at = new.due_at, waits_since = new.due_at,
    provider = CASE WHEN new.status = 'stored' THEN 'local' END,
    finished_at = CASE WHEN new.status = 'stored' THEN $2::timestamptz END
FROM jsonb_to_recordset($1) AS new (number bigint, status text, due_at timestamptz)
WHERE deliveries.number = new.number"""
WAITING_TOO_LONG = """
SELECT number, booking_id, occasion FROM deliveries
WHERE status = 'pending' AND channel = ANY($1::text[]) AND waits_since <= $2
  AND (leased_until IS NULL OR leased_until <= $3)
ORDER BY number LIMIT $4"""
LAPSE = """
UPDATE deliveries SET status = 'failed', problem = coalesce(problem, 'the provider is away'), leased_until = NULL,
    finished_at = $2
WHERE number = ANY($1::bigint[]) AND status = 'pending' AND (leased_until IS NULL OR leased_until <= $2)
RETURNING booking_id, occasion, channel"""
HEAR = """
INSERT INTO last_heard (channel, address, heard_at)
SELECT * FROM jsonb_to_recordset($1) AS new (channel text, address text, heard_at timestamptz) ORDER BY 1, 2
ON CONFLICT (channel, address) DO UPDATE SET heard_at = greatest(last_heard.heard_at, excluded.heard_at)"""
ENTRIES = """
SELECT booking_id, as_of, state, booked, left_on FROM agenda
WHERE booking_id = ANY($1::uuid[]) ORDER BY booking_id FOR UPDATE"""
TOLD = """
SELECT DISTINCT booking_id, occasion FROM deliveries WHERE booking_id = ANY($1::uuid[]) AND audience = 'guest'"""
IS_OFF = "SELECT true FROM agenda WHERE booking_id = $1 AND state = 'off'"
# What is under way may go out all the same: then its outcome says so, and else nobody tries it again.
WITHDRAW = """
WITH overtaken AS (
    SELECT number FROM deliveries
    WHERE (booking_id, occasion) IN (SELECT * FROM unnest($1::uuid[], $2::text[])) AND audience = 'guest'
      AND status IN ('pending', 'standby') ORDER BY number FOR UPDATE)
UPDATE deliveries SET status = 'withdrawn', finished_at = $3, leased_until = NULL
FROM overtaken WHERE deliveries.number = overtaken.number"""
# What was never begun leaves no trace, so that the same reminder may be planned again; the rest stays in the log.
TAKE_BACK = """
WITH overtaken AS (
    SELECT number, attempts FROM deliveries
    WHERE booking_id = ANY($1::uuid[]) AND split_part(occasion, ':', 1) = ANY($2::text[])
      AND status IN ('pending', 'standby') ORDER BY number FOR UPDATE),
begun AS (
    UPDATE deliveries SET status = 'withdrawn', finished_at = $3, leased_until = NULL
    FROM overtaken WHERE deliveries.number = overtaken.number AND overtaken.attempts > 0)
DELETE FROM deliveries USING overtaken WHERE deliveries.number = overtaken.number AND overtaken.attempts = 0"""
UNAPPLIED = """
SELECT reports.id, reports.fate, reports.at, reports.said, reports.problem AS reported_problem, deliveries.number,
       deliveries.booking_id, deliveries.occasion, deliveries.channel
FROM reports JOIN deliveries USING (provider, provider_id)
WHERE NOT reports.applied ORDER BY reports.id LIMIT $1"""
STATUSES = "SELECT number, status, form, template IS NOT NULL AS has_template FROM deliveries WHERE number = ANY($1)"
REPORTED = """
UPDATE deliveries SET status = $2, form = $3, provider_status = $4, problem = coalesce($5, problem),
    due_at = CASE WHEN $2 = 'pending' THEN $9::timestamptz ELSE due_at END,
    waits_since = CASE WHEN $2 = 'pending' THEN $9 ELSE waits_since END,
    attempts = CASE WHEN $2 = 'pending' THEN 0 ELSE attempts END,
    finished_at = CASE WHEN $2 = 'pending' THEN NULL ELSE finished_at END,
    delivered_at = coalesce(delivered_at, $6), read_at = coalesce(read_at, $7)
WHERE number = $1 AND status <> ALL($8::text[])"""
APPLIED = "UPDATE reports SET applied = true WHERE id = ANY($1::bigint[])"


def storable(text: str | None) -> str | None:
    """A provider's words without what PostgreSQL cannot keep: one odd answer must not hold up all outcomes."""
    return text and text[:LONGEST_WORDS].encode("utf-8", "replace").decode().replace("\0", "")


def _template(kept: Mapping[str, Any] | None) -> Template | None:
    if kept is None:
        return None
    return Template(kept["name"], kept["language"], tuple((name, value) for name, value in kept["parameters"]))


def _content(row: Mapping[str, Any]) -> Content:
    return Content(row["text"], row["subject"], row["html"], entry_in(row["calendar"]), _template(row["template"]))


DELIVERIES = Table(
    "deliveries",
    Delivery,
    Column("subject", "text", lambda one: one.content.subject),
    Column("text", "text", lambda one: one.content.text),
    Column("html", "text", lambda one: one.content.html),
    Column("calendar", "jsonb", lambda one: one.content.entry),
    Column("template", "jsonb", lambda one: one.content.template),
    Column("provider", "text", lambda one: "local" if one.status is Status.STORED else None),
    Column("due_at", "timestamptz"),
    Column("waits_since", "timestamptz"),
    Column("created_at", "timestamptz"),
    Column("finished_at", "timestamptz"),
    without=("content",),
    on_conflict="DO NOTHING RETURNING channel, status",
)
AGENDA = Table(
    "agenda",
    Entry,
    Column(
        "booked",
        "jsonb",
        lambda entry: orjson.Fragment(entry.booked.model_dump_json(exclude_none=True)),
        Booked.model_validate,
    ),
    key="booking_id",
    on_conflict=f"{UPSERT} WHERE agenda.as_of <= excluded.as_of",
)


def outcome_row(outcome: Outcome) -> dict[str, Any]:
    """What RECORD takes."""
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


def add(deliveries: Iterable[Delivery], due_at: Callable[[Delivery], datetime], now: datetime) -> Statement:
    """Writes deliveries down: when each may go out at the earliest, and when those that never do were finished."""
    over = {Status.STORED, Status.WITHDRAWN}
    return DELIVERIES.insert(
        deliveries,
        due_at=due_at,
        waits_since=due_at,
        created_at=now,
        finished_at=lambda one: now if one.status in over else None,
    )


def sibling(row: Mapping[str, Any]) -> Sibling:
    """A delivery among its family."""
    return Sibling(row["number"], Channel(row["channel"]), Status(row["status"]), row["place"])


def claimed(row: Mapping[str, Any]) -> Claimed:
    """A delivery that is this instance's for a while."""
    delivery = DELIVERIES.read(row, content=_content(row))
    return Claimed(row["number"], row["attempts"], delivery, row["was_unsure"], row["heard_at"], row["waits_since"])
