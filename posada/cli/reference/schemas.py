"""posada schemas: writes the message contract to files, or checks that the committed ones are current."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import shared.contracts
from posada.output import out
from posada.problems import Exit, Problem
from shared.contracts.topics import ALL_TOPICS
from shared.contracts_export import contract_files, stale_files, write_files
from shared.messages.message import message_types

Out = Annotated[Path, typer.Option("--out", help="The folder of the contract.", metavar="DIR")]
# Of the contract, not of the program: a release that changes no message must not change these files.
CONTRACT_VERSION = "1.0.0"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(schemas)


def schemas(
    out_dir: Out = Path("contracts"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 and name what is stale.")] = False,
) -> None:
    """Export every message as JSON Schema, and all topics as one AsyncAPI 3.0 document."""
    files = current_files()
    if check:
        stale = stale_files(out_dir, files)
        if stale:
            raise Problem(f"{', '.join(stale)} in {out_dir} are stale: run `posada schemas` and commit.", Exit.NO)
        out().print(f"{len(files)} files in {out_dir} are current", markup=False)
        return
    changed = write_files(out_dir, files)
    out().print(f"{len(files)} files in {out_dir}, {len(changed)} of them changed", markup=False)


def current_files() -> dict[str, str]:
    """The contract as it stands in the code, by file name."""
    types = {
        name: model for name, model in message_types().items() if model.__module__.startswith(shared.contracts.__name__)
    }
    return contract_files("Posada", CONTRACT_VERSION, types, ALL_TOPICS)
