"""Posada's command line: registers the commands, and turns whatever goes wrong into one sentence."""

from __future__ import annotations

import logging
import os
import signal
import sys
from importlib import import_module
from typing import Annotated

import typer

from posada.problems import Exit, Problem, problem_of
from shared.safety.printable import printable
from shared.version import VERSION

# In the order of the help; each is a module of its folder in posada/cli.
COMMANDS = {
    "up": "run",
    "demo": "run",
    "request": "front_desk",
    "status": "front_desk",
    "booking": "front_desk",
    "audit": "operate",
    "outbox": "front_desk",
    "templates": "reference",
    "dead": "operate",
    "payments": "front_desk",
    "conversations": "front_desk",
    "rooms": "front_desk",
    "doctor": "operate",
    "settings": "reference",
    "rewind": "operate",
    "token": "operate",
    "serve": "run",
    "migrate": "run",
    "topics": "operate",
    "schemas": "reference",
}
FIRST = 1
HELP = (
    "Multi-room hotel booking over Kafka. Exit codes: 0 done, 1 the answer is no, 2 usage, 3 timed out, "
    "4 something needed is not there."
)


def make_app(first_word: str = "") -> typer.Typer:
    """The application with the one command that is asked for, or else all: a service that starts imports no other."""
    app = typer.Typer(
        name="posada",
        help=HELP,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_posada)
    for name in [first_word] if first_word in COMMANDS else COMMANDS:
        import_module(f"posada.cli.{COMMANDS[name]}.{name}").register(app)
    return app


def run(arguments: list[str] | None = None) -> None:
    """What the `posada` script runs; ends the process with one of the exit codes."""
    if os.getpid() == FIRST:  # in a container; the kernel hides from it the signals that it has no handler for
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    words = sys.argv[1:] if arguments is None else arguments
    first_word = words[0] if words else ""
    if first_word != "serve":  # what these would say is said once, by us
        for chatty in ("aiokafka", "asyncio"):
            logging.getLogger(chatty).setLevel(logging.CRITICAL)
    try:
        make_app(first_word)(args=words, prog_name="posada")
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except Exception as error:
        if os.environ.get("POSADA_DEBUG"):
            raise
        problem = error if isinstance(error, Problem) else problem_of(error)
        sys.stderr.write(f"posada: {printable(problem.text)}\n")
        sys.exit(problem.code)


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"posada {VERSION}\n")
        raise typer.Exit


def _posada(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    del version


if __name__ == "__main__":
    run()
