"""Background loops: work that is repeated for as long as a service runs, whatever fails on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from aiokafka.errors import KafkaError

from shared.database.pool import UNAVAILABLE
from shared.errors import described

log = structlog.get_logger(__name__)


def repeating(name: str, work: Callable[[], Awaitable[None]], *, seconds: float) -> asyncio.Task[None]:
    """The task that repeats work until it is cancelled; see `repeat`."""
    return asyncio.create_task(repeat(name, work, seconds=seconds), name=name)


async def repeat(name: str, work: Callable[[], Awaitable[None]], *, seconds: float) -> None:
    """Do work again and again, with a pause of `seconds` behind each time; `name` says in logs which work it is.

    An outage of the database or of Kafka is waited for. Any other fault is logged with its traceback; the work goes on.
    """
    while True:
        try:
            await work()
        except (*UNAVAILABLE, KafkaError) as outage:
            log.warning("loop.waiting", loop=name, outage=described(outage))
        except Exception:
            log.exception("loop.fault", loop=name)
        await asyncio.sleep(seconds)
