"""posada payments: brings a bank's file in, and audits the ledger."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Annotated, Any, BinaryIO, Final, cast

import typer
import yaml
from rich.text import Text

from posada.cli.options import HERE, AsJson, Bootstrap, Data, bootstrap_of, url_of
from posada.client.bank_import import Importing, Taken
from posada.client.http import ask, ask_patiently
from posada.cluster.signing import needed_seal
from posada.output import err, out, print_json, table
from posada.problems import Exit, Problem
from services.payments.feeds.formats import FORMATS, Read, format_of
from services.payments.feeds.formats import Layout as BankLayout
from shared.safety.files import RefusedFile, read_named

MOST_LISTED: Final = 1000
MOST_IN_MEMORY: Final = 20_000_000  # bytes of standard input
MOST_OF_A_LAYOUT: Final = 100_000  # bytes

File = Annotated[Path, typer.Argument(help="The bank's CSV or camt.053 (.xml) file, or - for CSV on standard input.")]
Layout = Annotated[Path | None, typer.Option("--layout", help="YAML or JSON that says how this bank writes its file.")]

group = typer.Typer(help="Money that arrived.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="payments")


@group.callback()
def payments() -> None:
    """Money that arrived."""


@group.command("import")
def import_(
    file: File,
    *,
    layout: Layout = None,
    bootstrap: Bootstrap = None,
    data: Data = HERE,
    as_json: AsJson = False,
) -> None:
    """Publish every line of a bank's file as money that arrived; importing a file twice books nothing twice.

    Exit code 1 says that some lines are broken, or say otherwise than before: they are kept for correction.
    """
    given, read = reader(file, layout)
    with opened(file) as stream:
        importing = Importing(read, given, file.name, known_at(data), needed_seal(data))
        taken = asyncio.run(importing.bring_in(bootstrap_of(data, bootstrap), stream, _size(file)))
    if as_json:
        print_json(asdict(taken))
    else:
        say(taken)
    raise typer.Exit(Exit.NO if taken.broken or taken.contradicting else Exit.DONE)


@group.command()
def broken(
    *,
    source: Annotated[str | None, typer.Option("--source", help="Only lines of this feed.")] = None,
    data: Data = HERE,
    as_json: AsJson = False,
) -> None:
    """List the lines that wait for correction. Exit code 1: there are some."""
    found = ask(url_of(data, "payments"), "/payment-feeds/broken-lines", source=source, limit=MOST_LISTED)
    if as_json:
        print_json(found)
    elif found:
        columns = ("id", "feed", "file", ">line", "field", "problem", "remedy")
        names = ("id", "source", "file", "number", "field", "problem", "remedy")
        out().print(table("", columns, [[str(one[name]) for name in names] for one in found]))
    raise typer.Exit(Exit.NO if found else Exit.DONE)


@group.command()
def audit(*, data: Data = HERE, as_json: AsJson = False) -> None:
    """Prove that every payment's balance is what its ledger entries add up to; exit code 1 says that one is not."""
    found = ask_patiently(url_of(data, "payments"), "/payments/audit")
    if as_json:
        print_json(found)
    else:
        for wrong in found["examples"]:
            err().print(Text(wrong), soft_wrap=True)
        out().print(f"payments: {found['payments']}, disagreements: {found['disagreements']}", markup=False)
    raise typer.Exit(Exit.DONE if found["agrees"] else Exit.NO)


def reader(file: Path, layout: Path | None) -> tuple[BankLayout, Read]:
    """The layout, and what reads the file; raises Problem or ValidationError when the layout is none."""
    written = format_of(file.name) or FORMATS[0]
    given = written.layout.model_validate(_given(layout))
    return given, written.reader(given)


def known_at(data: Path) -> str | None:
    """Where payments is asked what it knows already; None where no Posada runs here."""
    try:
        return url_of(data, "payments")
    except Problem:
        return None


def _given(file: Path | None) -> Any:
    if file is None:
        return {}
    try:
        given: Any = yaml.safe_load(read_named(file, MOST_OF_A_LAYOUT))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Problem(f"{file} is neither YAML nor JSON: see CsvLayout for its fields.", Exit.USAGE) from error
    except RefusedFile as refused:
        raise Problem(f"{refused}.", Exit.USAGE) from refused
    except OSError as error:
        raise Problem(f"{file}: {error.strerror}; name another file.", Exit.USAGE) from error
    return given


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """The file, or standard input, for bytes."""
    with _spooled(sys.stdin.buffer) if str(file) == "-" else _readable(file) as stream:
        yield stream


def _spooled(stream: BinaryIO) -> BinaryIO:
    """A stream as a file, which can be read twice."""
    spooled: Any = SpooledTemporaryFile(MOST_IN_MEMORY)  # noqa: SIM115 — who reads it closes it
    shutil.copyfileobj(stream, spooled)
    spooled.seek(0)
    return cast("BinaryIO", spooled)


def _readable(file: Path) -> BinaryIO:
    try:
        stream = file.open("rb")
        return stream if stream.seekable() else _spooled(stream)
    except OSError as error:
        raise Problem(f"{file}: {error.strerror}; name another file.", Exit.USAGE) from error


def say(taken: Taken) -> None:
    """Say what was taken, what is broken or contradicts what was taken before, and where it is kept."""
    for line in taken.broken_lines:
        text = f"line {line['number']}, {line['field']}: {line['problem']}; {line['remedy']}"
        err().print(Text(text), soft_wrap=True)
    for contradiction in taken.contradictions:
        err().print(Text(f"contradiction: {contradiction}"), soft_wrap=True)
    more = taken.broken + taken.contradicting - len(taken.broken_lines) - len(taken.contradictions)
    if more:
        err().print(f"… and {more} more", markup=False)
    if taken.kept:
        err().print(f"{taken.kept} lines are kept for correction: posada payments broken", markup=False)
    if taken.not_kept:
        err().print(Text(f"These lines are kept nowhere but in the file: {taken.not_kept}"), soft_wrap=True)
    _say_what_is_no_money(taken)
    known = "" if taken.known is None else f", {taken.known} there already"
    contradicting = f", {taken.contradicting} contradicting" if taken.contradicting else ""
    out().print(f"{taken.taken} lines taken{known}, {taken.broken} broken{contradicting}", markup=False)


def _say_what_is_no_money(taken: Taken) -> None:
    for reason, number in sorted(taken.passed.items()):
        out().print(f"{number} lines passed over: {reason}", markup=False)
    if taken.reversed:
        out().print(f"{taken.reversed} transfers were taken back by the bank", markup=False)
    if taken.not_noted:
        err().print(Text(f"The auditor does not know what was sent on: {taken.not_noted}"), soft_wrap=True)


def _size(file: Path) -> int | None:
    return file.stat().st_size if file.is_file() else None
