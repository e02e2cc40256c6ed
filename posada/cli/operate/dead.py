"""posada dead: what the services had to set aside, to be looked at and given back."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from aiokafka.errors import KafkaConnectionError
from rich.text import Text

from posada.cli.options import HERE, AsJson, Bootstrap, Data, bootstrap_of
from posada.client.booking_events import nobody_at, producer
from posada.cluster.signing import judging_seal, needed_seal
from posada.output import err, out, print_json, table
from posada.problems import Exit, Problem
from shared.contracts import topics
from shared.messages.record_auth import Seal
from shared.outbox.dead_letter_topic import DeadLetter, list_dead, replay
from shared.safety.printable import one_line

group = typer.Typer(help="Dead letters: list them, look at one, give it back to its service.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="dead")


@group.command("list")
def list_(bootstrap: Bootstrap = None, data: Data = HERE, as_json: AsJson = False) -> None:
    """List what is set aside and not yet replayed, oldest first."""
    letters = read(bootstrap_of(data, bootstrap), judging_seal(data))
    if as_json:
        print_json([letter.as_json() for letter in letters])
        return
    rows = [
        (one.id, one.at[:19], one.service, one.type, "yes" if one.verified else "NO", len(one.history), one.reason)
        for one in letters
    ]
    columns = ("id", "set aside at", "service", "type", "verified", ">attempts", "last reason")
    out().print(table("", columns, rows) if rows else "No dead letters.")


@group.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it.")],
    bootstrap: Bootstrap = None,
    data: Data = HERE,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter with its history, headers and body."""
    letter = one_of(read(bootstrap_of(data, bootstrap), judging_seal(data)), id_)
    shown = letter.as_json()
    if as_json:
        print_json(shown)
        return
    console = out()
    for name in ("id", "service", "place", "key", "type", "at", "verified", "reason"):
        console.print(Text(f"{name:<9}", style="dim"), Text(one_line(str(shown[name]))), sep="", soft_wrap=True)
    rows = [(fault.get("attempt"), fault.get("at"), fault.get("fault")) for fault in letter.history]
    console.print(table("history", (">attempt", "at", "fault"), rows))
    console.print(table("headers", ("name", "value"), shown["headers"].items()))
    console.print(shown["body"], markup=False, soft_wrap=True)


@group.command("replay")
def replay_(
    id_: Annotated[str | None, typer.Argument(metavar="ID", help="Its id, or the beginning of it.")] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Every dead letter whose sender is verified.")] = False,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Also one whose sender is not verified: you have looked at it.")
    ] = False,
    bootstrap: Bootstrap = None,
    data: Data = HERE,
    as_json: AsJson = False,
) -> None:
    """Give dead letters back to the services that set them aside, as if for the first time; those cut stay.

    So do those that are not verified, unsigned or forged: replayed they would be believed like ours.
    """
    if (id_ is None) is not all_ or (all_ and unverified):
        raise Problem("Give the id of a dead letter, or --all; --unverified goes with an id alone.", Exit.USAGE)
    address, seal = bootstrap_of(data, bootstrap), needed_seal(data)
    letters = read(address, judging_seal(data))
    chosen = verified_of(letters) if id_ is None else [one_of(letters, id_)]
    if not unverified:
        refuse_unverified(chosen)
    whole, cut = [letter for letter in chosen if not letter.cut_from], [letter for letter in chosen if letter.cut_from]
    if whole or not cut:
        asyncio.run(give_back(address, whole, seal))
        if as_json:
            print_json({"replayed": [letter.id for letter in whole]})
        else:
            out().print(f"replayed {len(whole)}; see with `posada dead list` whether one comes back", markup=False)
    report_cut(cut)


def read(bootstrap: str, seal: Seal | None) -> list[DeadLetter]:
    """Every dead letter of every service; one that does not bear the seal is not verified."""
    try:
        return asyncio.run(list_dead(bootstrap, [topics.dead(service) for service in topics.SERVICES], seal))
    except KafkaConnectionError as error:
        raise nobody_at(bootstrap) from error


def one_of(letters: list[DeadLetter], beginning: str) -> DeadLetter:
    """The dead letter whose id begins so; raises Problem when there is none, or more than one."""
    found = [letter for letter in letters if letter.id.startswith(beginning)]
    if len(found) == 1:
        return found[0]
    if found:
        raise Problem(f"{len(found)} dead letters begin with {beginning}: give more of the id.", Exit.USAGE)
    raise Problem(f"There is no dead letter {beginning}: see `posada dead list`.", Exit.NO)


def verified_of(letters: list[DeadLetter]) -> list[DeadLetter]:
    """Those that are verified; says how many stay."""
    found = [letter for letter in letters if letter.verified]
    if left := len(letters) - len(found):
        err().print(f"{left} stay that are not verified: see `posada dead list`", markup=False)
    return found


def refuse_unverified(letters: list[DeadLetter]) -> None:
    """Raises Problem where one is not verified."""
    if any(not letter.verified for letter in letters):
        raise Problem(
            "This dead letter is not verified: it may be forged. Look at it with `posada dead show`, and where you"
            " are sure of it give --unverified.",
            Exit.NO,
        )


def report_cut(cut: list[DeadLetter]) -> None:
    """Say which letters cannot be given back; raises Problem when there are any."""
    if not cut:
        return
    those = f"Dead letter {cut[0].id} is not whole" if len(cut) == 1 else f"{len(cut)} dead letters are not whole"
    places = ", ".join(letter.place or letter.id for letter in cut)
    raise Problem(
        f"{those} (too large, or packed so that it cannot be read) and cannot be replayed: publish it again from where"
        f" it came, or read it at {places}.",
        Exit.NO,
    )


async def give_back(bootstrap: str, letters: list[DeadLetter], seal: Seal | None) -> None:
    """Replay them one after the other, so that an interruption loses none."""
    async with producer(bootstrap, seal) as client:
        for letter in letters:
            await replay(client, letter, topics.dead(letter.service), topics.internal(letter.service))
