"""The background queue: one batch at a time, in order, gathered while it is busy, and never more than its limit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.consumer.background_queue import BackgroundQueue
from shared.messages.inbound import InboundMessage


def some(*names: str) -> list[InboundMessage]:
    return cast("list[InboundMessage]", list(names))


class Works:
    """Work that waits until it is let on."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.done: list[str] = []
        self.let = asyncio.Semaphore(0)

    async def __call__(self, deliveries: Sequence[InboundMessage]) -> None:
        self.batches.append(list(deliveries))
        await self.let.acquire()

    def noting(self, name: str) -> Any:
        return lambda: self.done.append(name)


async def begun(works: Works, batches: int) -> None:
    async with asyncio.timeout(5):
        while len(works.batches) < batches:  # noqa: ASYNC110 — the work itself has no event
            await asyncio.sleep(0)


async def test_what_comes_while_the_queue_is_busy_is_handled_together() -> None:
    works = Works()
    queue = BackgroundQueue(works, limit=100)
    for name in "abc":
        await queue.submit(some(name), works.noting(name))
        await begun(works, 1)
    works.let.release()
    await begun(works, 2)
    assert works.batches == [["a"], ["b", "c"]]
    assert works.done == ["a"]
    works.let.release()
    await queue.drain()
    assert works.done == ["a", "b", "c"]


async def test_a_batch_with_nothing_for_the_queue_is_done_behind_those_before_it() -> None:
    works = Works()
    queue = BackgroundQueue(works, limit=100)
    await queue.submit([], works.noting("alone"))
    assert works.done == ["alone"]
    await queue.submit(some("a"), works.noting("a"))
    await begun(works, 1)
    await queue.submit([], works.noting("behind"))
    assert works.done == ["alone"]
    works.let.release()
    await queue.drain()
    assert works.done == ["alone", "a", "behind"]


async def test_a_full_queue_makes_its_bringer_wait() -> None:
    works = Works()
    queue = BackgroundQueue(works, limit=2)
    await queue.submit(some("a"), works.noting("a"))
    await begun(works, 1)
    await queue.submit(some("b", "c"), works.noting("bc"))
    bringing = asyncio.create_task(queue.submit(some("d"), works.noting("d")))
    await asyncio.sleep(0)
    assert not bringing.done()
    works.let.release()
    await bringing
    works.let.release()
    works.let.release()
    await queue.drain()
    assert works.done == ["a", "bc", "d"]


async def test_what_is_let_go_of_was_never_done() -> None:
    works = Works()
    queue = BackgroundQueue(works, limit=2)
    await queue.submit(some("a"), works.noting("a"))
    await begun(works, 1)
    assert queue.busy_for() > 0
    queue.cancel()
    await queue.drain()
    assert works.done == []
    assert queue.busy_for() == 0


@pytest.mark.filterwarnings("error::RuntimeWarning", "error::pytest.PytestUnraisableExceptionWarning")
@given(batches=st.lists(st.lists(st.integers(), max_size=5), max_size=12), limit=st.integers(1, 6))
def test_everything_is_handled_once_in_order_and_told_in_order(batches: list[list[int]], limit: int) -> None:
    handled: list[int] = []
    told: list[tuple[int, int]] = []

    async def work(deliveries: Sequence[InboundMessage]) -> None:
        await asyncio.sleep(0)
        handled.extend(cast("Sequence[int]", deliveries))

    async def bring() -> None:
        queue = BackgroundQueue(work, limit=limit)
        for place, batch in enumerate(batches):
            await queue.submit(
                cast("list[InboundMessage]", batch), lambda place=place: told.append((place, len(handled)))
            )  # type: ignore[misc]
        await queue.drain()

    asyncio.run(bring())
    sizes = [sum(len(one) for one in batches[: place + 1]) for place in range(len(batches))]
    assert handled == [one for batch in batches for one in batch]
    assert [place for place, _ in told] == list(range(len(batches)))
    assert all(count >= size for (_, count), size in zip(told, sizes, strict=True))
