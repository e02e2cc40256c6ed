"""Posada's command line: registers the commands, and turns whatever goes wrong into one sentence."""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated

import typer

from posada.commands import dead, migrate, outbox, payments, request, schemas, serve, status, topics, up
from posada.problems import Exit, Problem, problem_of
from shared.version import VERSION

app = typer.Typer(
    name="posada",
    help="Multi-room hotel booking over Kafka. Exit codes: 0 done, 1 the answer is no, 2 usage, 3 timed out, "
    "4 something needed is not there.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (up, request, status, outbox, dead, payments, serve, migrate, topics, schemas):
    command.register(app)


@app.callback()
def _posada(version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False) -> None:
    if version:
        typer.echo(VERSION)
        raise typer.Exit


def run(arguments: list[str] | None = None) -> None:
    """What the `posada` script runs; ends the process with one of the exit codes."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it would say is said once, by us
    try:
        app(args=arguments, prog_name="posada")
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except Exception as error:
        if os.environ.get("POSADA_DEBUG"):
            raise
        problem = error if isinstance(error, Problem) else problem_of(error)
        sys.stderr.write(f"posada: {problem.text}\n")
        sys.exit(problem.code)


if __name__ == "__main__":
    run()
