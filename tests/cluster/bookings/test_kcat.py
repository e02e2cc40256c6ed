"""A client that knows nothing of us: kcat, from Debian's packages, with plain JSON."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Sequence
from typing import Any

import pytest

from posada.cluster.cluster import LocalCluster
from posada.cluster.secrets import BANK
from tests.support.builders.cluster_requests import fresh_night, money_for, request
from tests.support.cluster.gateway import EVENTS, REQUESTS, TRANSFERS, rows, unique, wait_for
from tests.support.oracle import until_at_rest

KCAT = shutil.which("kcat") or shutil.which("kafkacat") or ""
RECORDED = "SELECT count(*) FROM payments WHERE transfer_id = $1"
ENDS = ("posada.booking.confirmed.v1", "posada.booking.refused.v1", "posada.booking.failed.v1")

pytestmark = pytest.mark.skipif(not KCAT, reason="kcat is not installed: apt-get install kcat")


@pytest.mark.parametrize("headers", [(), ("ce_id", "ce_source", "ce_type")], ids=["without headers", "with headers"])
async def test_plain_json_in_and_the_outcome_out(cluster: LocalCluster, headers: tuple[str, ...]) -> None:
    wanted = request(fresh_night())
    transfer = money_for(wanted)
    values = {"ce_id": unique("event"), "ce_source": "acme/gateway", "ce_type": "posada.booking.requested.v1"}
    flags = [flag for name in headers for flag in ("-H", f"{name}={values[name]}")]
    transfer |= {"source": BANK}
    (_, signature), *_ = cluster.secrets.source().signed(TRANSFERS, json.dumps(transfer).encode())
    await kcat(cluster, "-P", "-t", TRANSFERS, "-H", f"posada_signature={signature.decode()}", given=transfer)

    async def recorded() -> bool:
        return bool((await rows(cluster, "payments", RECORDED, transfer["transfer_id"]))[0][0])

    await wait_for(recorded, what="the transfer to be recorded", timeout_s=20)
    await kcat(cluster, "-P", "-t", REQUESTS, "-k", "acme", *flags, given=wanted)

    outcome = await read_outcome(cluster, wanted["request_id"])
    assert outcome["headers"]["ce_type"] == "posada.booking.confirmed.v1"
    assert outcome["headers"]["ce_specversion"] == "1.0"
    assert outcome["headers"]["content-type"] == "application/json"
    assert outcome["body"]["total"] == "690.00"
    assert outcome["body"]["number_of_rooms"] == 3
    assert outcome["key"] == outcome["body"]["booking_id"]
    await until_at_rest(cluster)


async def read_outcome(cluster: LocalCluster, request_id: str) -> dict[str, Any]:
    """Read the events from the beginning, again until the outcome is among them."""
    found: list[dict[str, Any]] = []

    async def is_there() -> bool:
        output = await kcat(cluster, "-C", "-t", EVENTS, "-o", "beginning", "-e", "-q", "-J")
        ours = [line for line in output.splitlines() if request_id.encode() in line]  # others left bad messages here
        found.extend(event for event in map(_event, ours) if _ends(event, request_id))
        return bool(found)

    await wait_for(is_there, what="kcat to read the outcome", timeout_s=30)
    return found[0]


def _event(line: bytes) -> dict[str, Any]:
    envelope = json.loads(line)
    pairs = envelope.get("headers") or []
    return {
        "key": envelope["key"],
        "headers": dict(zip(pairs[::2], pairs[1::2], strict=True)),
        "body": envelope["payload"],
    }


def _ends(event: dict[str, Any], request_id: str) -> bool:
    if event["headers"].get("ce_type") not in ENDS:
        return False
    event["body"] = json.loads(event["body"])
    return bool(event["body"]["request_id"] == request_id)


async def kcat(cluster: LocalCluster, *arguments: str, given: object = None) -> bytes:
    """Run kcat to its end; what is `given` is one message on its standard input."""
    process = await asyncio.create_subprocess_exec(
        *_command(cluster, arguments), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(30):
            output, _ = await process.communicate(json.dumps(given).encode() if given else b"")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    return output


def _command(cluster: LocalCluster, arguments: Sequence[str]) -> list[str]:
    return [KCAT, "-b", cluster.kafka_bootstrap, *arguments]
