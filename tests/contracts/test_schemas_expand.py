"""Migrations expand: after each step the code of the step before still finds its columns and may leave new ones out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import uuid4

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from deploy.local.databases import PostgresBackend
from shared.contracts.topics import SERVICES
from shared.database.migrations import alembic_config, upgrade
from tests.support.servers.databases import apart

_COLUMNS = """
SELECT table_name || '.' || column_name AS name, data_type || coalesce(udt_name, '') AS kind,
       is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' AND is_generated = 'NEVER' AS must_be_given
FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'"""
# Before the first release nobody ran the older code beside the newer schema. Nothing may be added here.
BEFORE_THE_FIRST_RELEASE = {"notifications": {"0002: deliveries.waits_since is new and has no default"}}


@dataclass(frozen=True, slots=True)
class Column:
    """A column as older code knows it: its type, and whether an INSERT must name it."""

    kind: str
    must_be_given: bool


@pytest.fixture
def empty(postgres: PostgresBackend) -> Iterator[str]:
    name = f"test_{uuid4().hex[:12]}"
    postgres.create_databases([name])
    yield postgres.owner_dsn(name)
    postgres.drop_databases([name])


async def columns(url: str) -> dict[str, Column]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(_COLUMNS)
    finally:
        await connection.close()
    return {row["name"]: Column(row["kind"], row["must_be_given"]) for row in rows}


def broken(before: Mapping[str, Column], after: Mapping[str, Column]) -> Iterator[str]:
    """What the older code would stumble over."""
    for name, column in before.items():
        if name not in after:
            yield f"{name} is gone"
        elif after[name].kind != column.kind:
            yield f"{name} was {column.kind} and is {after[name].kind}"
        elif after[name].must_be_given and not column.must_be_given:
            yield f"{name} must be given now"
    tables = {name.partition(".")[0] for name in before}
    for name, column in after.items():
        if name not in before and column.must_be_given and name.partition(".")[0] in tables:
            yield f"{name} is new and has no default"


@pytest.mark.real
@pytest.mark.parametrize("service", SERVICES)
async def test_every_step_leaves_the_older_code_what_it_knows(service: str, empty: str) -> None:
    script = ScriptDirectory.from_config(alembic_config(service, ""))
    before: dict[str, Column] = {}
    found = set()
    for step in reversed(list(script.walk_revisions())):
        apart(upgrade, service, empty, step.revision)
        after = await columns(empty)
        assert after
        found |= {f"{step.revision}: {problem}" for problem in broken(before, after)}
        before = after
    assert found == BEFORE_THE_FIRST_RELEASE.get(service, set())


def test_what_older_code_stumbles_over_is_seen() -> None:
    before = {"a.id": Column("uuid", True), "a.note": Column("text", False)}
    fine = before | {"a.more": Column("text", False), "b.id": Column("uuid", True)}
    assert not list(broken(before, fine))
    worse = {"a.note": Column("text", True), "a.more": Column("text", True)}
    assert sorted(broken(before, worse)) == [
        "a.id is gone",
        "a.more is new and has no default",
        "a.note must be given now",
    ]
    assert list(broken(before, before | {"a.id": Column("text", True)})) == ["a.id was uuid and is text"]
