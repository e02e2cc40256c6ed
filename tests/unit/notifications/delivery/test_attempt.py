"""One attempt: what counts against a provider, and what is our own database's fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from services.notifications.delivery.attempt import DeliveryAttempt
from services.notifications.delivery.model import Channel, Claimed, Delivery, Status
from services.notifications.providers.port import IsAnothers, Receipt
from services.notifications.repository import Repository
from shared.outbound.breaker import FAILURES
from tests.support.builders.notifications import a_composer, a_delivery
from tests.support.doubles.senders import PASSING, TAKEN, MovableClock, ScriptedSender


class TracingSender(ScriptedSender):
    """One whose provider has a message with these words: our database says whose it is."""

    async def trace(self, delivery: Delivery, is_anothers: IsAnothers) -> Receipt | None:
        return None if await is_anothers("id-0") else TAKEN


class Away:
    """A database that is away: it refuses connections, or never answers."""

    def __init__(self, fault: Exception | None) -> None:
        self._fault = fault

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        if self._fault:
            raise self._fault
        await asyncio.sleep(60)
        yield None


def attempt_of(database: Any, sender: ScriptedSender) -> DeliveryAttempt:
    composer = a_composer(local=())
    senders = {Channel.WHATSAPP: sender}
    return DeliveryAttempt(database, Repository(composer), composer, senders, seconds=0.05, clock=MovableClock())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "fault",
    [ConnectionError("refused"), asyncpg.CannotConnectNowError("starting"), asyncpg.UndefinedTableError("gone"), None],
    ids=["refused", "starting", "broken", "silent"],
)
async def test_our_own_database_s_fault_is_not_the_provider_s(fault: Exception | None) -> None:
    attempts = attempt_of(Away(fault), TracingSender())
    for _ in range(FAILURES):
        with pytest.raises(type(fault) if fault else TimeoutError):
            await attempts.make(Claimed(1, 2, a_delivery(), unsure=True))
    breaker = attempts.breakers[Channel.WHATSAPP]
    assert not breaker.nothing_passes
    assert breaker.allows(0, 5, MovableClock()()) == 5


def slow() -> Callable[[Delivery], Any]:
    async def answer(_: Delivery) -> Receipt:
        await asyncio.sleep(60)
        return TAKEN

    return answer


@pytest.mark.parametrize("answer", [PASSING, slow(), ValueError("odd")], ids=["refuses", "silent", "odd"])
async def test_a_provider_s_faults_count(answer: Any) -> None:
    attempts = attempt_of(None, ScriptedSender(answer))
    for _ in range(FAILURES):
        outcome = await attempts.make(Claimed(1, 1, a_delivery()))
        assert (outcome.status, outcome.due_at is None) == (Status.PENDING, False)
    assert attempts.breakers[Channel.WHATSAPP].open
