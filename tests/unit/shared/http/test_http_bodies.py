"""No request fills the memory: what is too large is refused before anybody asks who sends it, and is not read on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import import_module

import pytest
from fastapi import Depends, FastAPI, Request
from httpx import ASGITransport, AsyncClient
from pydantic import BaseModel

from shared.contracts.topics import SERVICES
from shared.http.app import authenticated, before_body
from shared.http.bodies import MOST_BYTES, BodyLimit
from shared.settings import ServiceSettings

CHUNK = b"x" * 65_536
SECRET = "a token that nobody of these shows"  # noqa: S105 — of this test alone


class Chunks:
    """A body that tells no length; `taken` counts the bytes that somebody took."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.taken < self._most:
            self.taken += len(CHUNK)
            yield CHUNK


class Thing(BaseModel):
    """Something to be read."""

    words: str


def small_and_large() -> AsyncClient:
    app = FastAPI()
    app.add_middleware(BodyLimit, most=100, larger={"/files": 1000})

    @app.post("/things")
    async def thing(given: Thing) -> int:
        return len(given.words)

    @app.post("/files")
    async def file(request: Request) -> int:
        return len(await request.body())

    @app.post("/deaf")
    async def deaf() -> str:
        return "heard nothing"

    return AsyncClient(transport=ASGITransport(app), base_url="http://service")


def of(service: str) -> FastAPI:
    settings = import_module(f"services.{service}.settings").Settings(api_token=SECRET)
    app: FastAPI = import_module(f"services.{service}.app").build(settings).app()
    return app


def bodies_of(app: FastAPI) -> list[tuple[str, str]]:
    """Every endpoint behind the token for which FastAPI reads a body."""
    return [
        (method, path)
        for path, methods in app.openapi()["paths"].items()
        for method, told in methods.items()
        if "requestBody" in told and not path.startswith("/webhooks")
    ]


@pytest.mark.parametrize("service", SERVICES)
async def test_a_large_body_without_a_token_is_refused_and_not_read_on(service: str) -> None:
    app = of(service)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://service") as http:
        for method, path in bodies_of(app):
            told = await http.request(method, path, content=b"x" * (MOST_BYTES + 1))
            assert told.status_code == 413, (method, path, told.text)
            assert str(MOST_BYTES) in told.json()["detail"]
            chunks = Chunks(20 * MOST_BYTES)
            told = await http.request(method, path, content=chunks)
            assert told.status_code == 401, (method, path, told.text)
            assert chunks.taken == 0
            assert (await http.request(method, path, json={})).status_code == 401


@pytest.mark.parametrize("service", SERVICES)
async def test_a_large_body_with_a_token_is_not_read_on(service: str) -> None:
    app = of(service)
    known = {"Authorization": f"Bearer {SECRET}"}
    async with AsyncClient(transport=ASGITransport(app), base_url="http://service", headers=known) as http:
        for method, path in bodies_of(app):
            chunks = Chunks(20 * MOST_BYTES)
            told = await http.request(method, path, content=chunks)
            assert told.status_code == 413, (method, path, told.text)
            assert chunks.taken <= MOST_BYTES + len(CHUNK)


async def test_who_sends_a_body_is_counted_once() -> None:
    settings = ServiceSettings(api_token=SECRET, http_rate=0.5)  # one request at once
    let_in = authenticated(settings)
    app = FastAPI(dependencies=[Depends(let_in)])
    app.add_middleware(BodyLimit, authenticate=before_body(let_in))

    @app.post("/things")
    async def thing(given: Thing) -> str:
        return given.words

    async with AsyncClient(transport=ASGITransport(app), base_url="http://service") as http:
        for token, statuses in (("a guess", [401, 429]), (SECRET, [200, 429])):
            headers = {"Authorization": f"Bearer {token}"}
            told = [(await http.post("/things", json={"words": "some"}, headers=headers)).status_code for _ in "12"]
            assert told == statuses


def test_there_are_such_endpoints() -> None:
    assert sum(len(bodies_of(of(service))) for service in SERVICES) > 10


@pytest.mark.parametrize(("path", "most"), [("/things", 100), ("/files", 1000)])
async def test_a_path_takes_what_it_may_and_no_byte_more(path: str, most: int) -> None:
    def exactly(size: int) -> bytes:
        return b'{"words": "%s"}' % (b"x" * (size - 13))

    async def told_no_length(size: int) -> AsyncIterator[bytes]:
        whole = exactly(size)
        yield whole[:50]
        yield whole[50:]

    headers = {"Content-Type": "application/json"}
    async with small_and_large() as http:
        for size, status in ((most, 200), (most + 1, 413)):
            assert (await http.post(path, content=exactly(size), headers=headers)).status_code == status
            assert (await http.post(path, content=told_no_length(size), headers=headers)).status_code == status


async def test_what_nobody_reads_is_not_refused() -> None:
    async with small_and_large() as http:
        assert (await http.post("/deaf", content=b"x" * 101)).json() == "heard nothing"
