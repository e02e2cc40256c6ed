"""Where SQL is written, and that what the code says of its tables is what Alembic makes of them."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import MetaData
from sqlalchemy.dialects import postgresql

from shared.contracts.topics import SERVICES
from shared.database.bulk import Table
from tests.support.paths import ROOT

# A service's frame and its rooms' stores and queries; the mechanisms of shared.
# `places` is the part of the catalogue's repository about day passes, which have no numbers of their own.
HOME = {"repository", "store", "queries", "gauges", "scopes", "seed", "places"}
SHARED = {
    "shared/database",
    "shared/gauges.py",
    "shared/outbox/outbox.py",
    "shared/outbox/batches.py",
    "shared/messages/inbox.py",
    "shared/saga/store.py",
}
SQL = re.compile(r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|LOCK TABLE)\s+\S")
INTEGERS = {"smallint", "integer", "bigint"}


def modules(package: str) -> Iterator[ModuleType]:
    top = importlib.import_module(package)
    for one in pkgutil.walk_packages(top.__path__, f"{package}."):
        if ".migrations" not in one.name:
            yield importlib.import_module(one.name)


def texts_in(file: Path) -> Iterator[str]:
    """Every text of a module but its docstrings, an f-string by its beginning."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def has_sql(file: Path) -> bool:
    return any(SQL.match(text) for text in texts_in(file))


def tables_in(package: str) -> dict[str, Table[object]]:
    found = [(module.__name__, name, value) for module in modules(package) for name, value in vars(module).items()]
    return {f"{module}.{name}": value for module, name, value in found if isinstance(value, Table)}


@pytest.mark.parametrize("service", SERVICES)
def test_only_repositories_stores_and_their_like_have_sql(service: str) -> None:
    files = (ROOT / "services" / service).rglob("*.py")
    assert [file for file in files if has_sql(file) and file.stem not in HOME and "migrations" not in file.parts] == []


def test_only_the_mechanisms_of_the_database_have_sql_in_shared() -> None:
    files = [file.relative_to(ROOT) for file in (ROOT / "shared").rglob("*.py") if has_sql(file)]
    homes = {str(file) for file in files} | {str(file.parent) for file in files}
    assert [file for file in files if not {str(file), str(file.parent)} & SHARED] == []
    assert homes >= SHARED


@pytest.mark.parametrize("service", SERVICES)
def test_columns_are_declared_as_the_tables_have_them(service: str) -> None:
    metadata: MetaData = importlib.import_module(f"services.{service}.tables").metadata
    declared = {**tables_in(f"services.{service}"), **tables_in("shared.outbox")}
    assert declared
    for name, table in declared.items():
        kinds = {
            column.name: _kind(column.type.compile(postgresql.dialect())) for column in metadata.tables[table.name].c
        }
        assert {column.name: _kind(column.type) for column in table.columns.values()}.items() <= kinds.items(), name


@pytest.mark.parametrize("service", SERVICES)
def test_an_insert_gives_every_column_that_must_be_given(service: str) -> None:
    metadata: MetaData = importlib.import_module(f"services.{service}.tables").metadata
    for name, table in tables_in(f"services.{service}").items():
        needed = {
            column.name
            for column in metadata.tables[table.name].c
            if not column.nullable and column.server_default is None and not column.identity and not column.computed
        }
        assert needed <= table.columns.keys(), name


def _kind(text: str) -> str:
    """A type's name without its sizes, whole numbers alike."""
    plain = re.sub(r"\(.*?\)", "", text).lower().replace(" with time zone", "tz")
    return "integer" if plain in INTEGERS else plain
