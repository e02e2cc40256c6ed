"""posada outbox: the messages that guests and staff would have got from a provider that is not configured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posada.cli.options import HERE, AsJson, Data, url_of
from posada.client.http import ask
from posada.client.outbox_messages import show, write
from posada.output import out, print_json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(outbox)


def outbox(  # noqa: PLR0917 — options, each given by its name
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="So many of the newest.")] = 20,
    booking: Annotated[str | None, typer.Option("--booking", help="Only those of this booking's id.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", help="Only those of this channel, e.g. email.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Also write e-mails' HTML and calendars there.", metavar="DIR")
    ] = None,
    data: Data = HERE,
    as_json: AsJson = False,
) -> None:
    """Show the local outbox, oldest first: WhatsApp messages and e-mails as they would have been read."""
    messages = ask(url_of(data, "notifications"), "/outbox", limit=limit, booking_id=booking, channel=channel)
    if folder:
        write(folder, messages)
    if as_json:
        print_json(messages)
    elif messages:
        show(out(), messages)
    else:
        out().print("The outbox is empty: nothing was sent, or a provider took it.", markup=False)
