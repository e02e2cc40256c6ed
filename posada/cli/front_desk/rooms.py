"""posada rooms: takes properties, rooms and rates in from CSV, writes them out, and calls outside systems again."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.text import Text

from posada.cli.options import HERE, AsJson, Data, url_of
from posada.client.http import ask, exchange
from posada.client.http import tell as ask_to
from posada.output import err, out, print_json, table
from posada.problems import Exit, Problem
from shared.safety.files import RefusedFile, read_named, read_within

MOST_BYTES: Final = 20_000_000  # what the service takes

group = typer.Typer(help="Properties, room types, rooms, packages and rates.", no_args_is_help=True)
Property = Annotated[str | None, typer.Option("--property", help="Only this property.", metavar="ID")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="rooms")


@group.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="A CSV file as `posada rooms export` writes it, or - for standard input.")
    ],
    *,
    data: Data = HERE,
    as_json: AsJson = False,
) -> None:
    """Take a catalogue in: lines add or change, what is not in the file stays. Exit code 1: some lines are broken."""
    try:
        given = str(file) == "-"
        content = read_within(sys.stdin.buffer, MOST_BYTES, "-") if given else read_named(file, MOST_BYTES)
    except RefusedFile as refused:
        raise Problem(f"{refused}.", Exit.USAGE) from refused
    except OSError as error:
        raise Problem(f"{file}: {error.strerror}; name another file.", Exit.USAGE) from error
    done = json.loads(exchange(url_of(data, "availability"), "POST", "/catalogue/import", content))
    if as_json:
        print_json(done)
    else:
        tell(done)
    raise typer.Exit(Exit.NO if done["broken"] else Exit.DONE)


@group.command()
def export(
    file: Annotated[Path | None, typer.Argument(help="Where to write; else standard output.")] = None,
    *,
    property_id: Property = None,
    data: Data = HERE,
) -> None:
    """Write the catalogue as CSV: importing it again changes nothing and loses nothing."""
    content = exchange(url_of(data, "availability"), "GET", "/catalogue/export", property_id=property_id)
    if file is None:
        sys.stdout.buffer.write(content)
    else:
        file.write_bytes(content)


@group.command("given-up")
def given_up(*, property_id: Property = None, data: Data = HERE, as_json: AsJson = False) -> None:
    """List what could not be undone in an outside system. Exit code 1: there is something."""
    found = ask(url_of(data, "availability"), "/outside-errands", property_id=property_id)
    if as_json:
        print_json(found)
    elif found:
        columns = ("booking", "property", "what", ">tried", "problem", "since")
        names = ("booking_id", "property_id", "kind", "attempts", "problem", "given_up_at")
        out().print(table("", columns, [[str(one[name]) for name in names] for one in found]))
    raise typer.Exit(Exit.NO if found else Exit.DONE)


@group.command()
def retry(
    booking_id: Annotated[UUID, typer.Argument(help="The booking, by its id.", metavar="BOOKING")],
    *,
    data: Data = HERE,
) -> None:
    """Call a booking's outside system again, after the call was abandoned; it has the same consequences as before."""
    ask_to(url_of(data, "availability"), f"/outside-errands/{booking_id}/retry", {})
    out().print(f"the call for booking {booking_id} is made again", markup=False)


@group.command()
def dismiss(
    booking_id: Annotated[UUID, typer.Argument(help="The booking, by its id.", metavar="BOOKING")],
    *,
    data: Data = HERE,
) -> None:
    """Record that an abandoned call is not needed any more: it was undone by hand in the outside system."""
    exchange(url_of(data, "availability"), "DELETE", f"/outside-errands/{booking_id}")
    out().print(f"the call for booking {booking_id} is not made again", markup=False)


def tell(done: dict[str, Any]) -> None:
    """Say what was taken and what is broken."""
    for line in done["broken_lines"]:
        text = f"line {line['number']}, {line['field']}: {line['problem']}; {line['remedy']}"
        err().print(Text(text), soft_wrap=True)
    more = done["broken"] - len(done["broken_lines"])
    if more:
        err().print(f"… and {more} more broken lines", markup=False)
    out().print(f"{done['taken']} lines taken, {done['changed']} changed, {done['broken']} broken", markup=False)
