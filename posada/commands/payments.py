"""posada payments: brings a bank's file in, and audits the ledger."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final

import typer
import yaml
from aiokafka import AIOKafkaProducer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from posada.options import HERE, AsJson, Bootstrap, Data, bootstrap_of, url_of
from posada.output import err, out, print_json
from posada.problems import Exit, Problem
from posada.web import ask_patiently, tell
from posada.wire import producer, publish
from services.payments.feeds import BrokenLine, CsvLayout, read_csv
from services.payments.sources.camt import CamtLayout, read_camt
from services.payments.sources.port import Line
from shared.contracts.payments import TransferArrived

AT_ONCE: Final = 500  # lines in memory
SHOWN: Final = 100  # broken lines that are told one by one
LINGER_MS: Final = 20

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

    Exit code 1 says that some lines are broken: correct them and import the file again.
    """
    read = reader(file, layout)
    with opened(file) as stream:
        taken = asyncio.run(bring_in(bootstrap_of(data, bootstrap), stream, read, _size(file), known_at(data)))
    if as_json:
        print_json(asdict(taken))
    else:
        say(taken)
    raise typer.Exit(Exit.NO if taken.broken else Exit.DONE)


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


@dataclass
class Taken:
    """What came of a file: lines taken, lines that were there already, lines broken, and the first of those.

    `known` is None where no payments service was there to be asked: then `taken` counts those lines as well.
    """

    taken: int = 0
    known: int | None = None
    broken: int = 0
    broken_lines: list[dict[str, Any]] = field(default_factory=list)

    def note(self, line: BrokenLine) -> None:
        """Count a broken line and keep it if it is among the first."""
        self.broken += 1
        if len(self.broken_lines) < SHOWN:
            told = {"number": line.number, "field": line.field, "problem": line.problem, "remedy": line.remedy}
            self.broken_lines.append(told)


def reader(file: Path, layout: Path | None) -> Callable[[BinaryIO], Iterator[Line]]:
    """What reads the file; raises Problem or ValidationError when the layout is none."""
    if file.suffix.lower() == ".xml":
        statement = CamtLayout.model_validate(_given(layout))
        return lambda stream: read_camt(stream, statement)
    table = CsvLayout.model_validate(_given(layout))
    return lambda stream: read_csv(stream, table)


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
        given: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Problem(f"{file} is neither YAML nor JSON: see CsvLayout for its fields.", Exit.USAGE) from error
    except OSError as error:
        raise Problem(f"{file}: {error.strerror}; name another file.", Exit.USAGE) from error
    return given


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """The file, or standard input, for bytes."""
    with nullcontext(sys.stdin.buffer) if str(file) == "-" else _readable(file) as stream:
        yield stream


def _readable(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise Problem(f"{file}: {error.strerror}; name another file.", Exit.USAGE) from error


async def bring_in(
    bootstrap: str,
    stream: BinaryIO,
    read: Callable[[BinaryIO], Iterator[Line]],
    size: int | None,
    payments_url: str | None = None,
) -> Taken:
    """Publish the file's lines, a bounded number at a time; each is on the broker before the next are read.

    With `payments_url` those that payments knows already are counted, and not published again.
    """
    taken = Taken(known=0 if payments_url else None)
    lines = read(stream)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    async with producer(bootstrap, linger_ms=LINGER_MS) as client:
        with Progress(*columns, console=err(), disable=not err().is_terminal) as bar:
            task = bar.add_task("importing", total=size)
            while some := list(islice(lines, AT_ONCE)):
                await _publish(client, await _fresh(some, taken, payments_url), taken)
                bar.update(task, description=f"{taken.taken} lines", completed=stream.tell() if size else None)
    return taken


async def _fresh(lines: list[Line], taken: Taken, payments_url: str | None) -> list[Line]:
    arrivals = [line for line in lines if isinstance(line, TransferArrived)]
    if not payments_url or not arrivals or taken.known is None:
        return lines
    ids = [line.transfer_id for line in arrivals]
    asked = {"source": arrivals[0].source, "transfer_ids": ids}
    known = set(await asyncio.to_thread(tell, payments_url, "/payments/known", asked))
    taken.known += sum(one in known for one in ids)
    return [line for line in lines if isinstance(line, BrokenLine) or line.transfer_id not in known]


async def _publish(client: AIOKafkaProducer, lines: list[Line], taken: Taken) -> None:
    arrivals = []
    for line in lines:
        if isinstance(line, BrokenLine):
            taken.note(line)
        else:
            arrivals.append(await publish(client, line))
    await asyncio.gather(*arrivals)
    taken.taken += len(arrivals)


def say(taken: Taken) -> None:
    """Say what was taken and what is broken."""
    for line in taken.broken_lines:
        told = f"line {line['number']}, {line['field']}: {line['problem']}; {line['remedy']}"
        err().print(Text(told), soft_wrap=True)
    if taken.broken > SHOWN:
        err().print(f"… and {taken.broken - SHOWN} more broken lines", markup=False)
    known = "" if taken.known is None else f", {taken.known} there already"
    out().print(f"{taken.taken} lines taken{known}, {taken.broken} broken", markup=False)


def _size(file: Path) -> int | None:
    return file.stat().st_size if file.is_file() else None
