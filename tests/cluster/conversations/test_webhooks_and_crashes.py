"""The real service, killed in the middle of webhooks that their provider delivers until they are taken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from deploy.local.choice import Backends
from posada.cluster.cluster import LocalCluster
from tests.unit.conversations.inbound.test_webhook_forms import RECEIVED

MESSAGES, PHONES = 300, 12
AT_ONCE = 8
PATIENCE_S = 90.0

pytestmark = pytest.mark.real

TOKEN = "w" * 32


@pytest.fixture
def cluster(parts: Backends, postgres: object, kafka_bootstrap: str, tmp_path: Path) -> Iterator[LocalCluster]:
    """Conversations alone, as a process."""
    env = {"POSADA_WATI_WEBHOOK_TOKEN": TOKEN, "POSADA_WEBHOOK_HOURS": "48"}
    cluster = LocalCluster(tmp_path, backends=parts, services=("conversations",), env=env, database_prefix="crashing_")
    with cluster:
        yield cluster


class Provider:
    """Delivers messages until each is taken, as WATI does; `thirds` say when the first and second are."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/webhooks/wati?token={TOKEN}"
        self._free = asyncio.Semaphore(AT_ONCE)
        self.refused = 0
        self.thirds = [asyncio.Event(), asyncio.Event()]
        self._taken = 0

    async def deliver(self, client: httpx.AsyncClient, number: int) -> None:
        """Deliver one message, and each tenth twice."""
        body = RECEIVED | {
            "whatsappMessageId": f"wamid.{number}",
            "waId": f"5037{number % PHONES:07}",
            "timestamp": str(int(time.time())),
        }
        async with self._free:
            for _ in range(1 + (number % 10 == 0)):
                while not await self._once(client, body):
                    self.refused += 1
                    await asyncio.sleep(0.1)
        self._taken += 1
        for place, third in enumerate(self.thirds, 1):
            if self._taken >= place * MESSAGES // 3:
                third.set()

    async def _once(self, client: httpx.AsyncClient, body: dict[str, object]) -> bool:
        try:
            return (await client.post(self._url, json=body)).status_code == httpx.codes.ACCEPTED
        except httpx.HTTPError:
            return False


async def test_killed_in_the_middle_of_webhooks_it_keeps_each_message_once(cluster: LocalCluster) -> None:
    provider = Provider(cluster.http("conversations"))
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client, asyncio.timeout(PATIENCE_S):
        deliveries = asyncio.gather(*[provider.deliver(client, number) for number in range(MESSAGES)])
        for third in provider.thirds:
            await third.wait()
            await asyncio.to_thread(cluster.kill, "conversations")
            await asyncio.to_thread(cluster.start_service, "conversations")
        await deliveries
    assert provider.refused
    database = await asyncpg.connect(cluster.database_url("conversations"))
    try:
        stored = [row["message_id"] for row in await database.fetch("SELECT message_id FROM messages")]
        threads = await database.fetchval("SELECT count(*) FROM threads")
    finally:
        await database.close()
    assert sorted(stored) == sorted(f"wamid.{number}" for number in range(MESSAGES))
    assert threads == PHONES
