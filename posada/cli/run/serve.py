"""posada serve: one service in this process, as it runs in production."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from posada.cli.options import known_service


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)


def serve(service: Annotated[str, typer.Argument(help="The service, e.g. booking.", callback=known_service)]) -> None:
    """Run one service until Ctrl-C or SIGTERM; it reads its settings from POSADA_… variables."""
    import_module(f"services.{service}.app").build().run()
