"""Migrations expand: after each step the code of the step before still finds its columns and may leave new ones out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from deploy.local.databases import PostgresBackend
from shared.contracts.topics import SERVICES
from shared.database import migrations
from shared.database.migrations import alembic_config, upgrade
from tests.support.servers.databases import apart
from tests.support.servers.migrations import with_later_version

_COLUMNS = """
SELECT table_name || '.' || column_name AS name, data_type || coalesce(udt_name, '') AS kind,
       is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' AND is_generated = 'NEVER' AS must_be_given
FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'"""


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


async def broken_by_steps(service: str, url: str) -> set[str]:
    """What the code of each version would stumble over on the next version's schema."""
    script = ScriptDirectory.from_config(alembic_config(service, ""))
    before: dict[str, Column] = {}
    found = set()
    for step in reversed(list(script.walk_revisions())):
        apart(upgrade, service, url, step.revision)
        after = await columns(url)
        assert after
        found |= {f"{step.revision}: {problem}" for problem in broken(before, after)}
        before = after
    return found


@pytest.mark.real
@pytest.mark.parametrize("service", SERVICES)
async def test_every_step_leaves_the_older_code_what_it_knows(service: str, empty: str) -> None:
    assert await broken_by_steps(service, empty) == set()


@pytest.mark.real
@pytest.mark.parametrize(
    ("statement", "problems"),
    [
        ("ALTER TABLE threads ADD COLUMN later text", set()),
        ("ALTER TABLE threads ADD COLUMN later text NOT NULL", {"0002: threads.later is new and has no default"}),
        ("ALTER TABLE threads DROP COLUMN room CASCADE", {"0002: threads.room is gone"}),
    ],
)
async def test_a_later_step_that_takes_something_away_is_seen(
    statement: str, problems: set[str], empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "SERVICES", with_later_version(tmp_path, "conversations", statement))
    assert await broken_by_steps("conversations", empty) == problems


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
