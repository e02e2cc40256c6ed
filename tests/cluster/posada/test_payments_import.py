"""`posada payments import`: what is new, known, broken or contradicting, told and kept, over a real broker and API."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn

from posada.main import run
from services.payments.app import build
from services.payments.settings import Settings
from shared.contracts.topics import PAYMENTS_TRANSFERS
from shared.database.pool import Database
from shared.kafka.topic_admin import create_topics
from tests.support.builders.payments import transfer
from tests.support.sagas.payments_service import TOKEN, House
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
HEADING = "transfer_id,amount,posted_on,payer,reference\n"
MARCH = HEADING + "T1,690.00,2025-03-14,Ana Paz,77\nT2,5.00,2025-03-14,,\nT3,69o.00,2025-03-14,,\n"
OVERLAP = (
    HEADING + "T1,690.00,2025-03-14,ANA PAZ,77\nT2,6.00,2025-03-15,,\nT4,7.00,2025-03-14,,\nT4,7.00,2025-03-14,,\n"
)


@pytest.fixture
async def house(
    fresh_database: FreshDatabase, kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    """Payments behind a port, told by hand what its consumer would read."""
    url = fresh_database("payments")
    database = Database(url)
    await database.open()
    house = House(database, url)
    built = build(Settings(database_url=url, api_token=TOKEN))
    built.database._pool, built.database._http_pool = database._pool, database._http_pool
    await create_topics(kafka_bootstrap, [PAYMENTS_TRANSFERS])
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(built.app(), lifespan="off", log_level="critical"))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    monkeypatch.setenv("POSADA_PAYMENTS_URL", f"http://127.0.0.1:{listening.getsockname()[1]}")
    monkeypatch.setenv("POSADA_KAFKA_BOOTSTRAP", kafka_bootstrap)
    monkeypatch.setenv("POSADA_API_TOKEN", TOKEN)
    monkeypatch.setenv("POSADA_KAFKA_SECRETS", json.dumps({"1": "s" * 32}))
    yield house
    server.should_exit = True
    await task
    listening.close()
    await database.close()


async def ended(*words: str) -> int:
    """The exit code of a command, run in a thread beside the service."""

    def work() -> int:
        with pytest.raises(SystemExit) as end:
            run(list(words))
        return int(end.value.code or 0)

    return await asyncio.to_thread(work)


async def test_what_contradicts_is_named_and_what_is_broken_is_kept(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    march, overlap = tmp_path / "march.csv", tmp_path / "overlap.csv"
    march.write_text(MARCH)
    overlap.write_text(OVERLAP)
    assert await ended("payments", "import", str(march)) == 1
    told = capsys.readouterr()
    assert "2 lines taken, 0 there already, 1 broken" in told.out
    assert "1 lines are kept for correction: posada payments broken" in told.err
    await house.tell(
        transfer("T1", source="csv", payer="Ana Paz", reference="77"), transfer("T2", "5.00", source="csv")
    )
    for _ in range(2):  # what is imported again is kept once
        assert await ended("payments", "import", str(overlap)) == 1
        told = capsys.readouterr()
        assert "1 lines taken, 1 there already, 1 broken, 1 contradicting" in told.out
        assert "the same id stands on an earlier line" in told.err
        assert "contradiction: transfer T2 of csv: amount was recorded as 5.00, and is now 6.00" in told.err
    assert await ended("payments", "broken", "--json") == 1
    kept = json.loads(capsys.readouterr().out)
    assert [(one["source"], one["file"], one["field"]) for one in kept] == [
        ("csv", "march.csv", "amount"),
        ("csv", "overlap.csv", "amount"),
        ("csv", "overlap.csv", "transfer_id"),
    ]
    assert kept[0]["line"] == "T3,69o.00,2025-03-14,,"
    assert "posted_on was recorded as 2025-03-14" in kept[1]["problem"]


async def test_what_cannot_be_kept_is_said(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "march.csv"
    file.write_bytes(MARCH.encode() + b"T5,1.00,2025-03-14,Pe\xf1a,\nT6,1.00,2025-03-14,An\0a,\n")
    assert await ended("payments", "import", str(file)) == 1
    assert "1 lines are kept" in capsys.readouterr().err, "payers of another encoding are made fit"
    monkeypatch.delenv("POSADA_PAYMENTS_URL")
    assert await ended("payments", "import", str(file), "--data", str(tmp_path)) == 1
    assert "kept nowhere but in the file: no payments service runs here" in capsys.readouterr().err


async def test_the_same_file_under_another_layout_is_told_and_what_was_sent_on_is_noted(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, layout = tmp_path / "april.csv", tmp_path / "other.yaml"
    file.write_text("amount,posted_on\n690.00,2025-04-01\n-5.00,2025-04-01\n")
    layout.write_text("source: other\n")
    assert await ended("payments", "import", str(file)) == 0
    assert "1 lines passed over: debit" in capsys.readouterr().out
    async with house.database.connection() as connection:
        (noted,) = await connection.fetch("SELECT seen, passed, cardinality(sent) AS sent, source FROM intake")
    assert dict(noted) == {"seen": 2, "passed": 1, "sent": 1, "source": "csv"}
    assert await ended("payments", "import", str(file), "--layout", str(layout)) == 1
    told = capsys.readouterr()
    assert "taken before under another layout: 1 lines, of which 0 are the same" in told.err
    assert "0 lines taken" in told.out
