"""Makes a role and a database for each service in any PostgreSQL server, closed to every other service's role."""

import re
from abc import abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from deploy.local.folders import KeptSecret
from deploy.local.part import Part
from deploy.local.waiting import run_apart

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
ANSWER_TIMEOUT_S: Final = 5.0
CHANGE_TIMEOUT_S: Final = 60.0
# Two test sessions may prepare the same server at once: any number that both take as a lock.
LOCK: Final = 706_829


class PostgresPart(Part):
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

    def create_databases(self, names: Iterable[str]) -> None:
        """Make for each name a role and a database that it owns and only it may connect to; repeating is harmless.

        Raises ValueError for a name that is not lower case letters, digits and underscores (63 at most).
        """
        passwords = {checked(name): self._secret.password(name) for name in names}
        run_apart(lambda: _create(self.admin_url, passwords), CHANGE_TIMEOUT_S)

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


def url_for(url: str, database: str, user: str, password: str) -> str:
    """The URL with another database, user and password; host, port and options stay."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{host}"
    return urlunsplit(parts._replace(netloc=netloc, path=f"/{quote(database, safe='')}"))


async def _greet(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.close()


async def _create(url: str, passwords: dict[str, str]) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        for name, password in passwords.items():
            await _create_role(connection, name, password)
            await _create_database(connection, name)
    finally:
        await connection.close()


async def _create_role(connection: asyncpg.Connection, name: str, password: str) -> None:
    there = await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name)
    verb = "ALTER" if there else "CREATE"
    await connection.execute(f"{verb} ROLE \"{name}\" LOGIN PASSWORD '{password}'")
    # An administrator who is no superuser may give a database only to a role that it belongs to.
    await connection.execute(f'GRANT "{name}" TO CURRENT_USER')


async def _create_database(connection: asyncpg.Connection, name: str) -> None:
    there = await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name)
    if not there:
        await connection.execute(f'CREATE DATABASE "{name}" OWNER "{name}"')
    await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')


async def _drop(url: str, names: list[str]) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        for name in names:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await connection.execute(f'DROP ROLE IF EXISTS "{name}"')
    finally:
        await connection.close()
