"""Three brokers by compose's profile: one dies while bookings are made, none is lost, and it catches up again."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from shared.contracts.topics import ALL_TOPICS, SERVICES
from tests.deploy.conftest import Letters
from tests.support.builders.cluster_requests import many, money_for
from tests.support.cluster.compose_stack import ROOT, Composed, demand_containers, run
from tests.support.cluster.gateway import REQUESTS, Gateway, wait_for
from tests.support.oracle import until_at_rest

pytestmark = [pytest.mark.real, pytest.mark.containers, pytest.mark.timeout(1500)]

BROKERS = ("kafka", "kafka-2", "kafka-3")
CROWD = 30
PATIENCE_S = 180.0  # the others miss a broker after its session's nine seconds, and machines may be slow


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, letters: tuple[Letters, int]) -> Iterator[Composed]:
    """The five services on three brokers, started once and removed in any case."""
    demand_containers()
    mail = {"POSADA_SMTP_HOST": "host.docker.internal", "POSADA_SMTP_PORT": str(letters[1])}
    composed = Composed(tmp_path_factory.mktemp("compose"), mail, [ROOT / "deploy" / "three-brokers.env"])
    try:
        composed.build()
        composed.up(*SERVICES)
        yield composed
    finally:
        composed.down()


@pytest.fixture
async def gateway(system: Composed) -> AsyncIterator[Gateway]:
    async with Gateway(system) as client:  # type: ignore[arg-type]  # as far as a gateway knows, a local cluster
        yield client


async def partitions(system: Composed) -> list[dict[str, Any]]:
    """What the brokers say of each partition of our topics."""
    admin = AIOKafkaAdminClient(bootstrap_servers=system.kafka_bootstrap)
    await admin.start()
    try:
        found = await admin.describe_topics([topic.name for topic in ALL_TOPICS])
        return [partition for topic in found for partition in topic["partitions"]]
    finally:
        await admin.close()


async def all_in_step(system: Composed, brokers: int) -> bool:
    return {len(one["isr"]) for one in await partitions(system)} == {brokers}


async def book(gateway: Gateway, victim: str = "") -> None:
    """A crowd's bookings, all confirmed; with a victim, that container is killed amid them, and all have an outcome."""
    crowd = many(CROWD)
    await gateway.pay([money_for(wanted) for wanted in crowd])
    for wanted in crowd:
        await gateway.publish(REQUESTS, wanted)
        if victim and wanted is crowd[CROWD // 3]:
            assert run("docker", "kill", "--signal", "KILL", victim).returncode == 0
    outcomes = await gateway.outcomes([wanted["request_id"] for wanted in crowd], PATIENCE_S)
    undone = [outcome.body["refusal"]["reason"] for outcome in outcomes if outcome.kind != "confirmed"]
    # While partitions wait for a new leader, a step may wait longer than a saga's patience: then it is undone, whole.
    assert set(undone) <= ({"timed_out"} if victim else set())
    assert len(undone) < CROWD


def audited(system: Composed) -> dict[str, Any]:
    """What `posada audit` finds, over all databases and topics."""
    urls = [word for service in SERVICES for word in ("--database", f"{service}={system.database_url(service)}")]
    command = (sys.executable, "-m", "posada.main", "audit", "--json", "--bootstrap", system.kafka_bootstrap, *urls)
    told = run(*command, timeout_s=240, env={**os.environ, "NO_COLOR": "1"})
    assert told.returncode == 0, told.stdout + told.stderr
    return dict(json.loads(told.stdout))


async def test_a_broker_dies_amid_bookings_and_comes_back(system: Composed, gateway: Gateway) -> None:
    told = await partitions(system)
    assert {len(one["replicas"]) for one in told} == {len(BROKERS)}
    assert len({one["leader"] for one in told}) == len(BROKERS), "each leads something"
    await book(gateway)

    [first] = system.copies("kafka")  # the one that every client asks first
    await book(gateway, first["Id"])
    await wait_for(lambda: all_in_step(system, len(BROKERS) - 1), what="the others to go on", timeout_s=PATIENCE_S)
    await book(gateway)
    await until_at_rest(system, PATIENCE_S)  # type: ignore[arg-type]

    system.compose("start", "kafka")
    await wait_for(lambda: all_in_step(system, len(BROKERS)), what="the broker to catch up", timeout_s=PATIENCE_S)
    await book(gateway)
    await until_at_rest(system, PATIENCE_S)  # type: ignore[arg-type]
    audited(system)
