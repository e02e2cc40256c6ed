"""Prints for people and for programs: tables that no narrow window breaks, JSON without decoration."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, Final

import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from shared.safety.printable import escaped, printable

PLAIN_WIDTH: Final = 160


class Harmless(Console):
    """A console that obeys no control characters in what it prints: names, chats and headers are text of strangers.

    What rich itself sends to the terminal is no text to it, and passes.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The same segments, their text made fit."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


def out() -> Console:
    """Standard output; where nobody looks, wide and plain."""
    return _console(stderr=False)


def err() -> Console:
    """Standard error, for progress and remarks."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    seen = (sys.stderr if stderr else sys.stdout).isatty()
    return Harmless(stderr=stderr, highlight=False, emoji=False, width=None if seen else PLAIN_WIDTH)


def print_json(value: Any) -> None:
    """One JSON value and a line's end, nothing else."""
    text = orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2)
    sys.stdout.write(escaped(text.decode()) + "\n")


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    """A table; cells are taken as they are, never as markup. A column named with a leading > is for figures."""
    made = Table(title=title or None, box=SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for column in columns:
        made.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left")
    for row in rows:
        made.add_row(
            *[cell if isinstance(cell, Text) else Text("" if cell is None else printable(str(cell))) for cell in row]
        )
    return made
