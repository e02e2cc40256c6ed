"""posada outbox: the messages that guests and staff would have got from a provider that is not configured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.panel import Panel
from rich.text import Text

from posada.options import HERE, AsJson, Data, url_of
from posada.output import out, print_json
from posada.web import ask
from shared.files import write_into


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


def write(folder: Path, messages: Iterable[Mapping[str, Any]]) -> None:
    """Write what a terminal cannot show: each e-mail as a web page, and its calendar beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for message in messages:
        for field, ending in (("html", "html"), ("calendar", "ics")):
            if message.get(field):
                write_into(folder, f"{int(message['number'])}.{ending}", str(message[field]))


def show(console: Console, messages: Iterable[Mapping[str, Any]]) -> None:
    """Print messages as their readers would see them."""
    for message in messages:
        heading = Text(f"{message.get('channel')} to {message.get('recipient')}", style="bold cyan")
        parts = [Text(str(message["subject"]), style="bold")] if message.get("subject") else []
        parts.append(Text(str(message.get("text") or "")))
        if console.is_terminal:
            console.print(Panel(Group(*parts), title=heading, title_align="left", border_style="dim"))
        else:
            console.print(heading, *parts, "", sep="\n", soft_wrap=True)
