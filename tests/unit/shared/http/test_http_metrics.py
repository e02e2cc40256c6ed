"""HTTP requests are counted by route, method and status, whatever becomes of them."""

from __future__ import annotations

from uuid import uuid4

import pytest
from fastapi import APIRouter, FastAPI, HTTPException
from httpx import ASGITransport, AsyncClient
from prometheus_client import REGISTRY

from shared.http.metrics import HttpMetrics


def counted(route: str, status: str, method: str = "GET") -> float:
    labels = {"method": method, "route": route, "status": status}
    return REGISTRY.get_sample_value("posada_http_requests_total", labels) or 0


@pytest.fixture
def client() -> AsyncClient:
    router = APIRouter()

    @router.get("/things/{thing_id}")
    async def thing(thing_id: str) -> dict[str, str]:
        if thing_id == "broken":
            raise RuntimeError("broken")
        if thing_id == "none":
            raise HTTPException(404, "no such thing")
        return {"id": thing_id}

    @router.get("/health/live")
    async def live() -> str:
        return "alive"

    app = FastAPI()
    app.add_middleware(HttpMetrics)
    app.include_router(router)
    return AsyncClient(transport=ASGITransport(app, raise_app_exceptions=False), base_url="http://service")


async def test_requests_count_by_route_and_status(client: AsyncClient) -> None:
    before = {status: counted("/things/{thing_id}", status) for status in ("200", "404", "500")}
    for thing in (uuid4(), uuid4(), "none", "broken"):
        await client.get(f"/things/{thing}")
    after = {status: counted("/things/{thing_id}", status) for status in before}
    assert {status: after[status] - before[status] for status in before} == {"200": 2, "404": 1, "500": 1}


async def test_what_strangers_ask_for_makes_no_series_of_its_own(client: AsyncClient) -> None:
    before = counted("not found", "404")
    for _ in range(3):
        await client.get(f"/{uuid4()}")
    assert counted("not found", "404") == before + 3
    await client.request("INVENTED", "/things/1")
    assert counted("/things/{thing_id}", "405", "INVENTED") == 0


async def test_health_is_not_counted(client: AsyncClient) -> None:
    assert (await client.get("/health/live")).status_code == 200
    assert counted("/health/live", "200") == 0
