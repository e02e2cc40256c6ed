"""posada conversations: a tenant's threads, and the linking of threads and bookings once more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Annotated, Any, Final

import typer

from posada.cli.options import HERE, AsJson, Data, url_of
from posada.client.http import ask, tell
from posada.output import err, out, print_json, table
from posada.problems import Exit

SERVICE = "conversations"
AT_ONCE: Final = 100  # tenants in one request
Phone = Annotated[
    str, typer.Argument(metavar="PHONE", help="The tenant's phone, in any writing, or a ManyChat subscriber id.")
]
AnyPhone = Annotated[
    str | None, typer.Argument(metavar="[PHONE]", help="Only this tenant's threads; none means everybody's.")
]

group = typer.Typer(help="Chat threads of tenants: list them, link them again.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="conversations")


@group.callback()
def conversations() -> None:
    """Chat threads of tenants."""


@group.command("list")
def list_(phone: Phone, data: Data = HERE, as_json: AsJson = False) -> None:
    """List a tenant's threads, the latest message first: the apartment and the booking that each is about."""
    threads = list(chain.from_iterable(pages(url_of(data, SERVICE), phone)))
    if as_json:
        print_json(threads)
    elif threads:
        columns = ("apartment", "name", "booking", "last message", ">unread", "open", "thread")
        out().print(table("", columns, [_row(thread) for thread in threads]))
    else:
        err().print(f"Nobody known as {phone} wrote; see that the country's prefix is right.", markup=False)
    raise typer.Exit(Exit.DONE if threads else Exit.NO)


@group.command()
def relink(
    phone: AnyPhone = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    data: Data = HERE,
    as_json: AsJson = False,
) -> None:
    """Choose the booking of each thread anew, as of today, and show what changes; needs POSADA_API_TOKEN.

    Threads and messages stay where they are: only what a thread is about may change.
    """
    url = url_of(data, SERVICE)
    done = list(runs(url, phone, dry_run=dry_run))
    changed = [thread for page in done for thread in page["threads"]]
    looked_at = sum(page["tenants"] for page in done)
    if as_json:
        print_json({"dry_run": dry_run, "tenants": looked_at, "threads": changed})
        return
    if changed:
        out().print(table("", ("tenant", "thread", "what", "from", "to"), _lines(changed)))
    verb = "would change" if dry_run else "changed"
    out().print(f"{looked_at} tenants looked at, {len(changed)} threads {verb}", markup=False)


def pages(url: str, phone: str) -> Iterator[list[dict[str, Any]]]:
    """A tenant's threads, page by page."""
    cursor: str | None = None
    while True:
        page = ask(url, "/threads", contact=phone, cursor=cursor)
        yield page["threads"]
        cursor = page["next"]
        if cursor is None:
            return


def runs(url: str, phone: str | None, *, dry_run: bool) -> Iterator[dict[str, Any]]:
    """What changes, page by page: each is done for good before the next begins."""
    after: str | None = ""
    with err().status("linking"):
        while after is not None:
            page = tell(url, f"/relink?limit={AT_ONCE}", {"contact": phone, "after": after, "dry_run": dry_run})
            yield page
            after = page["next"]


def _row(thread: dict[str, Any]) -> Sequence[object]:
    apartment = f"{thread['property_id']} {thread['room']}" if thread["room"] else "–"
    last = str(thread["last_message_at"] or "")[:16].replace("T", " ")
    is_open = "closed" if thread["closed_at"] else "open"
    return apartment, thread["name"], thread["booking_id"] or "–", last, thread["unread"], is_open, thread["id"]


def _lines(changed: Sequence[dict[str, Any]]) -> Iterator[Sequence[object]]:
    for thread in changed:
        for change in thread["changes"]:
            values = (change["old"] or "–", change["new"] or "–")
            yield thread["contact"], thread["thread_id"], change["field"].removesuffix("_id"), *values
