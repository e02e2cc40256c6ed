"""Databases that tests use one after the other: emptying one takes a fraction of the time that a new one takes."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import asyncpg

from tests.support.servers.databases import Databases, apart_async, ask

Kind = tuple[str, str]  # a service, and what is made beside its schema

# Whatever changes one of these rows gives it another xmin; copies of a database have the same ones.
_SCHEMA = """
WITH relation AS (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
SELECT md5(string_agg(fact, ' ' ORDER BY fact)) FROM (
    SELECT format('%s %s %s %s %s', oid, relname, relowner, relacl, reloptions) AS fact
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT format('%s %s %s', attrelid, attnum, a.xmin)
        FROM pg_attribute a JOIN relation r ON attrelid = r.oid
    UNION ALL SELECT format('%s %s', indexrelid, i.xmin) FROM pg_index i JOIN relation r ON indexrelid = r.oid
    UNION ALL SELECT format('%s %s', oid, xmin) FROM pg_attrdef
    UNION ALL SELECT format('%s %s', oid, xmin) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT format('%s %s', oid, xmin) FROM pg_trigger
    UNION ALL SELECT format('%s %s', oid, xmin) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT format('%s %s', nspname, nspacl) FROM pg_namespace WHERE nspname NOT LIKE 'pg_%'
    UNION ALL SELECT format('%s %s', setrole, setconfig) FROM pg_db_role_setting
        WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION ALL SELECT version_num FROM alembic_version
) AS facts"""
_TABLES_IN_USE = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
    AND pg_relation_size(oid) > 0"""
_SEQUENCES = """
SELECT format('SELECT setval(%L, %s, %L);', format('%I', sequencename), coalesce(last_value, start_value),
    last_value IS NOT NULL)
FROM pg_sequences WHERE schemaname = 'public'"""
_ALONE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""


@dataclass(frozen=True)
class CleanState:
    """A database before its first test: a mark of its schema, the rows of the seed by table, and its sequences."""

    schema: str
    rows: Mapping[str, bytes]
    sequences: str


class DatabasePool:
    """Lends databases of services; one whose schema a test has altered is dropped when it comes back."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._idle: defaultdict[Kind, list[str]] = defaultdict(list)
        self._clean: dict[Kind, CleanState] = {}
        self._lent: dict[str, Kind] = {}

    def lend(self, service: str, more: str = "") -> str:
        """The address of a database with the service's schema and seed and nothing else in it.

        `more` are statements that make tables which only tests have.
        """
        kind = service, more
        url = self._idle[kind].pop() if self._idle[kind] else self._made(kind)
        self._lent[url] = kind
        return url

    def take_back(self, urls: Sequence[str]) -> None:
        """Make databases as they were, whoever is still connected."""
        kinds = {url: self._lent.pop(url) for url in urls}
        usable = apart_async(lambda _: self._restored(kinds), "")
        for url, kind in kinds.items():
            if url in usable:
                self._idle[kind].append(url)
            else:
                self._databases.drop(url)

    def _made(self, kind: Kind) -> str:
        service, more = kind
        url = self._databases.fresh(service)
        if more:
            apart_async(lambda _: ask(url, more), "")
        if kind not in self._clean:
            self._clean[kind] = apart_async(_state_of, self._databases.admin_url(url))
        return url

    async def _restored(self, lent: Mapping[str, Kind]) -> set[str]:
        clean = [self._clean[kind] for kind in lent.values()]
        admins = [self._databases.admin_url(url) for url in lent]
        done = await asyncio.gather(*map(_restore, admins, clean))
        return {url for url, restored in zip(lent, done, strict=True) if restored}


async def _state_of(url: str) -> CleanState:
    connection = await asyncpg.connect(url)
    try:
        rows: dict[str, bytes] = {}
        for row in await connection.fetch(_TABLES_IN_USE):
            content = BytesIO()
            await connection.copy_from_table(row["relname"], output=content, format="binary")
            rows[row["relname"]] = content.getvalue()
        sequences = "".join(row[0] for row in await connection.fetch(_SEQUENCES))
        return CleanState(await connection.fetchval(_SCHEMA), rows, sequences)
    finally:
        await connection.close()


async def _restore(url: str, clean: CleanState) -> bool:
    """Whether the database is as it was again: not where its schema is another, or where we may not."""
    try:
        connection = await asyncpg.connect(url)
    except asyncpg.InvalidCatalogNameError:  # the test dropped it
        return False
    try:
        await connection.execute(_ALONE)
        if await connection.fetchval(_SCHEMA) != clean.schema:
            return False
        async with connection.transaction():
            await _empty_and_plant(connection, clean)
    except (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedTableError):  # no superuser, or tables are gone
        return False
    finally:
        await connection.close()
    return True


async def _empty_and_plant(connection: asyncpg.Connection, clean: CleanState) -> None:
    await connection.execute("SET LOCAL session_replication_role = replica")  # some tables refuse to be truncated
    used = [f'"{row["relname"]}"' for row in await connection.fetch(_TABLES_IN_USE)]
    if used:
        await connection.execute(f"TRUNCATE {', '.join(used)} CASCADE")
    for table, content in clean.rows.items():
        await connection.copy_to_table(table, source=BytesIO(content), format="binary")
    if clean.sequences:
        await connection.execute(clean.sequences)
