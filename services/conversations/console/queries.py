"""The console's queries: pages of threads and messages, searches, and unread counts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database.pool import Connection

Rows = Sequence[Mapping[str, Any]]
LONGEST_PREVIEW = 200  # characters of a thread's last message in a list

# A tenant's threads may have the phone, or a subscriber id that belongs to it, as their contact.
_OF_CONTACT = """
($1::text IS NULL OR threads.contact = $1
 OR threads.contact IN (SELECT subscriber_id FROM subscribers WHERE phone = $1)
 OR threads.contact = (SELECT phone FROM subscribers WHERE subscriber_id = $1))"""
_WITH_COUNTS = f"""
SELECT threads.*, coalesce(last_message_at, created_at) AS moment, last.text AS last_text, last.author AS last_author,
       (SELECT count(*) FROM messages WHERE messages.thread_id = threads.id AND author = 'tenant'
                                        AND number > coalesce(readings.number, 0)) AS unread
FROM threads
LEFT JOIN readings ON readings.thread_id = threads.id AND readings.reader = $2
LEFT JOIN LATERAL (SELECT left(text, {LONGEST_PREVIEW}) AS text, author FROM messages
                   WHERE messages.thread_id = threads.id ORDER BY number DESC LIMIT 1) AS last ON true
"""  # noqa: S608 — only our own constants
_THREADS = f"""{_WITH_COUNTS}
WHERE {_OF_CONTACT}
  AND ($3::text IS NULL OR property_id = $3) AND ($4::text IS NULL OR room = $4)
  AND ($5::uuid IS NULL OR booking_id = $5) AND ($6::boolean IS NULL OR (closed_at IS NULL) = $6)
  AND (NOT $7::boolean OR EXISTS (SELECT FROM messages WHERE messages.thread_id = threads.id AND author = 'tenant'
                                                         AND number > coalesce(readings.number, 0)))
  AND ($8::timestamptz IS NULL OR (coalesce(last_message_at, created_at), threads.id) < ($8, $9::uuid))
ORDER BY coalesce(last_message_at, created_at) DESC, threads.id DESC LIMIT $10"""
_THREAD = f"{_WITH_COUNTS} WHERE threads.id = $1::uuid"
_MESSAGE = """
SELECT messages.number, messages.thread_id, channel, message_id, author, text, sent_at, received_at, attachments,
       provider, threads.name AS thread_name, threads.property_id, threads.room
FROM messages JOIN threads ON threads.id = messages.thread_id"""
_AFTER = f"{_MESSAGE} WHERE thread_id = $1 AND number > $2 ORDER BY number LIMIT $3"
_BEFORE = f"{_MESSAGE} WHERE thread_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3"
_SEARCH = f"""{_MESSAGE}
WHERE {_OF_CONTACT} AND words_of(text) @@ to_tsquery('simple', $2)
  AND ($3::text IS NULL OR property_id = $3) AND ($4::text IS NULL OR room = $4)
  AND ($5::bigint IS NULL OR number < $5)
ORDER BY number DESC LIMIT $6"""
_UNREAD = """
SELECT count(DISTINCT messages.thread_id) AS threads, count(*) AS messages
FROM messages LEFT JOIN readings ON readings.thread_id = messages.thread_id AND readings.reader = $1
WHERE author = 'tenant' AND messages.number > coalesce(readings.number, 0)"""
_IS_THERE = "SELECT true FROM threads WHERE id = $1"
_CONTACTS = "SELECT DISTINCT contact FROM threads WHERE contact > $1 ORDER BY contact LIMIT $2"
_READ = """
INSERT INTO readings (thread_id, reader, number, read_at)
SELECT $1, $2, least($3, coalesce(max(number), 0)), $4 FROM messages WHERE thread_id = $1
ON CONFLICT (thread_id, reader)
DO UPDATE SET number = greatest(readings.number, excluded.number), read_at = excluded.read_at"""


@dataclass(frozen=True, slots=True)
class ThreadFilter:
    """Which threads; None does not restrict. `unread`: only threads with messages that the reader has not read."""

    contact: str | None = None
    property_id: str | None = None
    room: str | None = None
    booking_id: UUID | None = None
    open: bool | None = None
    unread: bool = False


async def threads(
    connection: Connection, wanted: ThreadFilter, reader: str, after: tuple[datetime, UUID] | None, limit: int
) -> Rows:
    """A page of threads, the latest message first; `after` is time and id of the last thread of the page before."""
    moment, last = after or (None, None)
    return await connection.fetch(
        _THREADS,
        wanted.contact,
        reader,
        wanted.property_id,
        wanted.room,
        wanted.booking_id,
        wanted.open,
        wanted.unread,
        moment,
        last,
        limit,
    )


async def thread(connection: Connection, thread_id: UUID, reader: str) -> Mapping[str, Any] | None:
    """One thread, None where there is none."""
    return await connection.fetchrow(_THREAD, thread_id, reader)


async def messages(
    connection: Connection, thread_id: UUID, *, after: int, before: int | None, limit: int
) -> Rows | None:
    """A thread's messages in the order they were stored: after `after`, or the last ones before `before`."""
    if not await connection.fetchval(_IS_THERE, thread_id):
        return None
    if before is None:
        return await connection.fetch(_AFTER, thread_id, after, limit)
    return list(reversed(await connection.fetch(_BEFORE, thread_id, before, limit)))


async def search(connection: Connection, words: str, wanted: ThreadFilter, before: int | None, limit: int) -> Rows:
    """Messages with all the words or beginnings of words, the newest first; `words` comes from `query_of`."""
    return await connection.fetch(_SEARCH, wanted.contact, words, wanted.property_id, wanted.room, before, limit)


async def unread(connection: Connection, reader: str) -> Mapping[str, Any]:
    """How many threads and messages of tenants a reader has not read."""
    row: Mapping[str, Any] | None = await connection.fetchrow(_UNREAD, reader)
    return row or {"threads": 0, "messages": 0}


async def read(connection: Connection, thread_id: UUID, reader: str, number: int, now: datetime) -> bool:
    """Mark a thread as read up to a message, never less than before. False when there is no such thread."""
    if not await connection.fetchval(_IS_THERE, thread_id):
        return False
    await connection.execute(_READ, thread_id, reader, number, now)
    return True


async def contact_page(connection: Connection, after: str, limit: int) -> list[str]:
    """The contacts that have threads, in order, after the given one."""
    return [row["contact"] for row in await connection.fetch(_CONTACTS, after, limit)]


def query_of(text: str) -> str | None:
    """The text-search query: all words as prefixes, without case and accents; None when there is no word."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    folded = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    words = re.findall(r"[^\W_]+", folded)
    return " & ".join(f"{word}:*" for word in words) or None
