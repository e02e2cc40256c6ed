"""Fills the services' databases with past bookings: copies of a real one, made by SQL in bulk under other names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg

from deploy.local.databases import at_database

CHUNK: Final = 25_000
PROPERTIES: Final = 1000
BOOKINGS_A_NIGHT: Final = 12
ROOMS: Final = 3
SPARED: Final = ("full_page_writes", "autovacuum")

# $1 is the booking that is copied, $2 and $3 the first and last number of the copies, copy_n one of them,
# $4 the rooms of a property, $5 the first property; a copy stays in the past, in rooms and a night of its own.
_PROPERTY: Final = f"'bench-' || ($5::integer + copy_n % {PROPERTIES})"
_PLACE: Final = f"(copy_n / {PROPERTIES} % {BOOKINGS_A_NIGHT} * {ROOMS})::integer"
_NIGHT: Final = f"current_date - 2 - (copy_n / {PROPERTIES * BOOKINGS_A_NIGHT})::integer"
_COLUMNS: Final[Mapping[str, str]] = {
    "property_id": f"CASE WHEN t.property_id = '' THEN '' ELSE {_PROPERTY} END",
    "check_in": _NIGHT,
    "check_out": f"{_NIGHT} + 1",
    "night": _NIGHT,
    "room": f"($4::text[])[{_PLACE} + copy_row::integer]",
    "code": "'F' || copy_n || '-' || copy_row",
    "request_id": "'fill-' || copy_n",
    "confirmation_number": "'FILL-' || copy_n",
    "transfer_id": "'fill-' || copy_n",
    "authorization_number": "'F' || copy_n",
    "authorization_key": "'F' || copy_n",
    "contact": "'+5039' || copy_n",
}
_ROOMS_OF_A_HOLD: Final = f"($4::text[])[{_PLACE} + 1 : {_PLACE} + {ROOMS}]"
_PAYMENT: Final = "(SELECT payment_id FROM payment_requests WHERE booking_id = $1)"
# Whose rows are the booking's, where its id does not stand in `booking_id` or `id`.
_OTHERS: Final[Mapping[tuple[str, str], str]] = {
    ("payments", "payments"): f"id = {_PAYMENT}",
    ("payments", "ledger"): f"payment_id = {_PAYMENT}",
}
# What the engine remembers of messages belongs to no booking: each copy gets as many rows as a booking has on average.
_INBOX: Final = """
    INSERT INTO inbox (message_key, received_at)
    SELECT md5(copy_n || '/' || place)::uuid, now()
    FROM generate_series($1::bigint, $2::bigint) AS copy_n, generate_series(1, $3::integer) AS place"""


@dataclass(frozen=True)
class Fill:
    """Copies of a booking that ended well, in the databases that the administrator reaches at these addresses."""

    admin_urls: Mapping[str, str]
    booking_id: Any
    messages: Mapping[str, int]
    rooms: Sequence[str]
    first_property: int

    async def add(self, first: int, last: int, on_progress: Callable[[str], None]) -> None:
        """Write the copies of these numbers, both included, into every database, and renew its statistics.

        Raises ValueError where a database has nothing of the booking, so that it would stay empty.
        """
        async with _in_a_hurry(next(iter(self.admin_urls.values()))):
            await asyncio.gather(*[self._one(service, first, last, on_progress) for service in self.admin_urls])

    async def _one(self, service: str, first: int, last: int, on_progress: Callable[[str], None]) -> None:
        connection = await asyncpg.connect(self.admin_urls[service], server_settings={"synchronous_commit": "off"})
        try:
            # Copies are as right as what they are copies of: nothing is checked again.
            await connection.execute("SET session_replication_role = replica")
            statements = await self._statements(connection, service)
            for begin in range(first, last + 1, CHUNK):
                end = min(begin + CHUNK - 1, last)
                written = 0
                for statement in statements:
                    status = await connection.execute(
                        statement, self.booking_id, begin, end, self.rooms, self.first_property
                    )
                    written += int(status.rpartition(" ")[2])
                if written <= end - begin:
                    raise ValueError(f"{service} has too little of booking {self.booking_id} to be copied")
                if messages := self.messages.get(service):
                    await connection.execute(_INBOX, begin, end, messages)
            await connection.execute("VACUUM ANALYZE")
            on_progress(f"{service}: filled up to {last:,}")
        finally:
            await connection.close()

    async def _statements(self, connection: asyncpg.Connection[Any], service: str) -> list[str]:
        tables: dict[str, list[tuple[str, str]]] = {}
        for table, column, kind in await connection.fetch(
            """SELECT c.table_name, c.column_name, c.data_type
               FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
               WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.is_generated = 'NEVER'
                   AND c.is_identity = 'NO'
               ORDER BY c.table_name, c.ordinal_position"""
        ):
            tables.setdefault(table, []).append((column, kind))
        return [
            _statement(table, columns, whose)
            for table, columns in tables.items()
            if (whose := _whose(service, table, columns)) is not None
        ]


@asynccontextmanager
async def _in_a_hurry(admin_url: str) -> AsyncIterator[None]:
    """Spare the server what only a crash or a longer life would need, and have all on disk before anybody measures."""
    connection = await asyncpg.connect(admin_url)
    try:
        for name in SPARED:
            await connection.execute(f"ALTER SYSTEM SET {name} = off")
        await connection.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            for name in SPARED:
                await connection.execute(f"ALTER SYSTEM RESET {name}")
            await connection.execute("SELECT pg_reload_conf()")
            await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


def administered(admin_url: str, url: str) -> str:
    """The database of `url` at the administrator's address."""
    return at_database(admin_url, urlsplit(url).path[1:])


def _whose(service: str, table: str, columns: list[tuple[str, str]]) -> str | None:
    if (service, table) in _OTHERS:
        return _OTHERS[service, table]
    found = next((name for name in ("booking_id", "id") if (name, "uuid") in columns), None)
    return None if found is None or table == "outbox" else f"{found} = $1"


def _statement(table: str, columns: list[tuple[str, str]], whose: str) -> str:
    names = ", ".join(f'"{column}"' for column, _ in columns)
    values = ", ".join(_value(table, column, kind) for column, kind in columns)
    return f"""
        INSERT INTO "{table}" ({names})
        SELECT {values}
        FROM generate_series($2::bigint, $3::bigint) AS copy_n,
            (SELECT *, row_number() OVER (ORDER BY ctid) AS copy_row FROM "{table}" WHERE {whose}) AS t
        WHERE $4::text[] IS NOT NULL AND $5::integer >= 0"""  # noqa: S608 — names out of the catalogue, no input


def _value(table: str, column: str, kind: str) -> str:
    if (table, column) == ("holds", "rooms"):
        return _ROOMS_OF_A_HOLD
    if kind == "uuid":
        # The same everywhere, so that what belongs together stays so across tables and databases.
        return f"md5(t.\"{column}\"::text || '/' || copy_n)::uuid"
    if column in _COLUMNS:
        return f'CASE WHEN t."{column}" IS NOT NULL THEN {_COLUMNS[column]} END'
    return f't."{column}"'
