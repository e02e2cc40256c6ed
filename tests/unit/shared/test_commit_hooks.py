"""What is told only once a batch is committed."""

from __future__ import annotations

from contextvars import ContextVar

from shared.commit_hooks import collecting_hooks, on_commit

HAND: ContextVar[str] = ContextVar("hand", default="")


def test_where_no_batch_is_in_hand_it_is_told_at_once() -> None:
    told: list[str] = []
    on_commit(lambda: told.append("now"))
    assert told == ["now"]


def test_an_attempt_that_is_not_committed_tells_nothing() -> None:
    told: list[str] = []
    with collecting_hooks():
        on_commit(lambda: told.append("rolled back"))
    with collecting_hooks() as hooks:
        on_commit(lambda: told.append("committed"))
        assert told == []
    hooks.run()
    hooks.run()
    assert told == ["committed"]


def test_it_is_told_in_the_context_in_which_it_was_noted() -> None:
    told: list[str] = []
    with collecting_hooks() as hooks:
        for name in ("first", "second"):
            token = HAND.set(name)
            on_commit(lambda: told.append(HAND.get()))
            HAND.reset(token)
    hooks.run()
    assert told == ["first", "second"]
