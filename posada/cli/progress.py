"""Shows what a command is doing: a spinner where somebody looks, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text


@contextmanager
def progress_on(console: Console, doing: str) -> Iterator[Callable[[str], None]]:
    """Inside the block, the function that is given tells a step; it may be called from any thread."""
    began = time.monotonic()

    def tell(step: str) -> None:
        console.print(Text.assemble((f"{time.monotonic() - began:6.1f} s  ", "dim"), step), soft_wrap=True)

    if not console.is_terminal:
        yield tell
        return
    with console.status(doing):
        yield tell
