"""posada migrate: brings databases to their newest schema and plants the seed data."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from posada.cli.options import known_service
from posada.output import out
from posada.problems import Exit, Problem
from shared.contracts.topics import SERVICES


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(migrate)


def migrate(
    services: Annotated[list[str] | None, typer.Argument(help="Services; none means all.", show_default=False)] = None,
) -> None:
    """Migrate databases; addresses come from POSADA_DATABASE_URL, or POSADA_<SERVICE>_DATABASE_URL for several."""
    names = [known_service(name) for name in services or SERVICES]
    urls = {name: database_url(name, alone=len(names) == 1) for name in names}
    from posada.cluster.migration import migrate as bring_up  # noqa: PLC0415  # Alembic and SQLAlchemy: half a second

    console = out()
    for name, url in urls.items():
        planted = bring_up(name, url)
        seed = f", planted {', '.join(planted)}" if planted else ""
        console.print(f"{name}: at its newest schema{seed}", markup=False)


def database_url(service: str, *, alone: bool) -> str:
    """Where a service's database is; the general variable counts only for a service that is migrated alone."""
    own = f"POSADA_{service.upper()}_DATABASE_URL"
    found = os.environ.get(own) or (os.environ.get("POSADA_DATABASE_URL") if alone else None)
    if not found:
        either = f"{own} or POSADA_DATABASE_URL" if alone else own
        raise Problem(f"The database of {service} is not named: set {either} to a postgresql:// address.", Exit.USAGE)
    return found
