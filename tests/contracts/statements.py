"""Records the SQL of the services as they are now, for later versions' schemas. `python -m tests.contracts.statements`

Recorded once a minor version, when it is released: it is what copies of that version go on asking while a newer schema
is there already. Only what the schema of its own version understands is kept; the rest is told, for a look at it: parts
that others are put together of, and statements of tables that another service has.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import json
import pkgutil
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import asyncpg

from deploy.local.postgres import EmbeddedPostgres
from shared.contracts.topics import SERVICES
from shared.database.bulk import Table
from shared.database.migrations import upgrade
from shared.database.pool import SESSION
from shared.version import VERSION
from tests.support.servers.databases import apart

CODE = (FunctionType, classmethod, staticmethod, property)
FOLDER = Path(__file__).parent / "statements"
_TAG = re.compile(r"[A-Z]+( \d+)+")  # what PostgreSQL answers: UPDATE 0
_SQL = re.compile(r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH)\s", re.DOTALL)


def in_modules(package: str) -> set[str]:
    """Whatever begins like SQL in a package's modules: constants, what they are put together to, and functions' own."""
    found: set[str] = set()
    top = importlib.import_module(package)
    names = [one.name for one in pkgutil.walk_packages(top.__path__, f"{package}.")]
    for name in names:
        if ".migrations" not in name:
            module = importlib.import_module(name)
            strings = _strings(vars(module), module, set())
            found.update(one for one in strings if _SQL.match(one) and not _TAG.fullmatch(one))
    return found


def _strings(value: Any, module: ModuleType, seen: set[int]) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        return
    if id(value) in seen:
        return
    seen.add(id(value))
    for part in _parts(value, module):
        yield from _strings(part, module, seen)


def _parts(value: Any, module: ModuleType) -> Iterable[Any]:
    """What is inside: only what this module itself declares is looked into."""
    if isinstance(value, Table):
        return [value.insert_sql, value.insert_new_sql, value.update_sql]
    if isinstance(value, list | tuple | set | frozenset | Mapping):
        return list(value.values() if isinstance(value, Mapping) else value)
    if isinstance(value, type):
        return list(vars(value).values()) if value.__module__ == module.__name__ else ()
    if dataclasses.is_dataclass(value):
        return [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    return _parts_of_code(value)


def _parts_of_code(value: Any) -> Iterable[Any]:
    if isinstance(value, CodeType):
        return value.co_consts
    names = ("__code__", "__wrapped__", "__func__", "fget")
    return [getattr(value, name, None) for name in names] if isinstance(value, CODE) else ()


async def not_understood(url: str, statements: Iterable[str]) -> dict[str, str]:
    """Those that the database at this address cannot plan, with its complaint: each is planned, as services do it."""
    complaints: dict[str, str] = {}
    connection = await asyncpg.connect(url, server_settings=SESSION)
    try:
        for number, sql in enumerate(statements):
            try:
                prepared = await connection.prepare(sql, name=f"s{number}")
                nothing = ", ".join(["NULL"] * len(prepared.get_parameters()))
                # A statement without parameters takes no parentheses.
                await connection.execute(f"EXPLAIN EXECUTE s{number}" + (f"({nothing})" if nothing else ""))
            except asyncpg.PostgresError as complaint:
                complaints[sql] = str(complaint)
    finally:
        await connection.close()
    return complaints


def record(postgres: EmbeddedPostgres, folder: Path) -> None:
    """Write a file for each service, and tell what was left out."""
    folder.mkdir(parents=True, exist_ok=True)
    shared = in_modules("shared")
    for service in SERVICES:
        name = f"recorded_{service}"
        postgres.create_databases([name])
        url = postgres.owner_dsn(name)
        apart(upgrade, service, url)
        own = in_modules(f"services.{service}")
        left_out = asyncio.run(not_understood(url, sorted(own | shared)))
        kept = sorted((own | shared) - left_out.keys())
        file = folder / f"{service}.json"
        file.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        sys.stdout.write(f"{service}: {len(kept)} statements recorded\n")
        for sql in sorted(own & left_out.keys()):
            sys.stdout.write(f"  left out, {left_out[sql]}: {' '.join(sql.split())[:100]}\n")


def main() -> None:
    """Record this minor version, or under the name that is given."""
    version = sys.argv[1] if sys.argv[1:] else ".".join(VERSION.split(".")[:2])
    with tempfile.TemporaryDirectory() as work, EmbeddedPostgres(Path(work)) as postgres:
        record(postgres, FOLDER / version)


if __name__ == "__main__":
    main()
