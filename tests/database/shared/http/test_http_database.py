"""HTTP requests have connections of their own, are told when none is free, and hold none while a client is slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from uuid import uuid4

import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import StreamingResponse
from httpx import ASGITransport, AsyncClient
from starlette.types import Message, Scope

from shared.auth.tokens import Caller, Role, issue
from shared.consumer.processor import Processor
from shared.contracts.topics import SERVICES
from shared.database import pool as of_database
from shared.database.pool import Busy, Database, on_request
from shared.http.connections import DatabaseOfRequests
from shared.outbox.publisher import OutboxPublisher
from shared.service import Service
from shared.settings import ServiceSettings
from tests.support.doubles.transport import PostOffice, process_records
from tests.support.sagas.sample_service import Notes, asked, noted
from tests.support.sagas.sample_service import asking as command
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
KEYS = {"k1": "a key of these tests alone, long enough"}
HOUR = timedelta(hours=1)
READS = {
    "availability": f"/holds/{uuid4()}",
    "booking": "/bookings",
    "payments": "/payments/flat",
    "notifications": "/rates",
    "conversations": "/threads",
}


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_database, "FREE_SECONDS", 1.0)  # opening a connection takes longer on a busy machine


@asynccontextmanager
async def asking(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(app), base_url="http://service", timeout=30) as http:
        yield http


@asynccontextmanager
async def all_taken(database: Database) -> AsyncIterator[None]:
    """Other requests have every connection of theirs."""
    async with AsyncExitStack() as held:
        for _ in range(database._http_connections):
            with on_request():
                await held.enter_async_context(database.connection())
        yield


@pytest.mark.parametrize("service", SERVICES)
async def test_requests_without_a_connection_are_told_so_and_messages_go_on(
    fresh_database: FreshDatabase, service: str
) -> None:
    settings = import_module(f"services.{service}.settings").Settings(
        database_url=fresh_database(service), database_connections=2, http_database_connections=3
    )
    built: Service = import_module(f"services.{service}.app").build(settings)
    await built.database.open()
    async with asking(built.app()) as http:
        async with all_taken(built.database):
            answers = await asyncio.gather(*[http.get(READS[service]) for _ in range(10)])
            assert {answer.status_code for answer in answers} == {503}
            assert {answer.headers["retry-after"] for answer in answers} == {"5"}
            assert "no connection free" in answers[0].json()["detail"]
            async with asyncio.timeout(5), built.database.transaction(), built.database.transaction() as connection:
                assert await connection.fetchval("SELECT 1") == 1
        assert (await http.get(READS[service])).status_code in {200, 404}
    await built.database.close()


async def test_messages_that_wait_take_nothing_from_requests(notes_url: str) -> None:
    database = Database(notes_url, connections=2, http_connections=1)
    await database.open()
    async with database.connection(), database.connection():
        with on_request():
            async with asyncio.timeout(5), database.connection() as connection:
                assert await connection.fetchval("SELECT 1") == 1
    await database.close()


async def test_a_command_that_a_request_executes_counts_as_the_requests(database: Database) -> None:
    routes = Notes().routes()
    processor = Processor(routes, database, OutboxPublisher(PostOffice(), database))
    async with all_taken(database):
        with on_request(), pytest.raises(Busy):
            await processor.execute(command("over HTTP"))
        await process_records(processor, [asked(routes, "from Kafka")])
    with on_request() as use:
        await processor.execute(command("over HTTP"))
        assert use.held == 0
    assert await noted(database) == ["from Kafka", "over HTTP"]


async def test_the_guards_query_is_a_requests(fresh_database: FreshDatabase) -> None:
    settings = import_module("services.booking.settings").Settings(
        database_url=fresh_database("booking"), api_keys=KEYS
    )
    built: Service = import_module("services.booking.app").build(settings)
    await built.database.open()
    token = issue(settings.api_keys, Caller("desk", Role.DESK, frozenset({"las-hojas"})), datetime.now(UTC), HOUR)
    async with asking(built.app()) as http, all_taken(built.database):
        answer = await http.get(f"/bookings/{uuid4()}", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 503
    await built.database.close()


def careless(database: Database) -> APIRouter:
    """Endpoints as nobody should write them."""
    router = APIRouter()

    async def lines() -> AsyncIterator[str]:
        async with database.connection():
            yield "one line\n"

    @router.get("/streams")
    async def streams() -> StreamingResponse:
        return StreamingResponse(lines())

    @router.post("/reads")
    async def reads(request: Request) -> int:
        async with database.connection():
            return len(await request.body())

    @router.get("/answers")
    async def answers() -> int:
        async with database.connection() as connection:
            return int(await connection.fetchval("SELECT 1"))

    return router


@pytest.mark.parametrize("ask", [lambda http: http.get("/streams"), lambda http: http.post("/reads", content=b"1")])
async def test_an_endpoint_that_holds_a_connection_for_a_client_fails(
    notes_url: str, ask: Callable[[AsyncClient], Awaitable[object]]
) -> None:
    database = Database(notes_url)
    await database.open()
    settings = ServiceSettings()
    service = Service("notes", "1", settings, database, Notes().routes(), routers=[careless(database)])
    async with asking(service.app()) as http:
        assert (await http.get("/answers")).json() == 1
        with pytest.raises(RuntimeError, match="a connection of the database is held"):
            await ask(http)
    assert database._http_pool
    database._http_pool.terminate()  # a stream that failed keeps its connection until it is collected
    await database.close()


async def test_a_client_that_is_only_watched_is_no_matter(database: Database) -> None:
    """While an answer is on its way the server listens for the client's end, also when its body is not over."""
    sent: list[Message] = []

    async def app(
        _: Scope, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        async with database.connection():
            assert (await receive())["type"] == "http.request"
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    await DatabaseOfRequests(app)({"type": "http"}, receive, send)
    assert len(sent) == 2
