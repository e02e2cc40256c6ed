"""Servers of operators' own: deploy/postgres/databases.sh is run on them by who administers them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.local.databases import at_database, url_for
from shared.contracts.topics import SERVICES
from tests.support.servers.databases import ask

SCRIPT = Path("deploy/postgres/databases.sh")
# With all that a shell could make something else of.
SIGNS = "p'a\"ss $HOME `id` \\ %"
REFUSED = (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidSchemaNameError)
# Where nothing else than these could differ.
MOST_APART = ["superuser", "administrator of an older server"]
either_way = pytest.mark.parametrize("one", ["", "posada"], ids=["each its own", "one for all"])


def password(role: str) -> str:
    return f"{role} {SIGNS}"


@dataclass(frozen=True)
class Ground:
    """A server, who administers it, and where programs of its version are."""

    admin_url: str
    programs: Path

    def run_script(self, one: str = "", *, mark: str = "", first: str = "postgres") -> subprocess.CompletedProcess[str]:
        """Run the script; `one` is the database of all, `mark` makes other passwords, `first` is where it begins."""
        admin = urlsplit(self.admin_url)
        roles = [role for service in SERVICES for role in (service, f"{service}_owner")]
        variables = {
            "PATH": os.environ["PATH"],
            "PGHOST": str(admin.hostname),
            "PGPORT": str(admin.port),
            "PGUSER": str(admin.username),
            "PGPASSWORD": str(admin.password),
            "PGDATABASE": first,
            "POSADA_ONE_DATABASE": one,
            **{f"{role.upper()}_PASSWORD": password(role) + mark for role in roles},
        }
        return subprocess.run(["sh", SCRIPT], env=variables, capture_output=True, text=True, check=False)  # noqa: S607

    def prepare(self, one: str = "", *, mark: str = "") -> None:
        """Run the script, which has to succeed and to complain of nothing."""
        done = self.run_script(one, mark=mark)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""

    def address(self, database: str, role: str, mark: str = "") -> str:
        """A role's address."""
        return url_for(self.admin_url, database, role, password(role) + mark)

    def admin(self, database: str) -> str:
        """The administrator's address."""
        return at_database(self.admin_url, database)

    def run(self, program: str, *words: str) -> None:
        """Run a program of PostgreSQL, which has to succeed."""
        done = subprocess.run([self.programs / program, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


async def assert_works_with_rows_alone(url: str) -> None:
    """By the service's address."""
    assert await ask(url, "INSERT INTO inbox VALUES (gen_random_uuid(), now()) RETURNING 1") == 1
    assert await ask(url, "DELETE FROM inbox RETURNING 1") == 1
    for statement in (
        "ALTER TABLE inbox DROP CONSTRAINT inbox_pkey",
        "TRUNCATE inbox",
        "CREATE TABLE t (n int)",
        "CREATE TEMPORARY TABLE t (n int)",
    ):
        with pytest.raises(REFUSED):
            await ask(url, statement)
