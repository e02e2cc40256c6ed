"""Commands of the front desk on a running cluster, over booking's HTTP API."""

from __future__ import annotations

from typing import Final
from uuid import uuid4

import httpx

from posada.cluster.cluster import LocalCluster

TOKEN: Final = "the front desk's own, hard to guess"  # noqa: S105 — of a test
ANSWER_S: Final = 30.0


async def command(cluster: LocalCluster, booking_id: str, name: str) -> str:
    """Give a command such as check-in; returns the booking's new status, or the reason why not.

    The cluster's POSADA_API_TOKEN has to be TOKEN.
    """
    async with httpx.AsyncClient(base_url=cluster.http("booking"), trust_env=False, timeout=ANSWER_S) as client:
        answer = await client.post(
            f"/bookings/{booking_id}/{name}",
            json={"command_id": str(uuid4()), "who": "Marta"},
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
    body = answer.json()
    return str(body["status"] if answer.is_success else body["error"]["reason"])
