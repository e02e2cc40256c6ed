"""The statements of the repository, and what becomes of their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from services.notifications.content.calendar import entry_in
from services.notifications.delivery.model import (
    Audience,
    Channel,
    Claimed,
    Content,
    Delivery,
    Form,
    Outcome,
    Sibling,
    Status,
    Template,
)
from services.notifications.events.reminders import Booked, Entry, State

LONGEST_WORDS = 300  # of what a provider says

ADD = """
INSERT INTO deliveries (booking_id, occasion, audience, channel, recipient, sender_name, subject, text, html, calendar,
                        template, place, status, property_id, timezone, urgent, traceparent, due_at, waits_since,
                        provider, created_at, finished_at)
SELECT new.*, new.due_at, CASE WHEN status = 'stored' THEN 'local' END, $19::timestamptz,
       CASE WHEN status IN ('stored', 'withdrawn') THEN $19 END
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
            $10::text[], $11::jsonb[], $12::smallint[], $13::text[], $14::text[], $15::text[], $16::boolean[],
            $17::text[], $18::timestamptz[])
     AS new (booking_id, occasion, audience, channel, recipient, sender_name, subject, text, html, calendar, template,
             place, status, property_id, timezone, urgent, traceparent, due_at)
ON CONFLICT DO NOTHING
RETURNING channel, status"""
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
WITH ours AS (SELECT number FROM deliveries WHERE number = ANY($1::bigint[]) ORDER BY number FOR UPDATE)
UPDATE deliveries SET status = new.status, due_at = coalesce(new.due_at, deliveries.due_at), provider = new.provider,
    provider_id = new.provider_id, provider_status = new.provider_status, problem = new.problem,
    form = new.form, unsure = new.unsure, leased_until = NULL,
    finished_at = CASE WHEN new.status <> 'pending' THEN $11::timestamptz END
FROM unnest($1::bigint[], $2::smallint[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::boolean[])
     AS new (number, attempts, status, due_at, provider, provider_id, provider_status, problem, form, unsure)
JOIN ours ON ours.number = new.number
WHERE deliveries.number = new.number
  AND (deliveries.status = 'pending' AND (deliveries.attempts = new.attempts OR new.status = 'sent')
       OR deliveries.status = 'withdrawn' AND new.status = 'sent')
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
    finished_at = CASE WHEN new.status = 'stored' THEN $4::timestamptz END
FROM unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS new (number, status, due_at)
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
SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[]) ORDER BY 1, 2
ON CONFLICT (channel, address) DO UPDATE SET heard_at = greatest(last_heard.heard_at, excluded.heard_at)"""
ENTRIES = """
SELECT booking_id, as_of, state, booked, left_on FROM agenda
WHERE booking_id = ANY($1::uuid[]) ORDER BY booking_id FOR UPDATE"""
PLAN = """
INSERT INTO agenda (booking_id, as_of, state, booked, left_on)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::jsonb[], $5::date[]) ORDER BY 1
ON CONFLICT (booking_id) DO UPDATE SET as_of = excluded.as_of, state = excluded.state, booked = excluded.booked,
    left_on = excluded.left_on
WHERE agenda.as_of <= excluded.as_of"""
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
UPDATE deliveries SET status = new.status, form = new.form, provider_status = new.said,
    problem = coalesce(new.problem, deliveries.problem),
    due_at = CASE WHEN new.status = 'pending' THEN $9::timestamptz ELSE deliveries.due_at END,
    waits_since = CASE WHEN new.status = 'pending' THEN $9 ELSE deliveries.waits_since END,
    attempts = CASE WHEN new.status = 'pending' THEN 0 ELSE deliveries.attempts END,
    finished_at = CASE WHEN new.status = 'pending' THEN NULL ELSE deliveries.finished_at END,
    delivered_at = coalesce(deliveries.delivered_at, new.delivered_at),
    read_at = coalesce(deliveries.read_at, new.read_at)
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[])
     AS new (number, status, form, said, problem, delivered_at, read_at)
WHERE deliveries.number = new.number AND deliveries.status <> ALL($8::text[])"""
APPLIED = "UPDATE reports SET applied = true WHERE id = ANY($1::bigint[])"


def columns(deliveries: Sequence[Delivery], dues: Sequence[datetime]) -> tuple[list[Any], ...]:
    """What ADD takes."""
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
        [one.content.entry.to_json() if one.content.entry else None for one in deliveries],
        [_packed(one.content.template) for one in deliveries],
        [one.place for one in deliveries],
        [one.status.value for one in deliveries],
        [one.property_id for one in deliveries],
        [one.timezone for one in deliveries],
        [one.urgent for one in deliveries],
        [one.traceparent for one in deliveries],
        list(dues),
    )


def outcome_columns(outcomes: Sequence[Outcome]) -> tuple[list[Any], ...]:
    """What RECORD takes."""
    return (
        [one.claimed.number for one in outcomes],
        [one.claimed.attempt for one in outcomes],
        [one.status.value for one in outcomes],
        [one.due_at for one in outcomes],
        [one.provider for one in outcomes],
        [storable(one.provider_id) for one in outcomes],
        [storable(one.provider_status) for one in outcomes],
        [storable(one.problem) for one in outcomes],
        [one.form.value for one in outcomes],
        [one.unsure for one in outcomes],
    )


def entry_columns(entries: Sequence[Entry]) -> tuple[list[Any], ...]:
    """What PLAN takes."""
    return (
        [one.booking_id for one in entries],
        [one.as_of for one in entries],
        [one.state.value for one in entries],
        [one.booked.model_dump_json(exclude_none=True) for one in entries],
        [one.left_on for one in entries],
    )


def storable(text: str | None) -> str | None:
    """A provider's words without what PostgreSQL cannot keep: one odd answer must not hold up all outcomes."""
    return text and text[:LONGEST_WORDS].encode("utf-8", "replace").decode().replace("\0", "")


def entry(row: Mapping[str, Any]) -> Entry:
    """An entry of the agenda."""
    return Entry(
        row["booking_id"],
        row["as_of"],
        State(row["state"]),
        Booked.model_validate_json(row["booked"]),
        row["left_on"],
    )


def sibling(row: Mapping[str, Any]) -> Sibling:
    """A delivery among its family."""
    return Sibling(row["number"], Channel(row["channel"]), Status(row["status"]), row["place"])


def claimed(row: Mapping[str, Any]) -> Claimed:
    """A delivery that is this instance's for a while."""
    content = Content(row["text"], row["subject"], row["html"], entry_in(row["calendar"]), _unpacked(row["template"]))
    delivery = Delivery(
        booking_id=row["booking_id"],
        occasion=row["occasion"],
        audience=Audience(row["audience"]),
        channel=Channel(row["channel"]),
        recipient=row["recipient"],
        sender_name=row["sender_name"],
        content=content,
        place=row["place"],
        status=Status(row["status"]),
        property_id=row["property_id"],
        timezone=row["timezone"],
        urgent=row["urgent"],
        form=Form(row["form"]),
        traceparent=row["traceparent"],
    )
    return Claimed(row["number"], row["attempts"], delivery, row["was_unsure"], row["heard_at"], row["waits_since"])


def _packed(template: Template | None) -> str | None:
    return orjson.dumps(template).decode() if template else None


def _unpacked(text: str | None) -> Template | None:
    if text is None:
        return None
    found = orjson.loads(text)
    pairs = tuple((name, value) for name, value in found["parameters"])
    return Template(found["name"], found["language"], pairs)
