"""A database with deliveries in it, and dispatchers that share it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.notifications.content.composer import NotificationComposer
from services.notifications.delivery.jobs import delivery_runner
from services.notifications.delivery.model import Channel, Claimed, Delivery, Outcome, Status
from services.notifications.providers.port import Sender
from services.notifications.repository import Repository
from services.notifications.unit_of_work import UnitOfWork
from shared.database.pool import Database
from shared.jobs.runner import JobRunner
from shared.outbox.publisher import OutboxPublisher
from tests.support.builders.notifications import NOW, a_composer, a_delivery
from tests.support.doubles.senders import FINAL, MovableClock, ScriptedSender

LEASE = timedelta(seconds=60)
EMAIL = a_delivery(Channel.EMAIL, "ana@example.com")
CHAT = a_delivery(place=1)
MESSENGER = a_delivery(Channel.MESSENGER, "s1", place=1)
INSTAGRAM = a_delivery(Channel.INSTAGRAM, "s1", place=2, status=Status.STANDBY)


class Deliveries:
    """A database with deliveries in it, and runners that share it."""

    def __init__(self, database: Database, relay: OutboxPublisher) -> None:
        self.database = database
        self.relay = relay
        self.clock = MovableClock()

    async def write(self, *deliveries: Delivery, composer: NotificationComposer | None = None) -> None:
        uow = UnitOfWork(composer or a_composer(local=()), list(deliveries))
        async with self.database.transaction() as connection:
            await Repository(uow.composer).save(connection, uow, NOW)

    def runner(self, senders: dict[Channel, ScriptedSender] | None = None, **given: Any) -> JobRunner[Claimed, Outcome]:
        composer = a_composer(local=given.pop("local", ()))
        everywhere: dict[Channel, Sender] = {channel: ScriptedSender() for channel in Channel}
        if only := given.pop("only", None):
            everywhere = {only: ScriptedSender(FINAL)}
        return delivery_runner(
            self.database,
            given.pop("repository", Repository(composer)),
            composer,
            everywhere | dict(senders or {}),
            **({"at_once": 5, "send_seconds": 5, "lease": LEASE, "clock": self.clock} | given),
        )

    async def settle(self, *runners: JobRunner[Claimed, Outcome]) -> None:
        """Let runners work until nothing is due."""
        while any([await runner.run_due(self.relay) for runner in runners]):
            pass

    async def rows(self) -> list[Any]:
        async with self.database.connection() as connection:
            return list(await connection.fetch("SELECT * FROM deliveries ORDER BY number"))

    async def statuses(self) -> dict[str, str]:
        return {row["channel"]: row["status"] for row in await self.rows()}
