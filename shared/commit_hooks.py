"""Hooks that run only once a batch is committed: a count or a log line of what was rolled back would not be true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field

Hook = Callable[[], object]


@dataclass
class CommitHooks:
    """The hooks of one attempt at a batch, each with the context (trace, booking) in which it was added."""

    _hooks: list[tuple[Context, Hook]] = field(default_factory=list)

    def add(self, hook: Hook) -> None:
        """Keep a hook for the commit."""
        self._hooks.append((copy_context(), hook))

    def run(self) -> None:
        """The attempt is committed: run every hook, once."""
        hooks, self._hooks = self._hooks, []
        for context, hook in hooks:
            context.run(hook)


_collecting: ContextVar[CommitHooks | None] = ContextVar("hooks", default=None)


@contextmanager
def collecting_hooks() -> Iterator[CommitHooks]:
    """Collect the hooks that are added in the block; they are discarded unless `run` is called."""
    token = _collecting.set(hooks := CommitHooks())
    try:
        yield hooks
    finally:
        _collecting.reset(token)


def on_commit(hook: Hook) -> None:
    """Run a hook once the present batch is committed; at once where there is none."""
    hooks = _collecting.get()
    if hooks is None:
        hook()
    else:
        hooks.add(hook)
