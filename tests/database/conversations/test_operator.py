"""What an operator sees and does: `posada conversations`, against the service's own HTTP on a real database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from fastapi import Depends, FastAPI

from posada.main import run
from services.conversations.console import api
from services.conversations.repository import Repository
from services.conversations.settings import Settings
from services.conversations.threads import relinking
from shared.consumer.processor import Processor
from shared.contracts.booking import Contact
from shared.database.pool import Database
from shared.http.app import authenticated
from tests.database.conversations.test_in_postgres import threads
from tests.support.builders.conversations import NOW, PHONE, PLACE, SUBSCRIBER, WA_ID, chat, confirmed, record
from tests.support.doubles.chat_providers import Double, serving
from tests.support.doubles.transport import MovedClock, process_records

IN_A_MONTH = timedelta(days=32)


class Served(Double):
    """The service's own application in a double's place."""

    def app(self) -> FastAPI:
        return self.application

    application: FastAPI


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock(NOW)


@pytest.fixture
def token() -> str | None:
    return "t" * 32


@pytest.fixture
async def service(
    database: Database, repository: Repository, clock: MovedClock, token: str | None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    settings = Settings(api_token=token)
    served = Served()
    served.application = FastAPI(dependencies=[Depends(authenticated(settings))])
    served.application.include_router(api.router(database, PLACE))
    served.application.include_router(relinking.router(database, repository, PLACE, settings, clock))
    async with serving(served):
        monkeypatch.setenv("POSADA_CONVERSATIONS_URL", served.url)
        monkeypatch.setenv("POSADA_API_TOKEN", "t" * 32)
        monkeypatch.delenv("POSADA_DEBUG", raising=False)
        yield


async def posada(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The exit code, standard output and standard error of a command, run beside the service."""
    with pytest.raises(SystemExit) as ended:
        await asyncio.to_thread(run, ["conversations", *words])
    told = capsys.readouterr()
    return int(ended.value.code or 0), told.out, told.err


@pytest.mark.usefixtures("service")
class TestList:
    @pytest.mark.parametrize("phone", [PHONE, "7123-4567", WA_ID])
    async def test_a_tenants_threads_as_a_table(
        self, consumer: Processor, capsys: pytest.CaptureFixture[str], phone: str
    ) -> None:
        await process_records(consumer, [record(booking := confirmed("101")), record(chat(text="¿Hay [toallas]?"))])
        code, out, _ = await posada(capsys, "list", phone)
        assert code == 0
        for shown in ("mar 101", "Ana López · Posada del Mar 101", str(booking.booking_id), "2026-03-10 18:00", "open"):
            assert shown in out

    async def test_all_pages_as_json(self, consumer: Processor, capsys: pytest.CaptureFixture[str]) -> None:
        rooms = [f"{number}" for number in range(100, 155)]
        for number, room in enumerate(rooms):
            at = NOW - timedelta(days=200 - number)
            await process_records(
                consumer, [record(confirmed(room, at=at)), record(chat(sent_at=at + timedelta(hours=1)))]
            )
        code, out, _ = await posada(capsys, "list", PHONE, "--json")
        assert code == 0
        assert sorted(thread["room"] for thread in json.loads(out)) == rooms

    async def test_nobody_by_that_phone(self, capsys: pytest.CaptureFixture[str]) -> None:
        code, out, err = await posada(capsys, "list", "70000000")
        assert (code, out) == (1, "")
        assert "70000000" in err
        assert json.loads((await posada(capsys, "list", "70000000", "--json"))[1]) == []


@pytest.mark.usefixtures("service")
class TestRelink:
    async def two_stays(self, consumer: Processor, phone: str = WA_ID) -> None:
        now, later = confirmed("101", nights=3, wa_id=phone), confirmed("101", starts=30, wa_id=phone)
        await process_records(consumer, [record(now), record(later), record(chat(phone))])

    async def test_a_dry_run_shows_and_a_run_does(
        self, consumer: Processor, database: Database, clock: MovedClock, capsys: pytest.CaptureFixture[str]
    ) -> None:
        await self.two_stays(consumer)
        assert "0 threads would change" in (await posada(capsys, "relink", "--dry-run"))[1]
        clock.forward(IN_A_MONTH)
        (before,) = await threads(database)
        code, out, _ = await posada(capsys, "relink", PHONE, "--dry-run")
        assert code == 0
        assert str(before["booking_id"]) in out
        assert "1 threads would change" in out
        assert await threads(database) == [before]
        code, out, _ = await posada(capsys, "relink")
        (after,) = await threads(database)
        assert (code, after["booking_id"] != before["booking_id"]) == (0, True)
        assert str(after["booking_id"]) in out
        assert "0 threads changed" in (await posada(capsys, "relink"))[1]

    async def test_json_and_everybody_in_pages(
        self,
        consumer: Processor,
        clock: MovedClock,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for number in range(7):
            await self.two_stays(consumer, f"5037000000{number}")
        clock.forward(IN_A_MONTH)
        monkeypatch.setattr("posada.cli.front_desk.conversations.AT_ONCE", 3)
        _, out, _ = await posada(capsys, "relink", "--json", "--dry-run")
        told = json.loads(out)
        assert (told["tenants"], len(told["threads"]), told["dry_run"]) == (7, 7, True)
        assert {change["field"] for thread in told["threads"] for change in thread["changes"]} == {"booking_id"}

    async def test_what_a_run_chose_outlives_a_repeated_event(
        self, consumer: Processor, database: Database, clock: MovedClock, capsys: pytest.CaptureFixture[str]
    ) -> None:
        await self.two_stays(consumer)
        clock.forward(IN_A_MONTH)
        await posada(capsys, "relink")
        (chosen,) = await threads(database)
        await process_records(consumer, [record(chat(message_id="late", sent_at=NOW + timedelta(minutes=1)))])
        (after,) = await threads(database)
        assert after["booking_id"] == chosen["booking_id"]

    async def test_a_thread_that_nobody_adopted_is_found_its_home(
        self, consumer: Processor, database: Database, capsys: pytest.CaptureFixture[str]
    ) -> None:
        contact = Contact(wa_id=WA_ID, subscriber_id=SUBSCRIBER)
        await process_records(consumer, [record(chat()), record(confirmed("101", contact=contact))])
        async with database.connection() as connection:  # as the rules of before would have left it
            await connection.execute("UPDATE threads SET property_id = NULL, room = NULL, booking_id = NULL")
        _, out, _ = await posada(capsys, "relink", SUBSCRIBER)
        assert "mar 101" in out
        (thread,) = await threads(database)
        assert thread["room"] == "101"


class TestRefusals:
    @pytest.mark.parametrize("token", [None])
    @pytest.mark.usefixtures("service")
    async def test_without_a_token_only_a_dry_run(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert (await posada(capsys, "relink", "--dry-run"))[0] == 0
        code, out, err = await posada(capsys, "relink")
        assert (code, out) == (1, "")
        assert "POSADA_API_TOKEN" in err

    @pytest.mark.usefixtures("service")
    async def test_a_wrong_token(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("POSADA_API_TOKEN", "guess")
        code, _, err = await posada(capsys, "list", PHONE)
        assert code == 4
        assert "POSADA_API_TOKEN" in err

    async def test_a_service_that_is_away(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("POSADA_CONVERSATIONS_URL", "http://127.0.0.1:1")
        for words in (("list", PHONE), ("relink",)):
            code, _, err = await posada(capsys, *words)
            assert code == 4
            assert "posada up" in err
