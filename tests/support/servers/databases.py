"""Databases for tests: each service migrated and planted once, then copied as often as tests ask."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from deploy.local.databases import PostgresBackend, at_database, owner_of
from deploy.local.processes.waiting import run_apart
from shared.database.migrations import upgrade

SECONDS = 60.0
Result = TypeVar("Result")
FreshDatabase = Callable[..., str]


class Databases:
    """Makes fresh databases of services on one server; their names share a prefix of this test run."""

    def __init__(self, server: PostgresBackend) -> None:
        self._server = server
        self._prefix = f"test_{uuid4().hex[:8]}_"
        self._templates: dict[str, str] = {}
        self._copies: set[str] = set()

    def fresh(self, service: str) -> str:
        """The address of a database with the service's schema and seed in it, for a role that owns it."""
        template = self._template(service)
        return self._copy(template, template)

    def copy(self, url: str) -> str:
        """The address of a copy of a database that was made here and that nobody is connected to."""
        source = _name_in(url)
        return self._copy(source, source.rpartition("_")[0])

    def admin_url(self, url: str) -> str:
        """The address of the same database for the server's administrator."""
        return at_database(self._server.admin_url, _name_in(url))

    def drop(self, url: str) -> None:
        """Remove one, whoever is still connected."""
        name = _name_in(url)
        self._administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._copies.discard(name)

    def drop_all(self) -> None:
        """Remove everything that was made."""
        for name in list(self._copies):
            self.drop(name)
        self._server.drop_databases(self._templates.values())
        self._templates.clear()

    def _copy(self, source: str, role: str) -> str:
        name = f"{role}_{uuid4().hex[:8]}"
        self._administer(f'CREATE DATABASE "{name}" TEMPLATE "{source}" OWNER "{owner_of(role)}"')
        self._copies.add(name)
        return self._server.dsn(name, owner_of(role))

    def _template(self, service: str) -> str:
        if service not in self._templates:
            name = f"{self._prefix}{service}"
            self._server.create_databases([name])
            self._templates[service] = name
            self._administer(
                f'ALTER ROLE "{owner_of(name)}" SET synchronous_commit = off'
            )  # tests do not pull the plug
            apart(_prepare, service, self._server.owner_dsn(name))
        return self._templates[service]

    def _administer(self, statement: str) -> None:
        apart(lambda: asyncio.run(_execute(self._server.admin_url, statement)))


def as_service(url: str, server: PostgresBackend) -> str:
    """A database's address for the service's own role, from that for its owner."""
    address = urlsplit(url)
    return server.dsn(address.path[1:], str(address.username).removesuffix("_owner"))


def _name_in(url: str) -> str:
    return url.rpartition("/")[2].partition("?")[0]


def apart(work: Callable[..., object], *arguments: str) -> None:
    """Run blocking work in a thread of its own, where no event loop runs yet."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(work, *arguments).result()


def _prepare(service: str, url: str) -> None:
    upgrade(service, url)
    if find_spec(f"services.{service}.seed"):  # not every service has something to begin with
        asyncio.run(_plant(service, url))


async def _plant(service: str, url: str) -> None:
    seed = importlib.import_module(f"services.{service}.seed")
    connection = await asyncpg.connect(url)
    try:
        await seed.plant(connection)
    finally:
        await connection.close()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def ask(url: str, *statements: str) -> object:
    """The last statement's answer."""
    connection = await asyncpg.connect(url)
    try:
        return [await connection.fetchval(statement) for statement in statements][-1]
    finally:
        await connection.close()


def apart_async(work: Callable[[str], Coroutine[Any, Any, Result]], url: str) -> Result:
    """Run a coroutine about a database in a thread of its own."""
    return run_apart(lambda: work(url), SECONDS)
