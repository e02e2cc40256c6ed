"""What is told only once a batch is committed: a count or a log line of what was rolled back would not be true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field


@dataclass
class CommitHooks:
    """What one attempt at a batch has to tell, each in the context (trace, booking) in which it was noted."""

    _noted: list[tuple[Context, Callable[[], object]]] = field(default_factory=list)

    def note(self, tell: Callable[[], object]) -> None:
        """Keep it for the commit."""
        self._noted.append((copy_context(), tell))

    def tell(self) -> None:
        """The attempt is committed: tell everything, once."""
        noted, self._noted = self._noted, []
        for context, tell in noted:
            context.run(tell)


_gathering: ContextVar[CommitHooks | None] = ContextVar("hooks", default=None)


@contextmanager
def collecting_hooks() -> Iterator[CommitHooks]:
    """Gather what is noted in the block; where nobody calls `tell`, it was never so."""
    token = _gathering.set(hooks := CommitHooks())
    try:
        yield hooks
    finally:
        _gathering.reset(token)


def on_commit(tell: Callable[[], object]) -> None:
    """Call it once the batch in hand is committed; at once where no batch is."""
    hooks = _gathering.get()
    if hooks is None:
        tell()
    else:
        hooks.note(tell)
