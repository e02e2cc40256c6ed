"""`posada rooms`: out to a file and in again, over the service's real API."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
import uvicorn

from posada.main import run
from services.availability.app import build
from services.availability.settings import Settings
from tests.support.doubles.transport import MovedClock
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
TOKEN = "the catalogue's own token, a long one"  # noqa: S105 — of this test alone


@pytest.fixture
def database_url(fresh_database: FreshDatabase) -> str:
    """Availability's database."""
    return fresh_database("availability")


@pytest.fixture
async def api(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Availability behind a port, without Kafka."""
    built = build(Settings(database_url=database_url, api_token=TOKEN), MovedClock())
    await built.database.open()
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(built.app(), lifespan="off", log_level="critical"))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    monkeypatch.setenv("POSADA_AVAILABILITY_URL", url)
    monkeypatch.setenv("POSADA_API_TOKEN", TOKEN)
    yield url
    server.should_exit = True
    await task
    listening.close()
    await built.database.close()


@pytest.fixture
async def external_call(api: str, database_url: str) -> UUID:
    """A booking whose cancellation in an outside system was given up."""
    booking = uuid4()
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO outside_errands (id, booking_id, kind, property_id, body, attempts, problem, given_up_at)"
        " VALUES ($1, $1, 'cancel', 'las-hojas', '{}', 5, 'HTTP 500', now())",
        booking,
    )
    await connection.close()
    return booking


async def ended(*words: str) -> int:
    """The exit code of a command, run in a thread beside the service."""

    def work() -> int:
        with pytest.raises(SystemExit) as end:
            run(list(words))
        return int(end.value.code or 0)

    return await asyncio.to_thread(work)


async def test_out_and_in_again(api: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "catalogue.csv"
    assert await ended("rooms", "export", str(file)) == 0
    lines = file.read_text(encoding="utf-8").splitlines()
    assert len(lines) > 180
    assert "Habitación" in file.read_text(encoding="utf-8")
    assert await ended("rooms", "import", str(file)) == 0
    assert f"{len(lines) - 1} lines taken, 0 changed, 0 broken" in capsys.readouterr().out


async def test_a_broken_line_is_named_and_the_exit_code_says_so(
    api: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rooms.csv"
    file.write_text("record,property_id,room,type\nroom,las-hojas,60,Junior\nroom,las-hojas,61,Igloo\n")
    assert await ended("rooms", "import", str(file)) == 1
    told = capsys.readouterr()
    assert "line 3, type: room type 'Igloo' is not known" in told.err
    assert "1 lines taken, 1 changed, 1 broken" in told.out
    assert await ended("rooms", "import", str(file), "--json") == 1
    assert json.loads(capsys.readouterr().out)["broken_lines"][0]["number"] == 3


async def test_what_is_no_catalogue_and_who_has_no_token(
    api: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "notes.csv"
    file.write_text("dear diary\n")
    assert await ended("rooms", "import", str(file)) == 2
    assert "the columns are" in capsys.readouterr().err
    monkeypatch.delenv("POSADA_API_TOKEN")
    assert await ended("rooms", "export") == 4
    assert "POSADA_API_TOKEN" in capsys.readouterr().err


async def test_what_was_given_up_in_an_outside_system_is_listed_and_tried_again(
    api: str, external_call: UUID, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await ended("rooms", "given-up", "--json") == 1
    (told,) = json.loads(capsys.readouterr().out)
    assert told["booking_id"] == str(external_call)
    assert await ended("rooms", "retry", str(external_call)) == 0
    assert await ended("rooms", "given-up") == 0
    assert await ended("rooms", "retry", str(external_call)) == 1
    assert "nothing was given up" in capsys.readouterr().err


async def test_what_somebody_has_undone_elsewhere_is_dismissed(
    api: str, external_call: UUID, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await ended("rooms", "dismiss", str(external_call)) == 0
    assert await ended("rooms", "given-up") == 0
    assert await ended("rooms", "dismiss", str(external_call)) == 1
    assert "nothing was given up" in capsys.readouterr().err
