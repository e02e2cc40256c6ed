"""Makes a database with two roles for each service in any PostgreSQL server: its owner, and who works with its rows.

For operators' own servers `deploy/postgres/databases.sh` does the same.
"""

import re
from abc import abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from deploy.local.backend import Backend
from deploy.local.processes.folders import KeptSecret
from deploy.local.processes.waiting import run_apart

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,56}")  # of PostgreSQL's 63 the owner's name needs six more
ANSWER_TIMEOUT_S: Final = 5.0
CHANGE_TIMEOUT_S: Final = 60.0
LOCK_TIMEOUT_S: Final = 5
# Two test sessions may prepare the same server at once: any number that both take as a lock.
LOCK: Final = 706_829

# What an administrator restored is the administrator's. Tables take their own sequences along.
_OF_OTHERS: Final = """
SELECT format('ALTER TABLE %s OWNER TO %I', oid::regclass, $1::text) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
AND pg_get_userbyid(relowner) <> $1 AND pg_has_role(relowner, 'USAGE')
UNION ALL
SELECT format('ALTER ROUTINE %s OWNER TO %I', oid::regprocedure, $1::text) FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND pg_get_userbyid(proowner) <> $1 AND pg_has_role(proowner, 'USAGE')"""
# The service's role may not alter what the owner makes: constraints and triggers hold against the service too.
_RIGHTS: Final = """
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "{name}";
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO "{name}";
ALTER DEFAULT PRIVILEGES FOR ROLE "{owner}" IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "{name}";
ALTER DEFAULT PRIVILEGES FOR ROLE "{owner}" IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO "{name}";
"""


class PostgresBackend(Backend):
    """A PostgreSQL server that an administrator can reach; passwords are derived from a secret in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._secret = KeptSecret(folder / "secret")

    @property
    @abstractmethod
    def admin_url(self) -> str:
        """The address of a role that may create roles and databases, as a postgresql:// URL; known once started."""

    def dsn(self, database: str, user: str) -> str:
        """The address of `database` for `user`, as a postgresql:// URL for asyncpg and others."""
        return url_for(self.admin_url, database, user, self._secret.password(user))

    def owner_dsn(self, database: str) -> str:
        """The same for the role that owns the database, if it was made here."""
        return self.dsn(database, owner_of(database))

    def create_databases(self, names: Iterable[str]) -> None:
        """Make for each name a database, its owner and a role that works with its rows; repeating is harmless.

        What such a role owned itself, as it once did, goes to the owner.

        Raises ValueError for a name that is not lower case letters, digits and underscores (57 at most).
        """
        wanted = [checked(name) for name in names]
        passwords = {role: self._secret.password(role) for name in wanted for role in (name, owner_of(name))}
        run_apart(lambda: _create(self.admin_url, wanted, passwords), CHANGE_TIMEOUT_S)

    def drop_databases(self, names: Iterable[str]) -> None:
        """Remove the databases and their roles, ending their connections; what is not there is passed over."""
        wanted = [checked(name) for name in names]
        run_apart(lambda: _drop(self.admin_url, wanted), CHANGE_TIMEOUT_S)

    def answers(self) -> bool:
        """Whether the server takes the administrator's connection now."""
        try:
            run_apart(lambda: _greet(self.admin_url), ANSWER_TIMEOUT_S)
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
            return False
        return True


def checked(name: str) -> str:
    """The name, safe to stand in a statement; raises ValueError otherwise."""
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} can't name a database: lower case letters, digits and underscores only")
    return name


def owner_of(name: str) -> str:
    """The role that owns a database and migrates it."""
    return f"{name}_owner"


def url_for(url: str, database: str, user: str, password: str) -> str:
    """The URL with another database, user and password; host, port and options stay."""
    address = urlsplit(url)
    host = address.netloc.rpartition("@")[2]
    netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{host}"
    return urlunsplit(address._replace(netloc=netloc, path=f"/{quote(database, safe='')}"))


async def _greet(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.close()


async def _create(url: str, names: list[str], passwords: dict[str, str]) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        for role, password in passwords.items():
            await _create_role(connection, role, password)
        for name in names:
            await _create_database(connection, name)
            await _give_rights(at_database(url, name), name)
    finally:
        await connection.close()


async def _give_rights(url: str, name: str) -> None:
    """All or nothing: a service at work loses no right in between, and waits for no lock that is not to be had."""
    inside = await asyncpg.connect(url)
    try:
        async with inside.transaction():
            await inside.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'")
            await inside.execute(f'REASSIGN OWNED BY "{name}" TO "{owner_of(name)}"')
            for row in await inside.fetch(_OF_OTHERS, owner_of(name)):
                await inside.execute(row[0])
            await inside.execute(_RIGHTS.format(name=name, owner=owner_of(name)))
    finally:
        await inside.close()


def at_database(url: str, database: str) -> str:
    """The URL with another database; who connects stays."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


async def _create_role(connection: asyncpg.Connection, name: str, password: str) -> None:
    there = await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name)
    verb = "ALTER" if there else "CREATE"
    await connection.execute(f"{verb} ROLE \"{name}\" LOGIN PASSWORD '{password}'")
    # An administrator who is no superuser may give a database only to a role that it belongs to.
    await connection.execute(f'GRANT "{name}" TO CURRENT_USER')


async def _create_database(connection: asyncpg.Connection, name: str) -> None:
    there = await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name)
    if not there:
        await connection.execute(f'CREATE DATABASE "{name}" OWNER "{owner_of(name)}"')
    await connection.execute(f'ALTER DATABASE "{name}" OWNER TO "{owner_of(name)}"')
    await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
    await connection.execute(f'GRANT CONNECT ON DATABASE "{name}" TO "{name}"')


async def _drop(url: str, names: list[str]) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        for name in names:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            for role in (name, owner_of(name)):
                await connection.execute(f'DROP ROLE IF EXISTS "{role}"')
    finally:
        await connection.close()
