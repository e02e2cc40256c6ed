"""Messages of the local outbox as their readers would see them: in a terminal, and as files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.panel import Panel
from rich.text import Text

from shared.safety.files import write_into


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
