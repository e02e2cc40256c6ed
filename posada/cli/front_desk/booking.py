"""posada booking: what becomes of a booking at the desk, and finding bookings."""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain, islice
from typing import Annotated, Any, Final
from uuid import uuid4

import typer
from rich.text import Text

from posada.cli.front_desk.status import find_booking
from posada.cli.options import HERE, AsJson, Data, url_of
from posada.client.http import NotFound, ask, tell
from posada.output import err, out, print_json, table
from posada.problems import Exit, Problem

SERVICE = "booking"
DAY: Final = ["%Y-%m-%d"]
AT_ONCE: Final = 100  # bookings in one request
WAIT_S: Final = 30.0
PAUSE_S: Final = 0.3

Id = Annotated[str, typer.Argument(metavar="ID", help="A booking's id, its request's, or a reservation code.")]
Who = Annotated[str | None, typer.Option("--who", help="Who says so; else the account that runs the command.")]
Why = Annotated[str | None, typer.Option("--reason", help="For the audit log; the guest never reads it.")]
Fee = Annotated[str | None, typer.Option("--fee", help="The fee, such as 50.00; else the policy's.")]
From = Annotated[datetime | None, typer.Option("--from", formats=DAY, help="Arriving then or later.")]
Until = Annotated[datetime | None, typer.Option("--until", formats=DAY, help="Arriving then or before.")]
Codes = Annotated[list[str] | None, typer.Option("--code", help="Only this stay; may be repeated.", metavar="CODE")]

