"""posada status: the whole course of one booking, by its own id or its request's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

import typer
from rich.console import Console
from rich.text import Text

from posada.cli.options import HERE, AsJson, Data, url_of
from posada.client.http import NotFound, ask
from posada.output import out, print_json, table
from shared.safety.printable import one_line


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(
    id_: Annotated[str, typer.Argument(metavar="ID", help="A booking's id, or the id of its request.")],
    data: Data = HERE,
    as_json: AsJson = False,
) -> None:
    """Show how a booking came about, step by step; personal data is masked."""
    course = find_booking(url_of(data, "booking"), id_)
    if as_json:
        print_json(course)
    else:
        show(out(), course)


def find_booking(url: str, id_: str) -> Mapping[str, Any]:
    """The booking with this id, or of the request with it."""
    if _is_uuid(id_):
        try:
            return dict(ask(url, f"/bookings/{id_}"))
        except NotFound:
            pass  # a gateway's request ids may be UUIDs too
    return dict(ask(url, f"/requests/{quote(id_, safe='')}"))


def show(console: Console, course: Mapping[str, Any]) -> None:
    """Print a booking's facts, rooms and course; what a service does not tell is left out."""
    for name, value in _facts(course):
        console.print(Text(f"{name:<12}", style="dim"), Text(one_line(value)), sep="", soft_wrap=True)
    rooms = [room for room in course.get("rooms") or () if isinstance(room, Mapping)]
    if rooms:
        fields = ("line", "code", "type", "room", "amount")
        console.print(table("", fields, [[room.get(name) for name in fields] for room in rooms]))
    for line in timeline(course.get("course") or ()):
        console.print(line, soft_wrap=True)


def timeline(marks: Any) -> Iterator[Text]:
    """The course line by line, each with its time since the first."""
    began: datetime | None = None
    for mark in marks:
        at = _moment(mark.get("at"))
        began = began or at
        seconds = f"{(at - began).total_seconds():8.3f} s  " if at and began else " " * 12
        rest = {name: value for name, value in mark.items() if name not in {"step", "what", "at"} and value}
        details = "  ".join(one_line(f"{name} {value}") for name, value in rest.items())
        yield Text.assemble(
            (seconds, "dim"),
            f"{mark.get('step', '')}: {mark.get('what', '')}",
            (f"  {details}" if details else "", "dim"),
        )


def _facts(course: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("booking_id", "request_id", "status", "phase", "verdict", "reason", "text", "check_in", "check_out"):
        if course.get(name):
            yield name.removesuffix("_id").replace("_", " "), str(course[name])
    if course.get("total") is not None:
        yield "total", f"{course['total']} {course.get('currency') or ''}".strip()
    for name in ("codes", "waiting_for"):
        if course.get(name):
            yield name.replace("_", " "), ", ".join(map(str, course[name]))


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
