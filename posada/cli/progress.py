"""Shows what a command is doing: a spinner on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text


@contextmanager
def progress_on(console: Console, doing: str) -> Iterator[Callable[[str], None]]:
    """Gives the function that shows a step; any thread may call it."""
    began = time.monotonic()

    def show(step: str) -> None:
        console.print(Text.assemble((f"{time.monotonic() - began:6.1f} s  ", "dim"), step), soft_wrap=True)

    if not console.is_terminal:
        yield show
        return
    with console.status(doing):
        yield show