group = typer.Typer(help="A booking at the desk: list, cancel, check in and out.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="booking")


@group.callback()
def booking() -> None:
    """A booking at the desk. What changes something needs POSADA_API_TOKEN."""


@group.command("list")
def list_(
    search: Annotated[str | None, typer.Argument(help="A code, or a part of a name or e-mail.")] = None,
    *,
    property_id: Annotated[str | None, typer.Option("--property", help="Only this property.", metavar="ID")] = None,
    status: Annotated[list[str] | None, typer.Option("--status", help="Only these; may be repeated.")] = None,
    arrives_from: Annotated[
        datetime | None, typer.Option("--from", formats=DAY, help="Arriving then or later.")
    ] = None,
    arrives_until: Annotated[
        datetime | None, typer.Option("--until", formats=DAY, help="Arriving then or before.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many at most.")] = 100,
    data: Data = HERE,
    as_json: AsJson = False,
) -> None:
    """List bookings, those that arrive first above; guests are named in full where the service asks for a token."""
    wanted = {
        "q": search,
        "property_id": property_id,
        "status": [one.upper() for one in status] if status else None,
        "arrives_from": _day(arrives_from),
        "arrives_until": _day(arrives_until),
    }
    found = list(islice(chain.from_iterable(pages(url_of(data, SERVICE), wanted)), limit))
    if as_json:
        print_json(found)
    elif found:
        columns = ("codes", "guest", "property", "arrives", "leaves", "status", ">total", ">balance", "booking")
        out().print(table("", columns, [_row(one) for one in found]))
    else:
        err().print("No booking fits; see with fewer options, or without a search.", markup=False)
    raise typer.Exit(Exit.DONE if found else Exit.NO)


@group.command()
def fee(id_: Id, data: Data = HERE, as_json: AsJson = False) -> None:
    """Show what it would cost to cancel the booking now; nothing changes."""
    url = url_of(data, SERVICE)
    answer = ask(url, f"/bookings/{id_of(url, id_)}/cancellation-fee")
    if as_json:
        print_json(answer)
        return
    out().print(
        Text(f"fee {answer['fee']} {answer['currency']}, of {answer['paid']} paid {answer['refund']} comes back")
    )
    out().print(Text(str(answer["policy"]["en"] or "this booking has no cancellation policy")), soft_wrap=True)


@group.command()
def cancel(
    id_: Id,
    code: Codes = None,
    fee: Fee = None,
    who: Who = None,
    reason: Why = None,
    *,
    data: Data = HERE,
    as_json: AsJson = False,
) -> None:
    """Cancel a booking, or the stays named by --code: the rooms are free, what was paid beyond the fee is refunded."""
    do(data, id_, "cancellation", who, reason, as_json=as_json, fee=fee, codes=code)


@group.command("no-show")
def no_show(
    id_: Id,
    code: Codes = None,
    fee: Fee = None,
    who: Who = None,
    reason: Why = None,
    *,
    data: Data = HERE,
    as_json: AsJson = False,
) -> None:
    """Say that the guests did not come, or those of the stays named by --code: the rooms are free, the fee stays."""
    do(data, id_, "no-show", who, reason, as_json=as_json, fee=fee, codes=code)


@group.command("check-in")
def check_in(
    id_: Id, code: Codes = None, who: Who = None, reason: Why = None, *, data: Data = HERE, as_json: AsJson = False
) -> None:
    """Check guests in: every stay that is expected, or those named by --code."""
    do(data, id_, "check-in", who, reason, as_json=as_json, codes=code)


@group.command("check-out")
def check_out(
    id_: Id,
    code: Codes = None,
    who: Who = None,
    reason: Why = None,
    *,
    owing: Annotated[bool, typer.Option("--owing", help="Let them go although something is owed.")] = False,
    data: Data = HERE,
    as_json: AsJson = False,
) -> None:
    """Check guests out: everybody who is here, or the stays named by --code."""
    do(data, id_, "check-out", who, reason, as_json=as_json, codes=code, owing=owing)


@group.command()
def reject(id_: Id, who: Who = None, reason: Why = None, *, data: Data = HERE, as_json: AsJson = False) -> None:
    """Turn down a booking that is not confirmed yet; rooms and payment are released."""
    do(data, id_, "rejection", who, reason, as_json=as_json)


@group.command("change-dates")
def change_dates(
    id_: Id,
    check_in: Annotated[datetime, typer.Argument(formats=DAY, help="The new first night.")],
    check_out: Annotated[datetime, typer.Argument(formats=DAY, help="The new day of departure.")],
    who: Who = None,
    reason: Why = None,
    *,
    data: Data = HERE,
    as_json: AsJson = False,
) -> None:
    """Move a booking to other dates, all of its rooms or none; the difference in price is its balance."""
    dates = {"check_in": _day(check_in), "check_out": _day(check_out)}
    do(data, id_, "dates", who, reason, as_json=as_json, **dates)


def do(data: Any, id_: str, what: str, who: str | None, reason: str | None, *, as_json: bool, **more: Any) -> None:
    """Give a command, wait for what comes of it, and say it; exit code 3 says that it is not through yet."""
    url = url_of(data, SERVICE)
    given = {"command_id": str(uuid4()), "who": who or getpass.getuser(), "reason": reason} | more
    body = {name: value for name, value in given.items() if value is not None}
    answer = tell(url, f"/bookings/{id_of(url, id_)}/{what}", body)
    until = time.monotonic() + WAIT_S
    while answer["state"] == "under_way" and time.monotonic() < until:
        time.sleep(PAUSE_S)
        answer = ask(url, f"/commands/{answer['command_id']}")
    if as_json:
        print_json(answer)
    else:
        out().print(Text(summary_of(answer)), soft_wrap=True)
    raise typer.Exit(Exit.TIMED_OUT if answer["state"] == "under_way" else Exit.DONE)


def summary_of(answer: Mapping[str, Any]) -> str:
    """What came of a command, in one line."""
    parts = [str(answer["status"]), f"{answer['check_in']} to {answer['check_out']}"]
    if answer["total"] is not None:
        parts.append(f"total {answer['total']}")
    parts += [f"{name} {answer[name]}" for name in ("fee", "refund") if answer[name] is not None]
    if answer["balance"] is not None:
        parts.append(f"balance {answer['balance']} {answer['currency']}")
    if answer["state"] == "under_way":
        parts.append(f"not through yet: command {answer['command_id']}")
    return ", ".join(parts)


def id_of(url: str, id_: str) -> str:
    """A booking's own id, by whatever it is called.

    Raises:
        Problem: when nothing is known by that name.
    """
    try:
        return str(find_booking(url, id_)["booking_id"])
    except NotFound:
        found = ask(url, "/bookings", q=id_)["bookings"]
        named = [one for one in found if id_.upper() in one["codes"]]
        if not named:
            text = f"No booking has the id, request id or reservation code {id_}: find it with `posada booking list`."
            raise Problem(text, Exit.NO) from None
        return str(named[0]["booking_id"])


def pages(url: str, wanted: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Bookings that fit, page by page."""
    cursor: str | None = None
    while True:
        page = ask(url, "/bookings", **wanted, limit=AT_ONCE, cursor=cursor)
        yield page["bookings"]
        cursor = page["next"]
        if cursor is None:
            return


def _day(moment: datetime | None) -> str | None:
    return moment.date().isoformat() if moment else None


def _row(one: Mapping[str, Any]) -> tuple[object, ...]:
    total = f"{one['total']} {one['currency']}" if one["total"] is not None else "–"
    dates = (one["check_in"], one["check_out"])
    codes = ", ".join(one["codes"]) or "–"
    return (
        codes,
        one["guest"]["name"],
        one["property_id"],
        *dates,
        one["status"],
        total,
        one["balance"],
        one["booking_id"],
    )
