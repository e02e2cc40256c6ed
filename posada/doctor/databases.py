"""Looks at a service's database: address and credentials, schema, clock, TLS and rights."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from posada.doctor.clocks import skew
from posada.doctor.findings import Finding, broken, fine, worth_a_look
from shared.clock import system_clock
from shared.database.migrations import newest
from shared.database.pool import UNAVAILABLE
from shared.errors import described

SECONDS = 5
_TLS = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
_OWNS = """
SELECT EXISTS (SELECT FROM pg_tables
WHERE schemaname = current_schema() AND pg_has_role(current_user, tableowner::name, 'MEMBER'))"""
_CLOSED = """
SELECT string_agg(relname, ', ' ORDER BY relname) FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
AND NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
    AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE'))"""
_POWERS = "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
_TWO_ROLES = "run deploy/postgres/databases.sh, which makes an owner that migrates and a role for the service"
_RIGHTS = "run deploy/postgres/databases.sh, which gives the rights; restore backups by the owner's role"


async def look_at(service: str, url: str) -> AsyncIterator[Finding]:
    """Everything about one database; where it cannot be reached, only that."""
    about = f"database of {service}"
    try:
        connection = await asyncpg.connect(url, timeout=SECONDS, command_timeout=SECONDS)
    except (*UNAVAILABLE, asyncpg.PostgresError, ValueError) as fault:
        yield broken(about, f"cannot be used: {described(fault)}", f"correct POSADA_{service.upper()}_DATABASE_URL")
        return
    try:
        async for finding in _found(about, service, url, connection):
            yield finding
    except asyncpg.InsufficientPrivilegeError as fault:
        yield broken(about, f"its role may not look at it: {described(fault)}", _RIGHTS)
    except (*UNAVAILABLE, asyncpg.PostgresError) as fault:
        yield broken(about, f"could not be looked at to the end: {described(fault)}", "see the server's log")
    finally:
        await connection.close()


async def _found(about: str, service: str, url: str, connection: asyncpg.Connection[Any]) -> AsyncIterator[Finding]:
    yield fine(about, "answers, and lets the role in")
    yield await _schema(about, service, connection)
    if closed := await connection.fetchval(_CLOSED):
        yield broken(about, f"its role may not work with {closed}", _RIGHTS)
    before = system_clock()
    theirs = await connection.fetchval("SELECT clock_timestamp()")
    yield skew(about, theirs, before, system_clock())
    yield await _privacy(about, url, connection)
    if await connection.fetchval(_POWERS):
        yield worth_a_look(about, "its role administers the server", _TWO_ROLES)
    elif await connection.fetchval(_OWNS):
        yield worth_a_look(about, "its role owns the tables, and could undo their constraints", _TWO_ROLES)


async def _schema(about: str, service: str, connection: asyncpg.Connection[Any]) -> Finding:
    wanted = newest(service)
    try:
        found = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return broken(about, "has no schema", f"run `posada migrate {service}`")
    except asyncpg.InsufficientPrivilegeError:
        return broken(about, "the role may not read its tables", _RIGHTS)
    if found != wanted:
        return broken(about, f"its schema is {found}, this version needs {wanted}", f"run `posada migrate {service}`")
    return fine(about, f"its schema is {found}, the newest")


async def _privacy(about: str, url: str, connection: asyncpg.Connection[Any]) -> Finding:
    if await connection.fetchval(_TLS):
        if "sslmode=verify-full" in url or ("sslmode=" not in url and os.environ.get("PGSSLMODE") == "verify-full"):
            return fine(about, "uses TLS, and its name is checked")
        return worth_a_look(about, "uses TLS, but its name is not checked", "add sslmode=verify-full to its address")
    if is_near(urlsplit(url).hostname):
        return fine(about, "is on this machine: no TLS is needed")
    remedy = "add ?sslmode=verify-full&sslrootcert=FILE to its address"
    return worth_a_look(about, "is spoken to in plain text over a network", remedy)


def is_near(host: str | None) -> bool:
    """Whether a host is this machine; a socket has none."""
    if host in {None, "", "localhost"}:
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False
