"""A report that cannot be applied: the other reports take effect, and messages are sent."""

from __future__ import annotations

import pytest

from services.notifications.delivery.model import Channel, Status
from services.notifications.reports.store import FAILURES
from shared.database.pool import Database
from shared.outbox.publisher import OutboxPublisher
from tests.support.builders.notifications import NOW, a_delivery
from tests.support.doubles.deliveries import Deliveries
from tests.support.doubles.senders import ScriptedSender

pytestmark = pytest.mark.real
_REPORT = """
INSERT INTO reports (provider, provider_id, fate, at, received_at)
SELECT provider, provider_id, $1, $2, $2 FROM deliveries WHERE provider_id IS NOT NULL"""


async def test_it_stops_neither_other_reports_nor_sending_and_is_left_alone_in_the_end(
    database: Database, relay: OutboxPublisher
) -> None:
    service = Deliveries(database, relay)
    runner = service.runner({Channel.WHATSAPP: ScriptedSender()})
    await service.write(a_delivery())
    await service.settle(runner)
    async with database.connection() as connection:
        for fate in ("unheard of", "delivered"):
            await connection.execute(_REPORT, fate, NOW)
    await service.write(a_delivery(Channel.SMS))
    await service.settle(runner)
    assert await service.statuses() == {"whatsapp": Status.DELIVERED, "sms": Status.SENT}
    for _ in range(FAILURES):
        await runner.run_due(relay)
    async with database.connection() as connection:
        left = await connection.fetch("SELECT fate, failures FROM reports WHERE NOT applied")
    assert [tuple(row) for row in left] == [("unheard of", FAILURES)]
