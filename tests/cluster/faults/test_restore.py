"""An older payments database is restored, as after the loss of a disk: what came since is read again, all agrees."""

from __future__ import annotations

import asyncio
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.local.postgres import programs
from posada.client.http import ask
from posada.cluster.cluster import LocalCluster
from posada.main import run
from tests.support.builders.cluster_requests import fresh_night, money_for, request
from tests.support.cluster.gateway import Gateway, rows
from tests.support.oracle import until_at_rest

BOOKINGS = 4
_STATE = "SELECT booking_id, status, amount, codes FROM payment_requests WHERE status = 'captured' ORDER BY booking_id"


def tool(name: str, *arguments: str | Path) -> None:
    told = subprocess.run([programs() / name, *arguments], check=False, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr


async def booked(gateway: Gateway) -> None:
    """Some bookings that are paid for."""
    wanted = [request(fresh_night()) for _ in range(BOOKINGS)]
    await gateway.pay([money_for(one) for one in wanted])
    for one in wanted:
        assert (await gateway.book(one)).kind == "confirmed"


async def captured(cluster: LocalCluster) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await rows(cluster, "payments", _STATE)]


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        run(list(words))
    told = capsys.readouterr()
    return int(ended.value.code or 0), told.out + told.err


async def audited(cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, set[str]]]:
    """What `posada audit` exits with, and which invariants it names, each with what it is about."""
    words = ("audit", "--json", "--data", str(cluster.data_dir), "--grace", "0.5")
    code, text = await asyncio.to_thread(said, capsys, *words)
    found = {one["name"]: {finding["subject"] for finding in one["findings"]} for one in json.loads(text)["invariants"]}
    return code, {name: subjects for name, subjects in found.items() if subjects}


async def test_payments_of_an_older_day_catch_up(
    cluster: LocalCluster, gateway: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await booked(gateway)
    await until_at_rest(cluster)
    older, begun = await captured(cluster), datetime.now(UTC)
    backup, url = tmp_path / "payments.dump", cluster.backends.owner_url("payments")
    await asyncio.to_thread(tool, "pg_dump", "--format=custom", "--file", backup, url)
    await booked(gateway)
    await until_at_rest(cluster)
    newer = await captured(cluster)
    assert len(newer) == len(older) + BOOKINGS
    assert await audited(cluster, capsys) == (0, {})

    words = ("rewind", "payments", "--since", f"{begun:%Y-%m-%dT%H:%M:%S}", "--bootstrap", cluster.kafka_bootstrap)
    code, text = await asyncio.to_thread(said, capsys, *words)
    assert (code, "stop every one" in text) == (1, True)
    cluster.stop_service("payments")
    await asyncio.to_thread(tool, "pg_restore", "--clean", "--if-exists", "--no-owner", "--dbname", url, backup)
    assert await captured(cluster) == older
    lost = {str(booking) for booking, *_ in newer} - {str(booking) for booking, *_ in older}
    code, named = await audited(cluster, capsys)
    assert (code, named) == (1, {"confirmed-is-paid": lost, "counted-on-is-reserved": lost})

    code, text = await asyncio.to_thread(said, capsys, *words)
    assert (code, "messages again" in text) == (0, True), text
    cluster.start_service("payments")
    await until_at_rest(cluster)
    assert await captured(cluster) == newer
    books = ask(cluster.http("payments"), "/payments/audit")
    assert books["agrees"], books
    assert await audited(cluster, capsys) == (0, {})
